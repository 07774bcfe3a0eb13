/// The name of a table and of the database or schema that holds it, as the source spells them.
public struct TableName: Hashable, Sendable, Comparable, CustomStringConvertible {
  public var namespace: String
  public var table: String

  public init(namespace: String, table: String) {
    self.namespace = namespace
    self.table = table
  }

  public var description: String { "\(namespace).\(table)" }

  public static func < (left: TableName, right: TableName) -> Bool {
    (left.namespace, left.table) < (right.namespace, right.table)
  }
}

/// One column of a table.
public struct ColumnSchema: Hashable, Sendable {
  public enum Default: Hashable, Sendable {
    /// The text of a constant, without quotes.
    case literal(String)
    /// An expression of the source's dialect, evaluated there for each row.
    case expression(String)
  }

  public enum Generation: Hashable, Sendable { case no, virtual, stored }

  public var name: String
  public var type: ColumnType
  public var isNullable: Bool
  /// The type as the source declares it, for example `decimal(12,2) unsigned`; empty where the log does not say.
  public var nativeType: String
  /// nil: there is none, or the log does not say.
  public var defaultValue: Default?
  public var generation: Generation
  public var isInvisible: Bool
  /// The column's character set and collation at the source, for text; nil where they do not apply.
  public var charset: String?
  public var collation: String?
  /// The expression of a generated column, in the source's dialect; nil where it is not known.
  public var generationExpression: String?
  /// Whether the source numbers rows by it; false also where the log does not say.
  public var isAutoIncrement: Bool

  public init(
    name: String, type: ColumnType, isNullable: Bool = true, nativeType: String = "", defaultValue: Default? = nil,
    generation: Generation = .no, isInvisible: Bool = false, charset: String? = nil, collation: String? = nil,
    generationExpression: String? = nil, isAutoIncrement: Bool = false
  ) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.nativeType = nativeType
    self.defaultValue = defaultValue
    self.generation = generation
    self.isInvisible = isInvisible
    self.charset = charset
    self.collation = collation
    self.generationExpression = generationExpression
    self.isAutoIncrement = isAutoIncrement
  }
}

/// An index of a table besides its primary key, as the source declares it.
public struct TableIndex: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable { case ordinary, unique, fulltext, spatial }

  public struct Part: Hashable, Sendable {
    /// An index into the table's columns.
    public var column: Int
    /// How many characters or bytes of a value count; nil: all.
    public var prefix: Int?

    public init(column: Int, prefix: Int? = nil) {
      self.column = column
      self.prefix = prefix
    }
  }

  public var name: String
  public var kind: Kind
  public var parts: [Part]

  public init(name: String, kind: Kind, parts: [Part]) {
    self.name = name
    self.kind = kind
    self.parts = parts
  }
}

/// One version of a table's schema: immutable, shared by reference, compared by identity on the hot path.
public final class TableSchema: Sendable, CustomStringConvertible {
  public let name: TableName
  public let columns: [ColumnSchema]
  /// Indexes into `columns`, in key order: the primary key, or else the first unique key without nullable columns; empty: none.
  public let key: [Int]
  /// Whether `key` is the primary key.
  public let keyIsPrimary: Bool
  /// The other unique keys that are known, each as indexes into `columns`.
  public let uniqueKeys: [[Int]]
  /// Every index but the primary key, unique ones too, in the source's order; nil where they are not known.
  public let indexes: [TableIndex]?
  /// Grows by one each time the source sees this table with a different shape.
  public let version: UInt32

  public init(
    name: TableName, columns: [ColumnSchema], key: [Int], keyIsPrimary: Bool = true, uniqueKeys: [[Int]] = [],
    indexes: [TableIndex]? = nil, version: UInt32 = 1
  ) {
    precondition(key.allSatisfy(columns.indices.contains), "a key names columns of its table")
    precondition(
      (indexes ?? []).allSatisfy { $0.parts.allSatisfy { columns.indices.contains($0.column) } },
      "an index names columns of its table")
    self.name = name
    self.columns = columns
    self.key = key
    self.keyIsPrimary = keyIsPrimary
    self.uniqueKeys = uniqueKeys
    self.indexes = indexes
    self.version = version
  }

  public var description: String { "\(name) (version \(version))" }

  /// Whether both describe the same shape: name, columns and keys, whatever the version and the indexes.
  public func hasSameShape(as other: TableSchema) -> Bool {
    self === other
      || (name == other.name && columns == other.columns && key == other.key && keyIsPrimary == other.keyIsPrimary
        && uniqueKeys == other.uniqueKeys)
  }
}

/// A change of one table's schema, in its place in the log: the difference of two consecutive schemas.
public struct SchemaChange: Sendable {
  public enum Kind: String, Sendable { case create, alter, rename, drop, truncate }

  public var kind: Kind
  /// The schema until here; nil when the table is new, or was never seen.
  public var before: TableSchema?
  /// The schema from here on; nil after a drop. For a truncation, the unchanged schema when it is known.
  public var after: TableSchema?
  /// The table's name before the change.
  public var table: TableName
  /// The statement as the source logged it; empty when the difference was seen without one, and where it must not be shown.
  public var statement: String
  /// What the statement says of names and keywords; it may tell more than `statement` shows.
  public var words: StatementWords

  public init(
    kind: Kind, table: TableName, before: TableSchema?, after: TableSchema?, statement: String
  ) {
    self.kind = kind
    self.table = table
    self.before = before
    self.after = after
    self.statement = statement
    words = StatementWords(statement)
  }

  /// Whether nothing changes but indexes that are not keys: rows and their columns stay what they are.
  public var changesOnlyIndexes: Bool {
    guard kind == .alter, let before, let after else { return false }
    return before.hasSameShape(as: after)
  }
}
