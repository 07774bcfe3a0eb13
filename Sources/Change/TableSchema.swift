/// The name of a table and of the database or schema that holds it, as the source spells them.
package struct TableName: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var namespace: String
  package var table: String

  package init(namespace: String, table: String) {
    self.namespace = namespace
    self.table = table
  }

  package var description: String { "\(namespace).\(table)" }

  package static func < (left: TableName, right: TableName) -> Bool {
    (left.namespace, left.table) < (right.namespace, right.table)
  }
}

/// One column of a table.
package struct ColumnSchema: Hashable, Sendable {
  package enum Default: Hashable, Sendable {
    /// The text of a constant, without quotes.
    case literal(String)
    /// An expression of the source's dialect, evaluated there for each row.
    case expression(String)
  }

  package enum Generation: Hashable, Sendable { case no, virtual, stored }

  package var name: String
  package var type: ColumnType
  package var isNullable: Bool
  /// The type as the source declares it, for example `decimal(12,2) unsigned`; empty where the log does not say.
  package var nativeType: String
  /// nil: there is none, or the log does not say.
  package var defaultValue: Default?
  package var generation: Generation
  package var isInvisible: Bool
  /// The column's character set and collation at the source, for text; nil where they do not apply.
  package var charset: String?
  package var collation: String?
  /// The expression of a generated column, in the source's dialect; nil where it is not known.
  package var generationExpression: String?
  /// Whether the source numbers rows by it; false also where the log does not say.
  package var isAutoIncrement: Bool

  package init(
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
package struct TableIndex: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable { case ordinary, unique, fulltext, spatial }

  package struct Part: Hashable, Sendable {
    /// An index into the table's columns.
    package var column: Int
    /// How many characters or bytes of a value count; nil: all.
    package var prefix: Int?

    package init(column: Int, prefix: Int? = nil) {
      self.column = column
      self.prefix = prefix
    }
  }

  package var name: String
  package var kind: Kind
  package var parts: [Part]

  package init(name: String, kind: Kind, parts: [Part]) {
    self.name = name
    self.kind = kind
    self.parts = parts
  }
}

/// One version of a table's schema: immutable, shared by reference, compared by identity on the hot path.
package final class TableSchema: Sendable, CustomStringConvertible {
  package let name: TableName
  package let columns: [ColumnSchema]
  /// Indexes into `columns`, in key order: the primary key, or else the first unique key without nullable columns; empty: none.
  package let key: [Int]
  /// Whether `key` is the primary key.
  package let keyIsPrimary: Bool
  /// The other unique keys that are known, each as indexes into `columns`.
  package let uniqueKeys: [[Int]]
  /// Every index but the primary key, unique ones too, in the source's order; nil where they are not known.
  package let indexes: [TableIndex]?
  /// Grows by one each time the source sees this table with a different shape.
  package let version: UInt32

  package init(
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

  package var description: String { "\(name) (version \(version))" }

  /// Whether both describe the same shape: name, columns and keys, whatever the version and the indexes.
  package func hasSameShape(as other: TableSchema) -> Bool {
    self === other
      || (name == other.name && columns == other.columns && key == other.key && keyIsPrimary == other.keyIsPrimary
        && uniqueKeys == other.uniqueKeys)
  }
}

/// A change of one table's schema, in its place in the log: the difference of two consecutive schemas.
package struct SchemaChange: Sendable {
  package enum Kind: String, Sendable { case create, alter, rename, drop, truncate }

  package var kind: Kind
  /// The schema until here; nil when the table is new, or was never seen.
  package var before: TableSchema?
  /// The schema from here on; nil after a drop. For a truncation, the unchanged schema when it is known.
  package var after: TableSchema?
  /// The table's name before the change.
  package var table: TableName
  /// The statement as the source logged it; empty when the difference was seen without one, and where it must not be shown.
  package var statement: String
  /// What the statement says of names and keywords; it may tell more than `statement` shows.
  package var words: StatementWords

  package init(
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
  package var changesOnlyIndexes: Bool {
    guard kind == .alter, let before, let after else { return false }
    return before.hasSameShape(as: after)
  }
}
