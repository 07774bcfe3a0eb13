package import Change

/// What a table's definition says and a log does not, or not always: names, exact types, keys, defaults.
package struct TableHints: Hashable, Sendable {
  package struct Column: Hashable, Sendable {
    package var name: String
    /// The type as declared, in lower case but for quoted members: `decimal(12,2) unsigned`, `enum('a','B')`, `uuid`.
    package var nativeType: String
    /// nil: the definition does not say.
    package var isNullable: Bool?
    package var defaultValue: ColumnSchema.Default?
    package var generation: ColumnSchema.Generation
    package var isInvisible: Bool
    package var charset: String?
    package var collation: String?
    /// The expression of a generated column; nil where it is not known.
    package var generationExpression: String?
    package var isAutoIncrement: Bool

    package init(
      name: String, nativeType: String, isNullable: Bool? = true, defaultValue: ColumnSchema.Default? = nil,
      generation: ColumnSchema.Generation = .no, isInvisible: Bool = false, charset: String? = nil,
      collation: String? = nil, generationExpression: String? = nil, isAutoIncrement: Bool = false
    ) {
      self.name = name
      self.nativeType = nativeType
      self.isNullable = isNullable
      self.defaultValue = defaultValue
      self.generation = generation
      self.isInvisible = isInvisible
      self.charset = charset
      self.collation = collation
      self.generationExpression = generationExpression
      self.isAutoIncrement = isAutoIncrement
    }
  }

  /// An index besides the primary key.
  package struct Index: Hashable, Sendable {
    package struct Part: Hashable, Sendable {
      package var column: String
      package var prefix: Int?

      package init(column: String, prefix: Int? = nil) {
        self.column = column
        self.prefix = prefix
      }
    }

    package var name: String
    package var kind: TableIndex.Kind
    package var parts: [Part]

    package init(name: String, kind: TableIndex.Kind, parts: [Part]) {
      self.name = name
      self.kind = kind
      self.parts = parts
    }
  }

  package var columns: [Column]
  /// Names of the primary key's columns in key order; empty: there is none.
  package var primaryKey: [String]
  /// Names of the columns of every other unique key, in order of definition.
  package var uniqueKeys: [[String]]
  /// Every index but the primary key, those over expressions left out; nil where they are not known.
  package var indexes: [Index]?
  /// The character set of text columns that name none; nil: it is not known.
  package var charset: String?
  /// Their collation, where it is not the character set's own; nil: it is that, or not known.
  package var collation: String?

  package init(
    columns: [Column], primaryKey: [String] = [], uniqueKeys: [[String]] = [], indexes: [Index]? = nil,
    charset: String? = nil, collation: String? = nil
  ) {
    self.columns = columns
    self.primaryKey = primaryKey
    self.uniqueKeys = uniqueKeys
    self.indexes = indexes
    self.charset = charset
    self.collation = collation
  }

  /// The key that identifies rows, as indexes: the primary key, or else the first unique key without nullable columns.
  package func key(isNullable: (Int) -> Bool) -> (indexes: [Int], isPrimary: Bool) {
    if let primary = indexes(of: primaryKey), !primary.isEmpty { return (primary, true) }
    for names in uniqueKeys {
      if let unique = indexes(of: names), !unique.isEmpty, !unique.contains(where: isNullable) {
        return (unique, false)
      }
    }
    return ([], true)
  }

  /// The indexes as a schema has them; nil where they are not known.
  package var tableIndexes: [TableIndex]? {
    guard let indexes else { return nil }
    var result: [TableIndex] = []
    for index in indexes {
      var parts: [TableIndex.Part] = []
      for part in index.parts {
        guard let column = self.index(of: part.column) else { return nil }
        parts.append(TableIndex.Part(column: column, prefix: part.prefix))
      }
      result.append(TableIndex(name: index.name, kind: index.kind, parts: parts))
    }
    return result
  }

  /// nil when a name is none of the columns.
  package func indexes(of names: [String]) -> [Int]? {
    var indexes: [Int] = []
    for name in names {
      guard let index = index(of: name) else { return nil }
      indexes.append(index)
    }
    return indexes
  }

  /// Column names are the same in upper and lower case.
  package func index(of name: String) -> Int? {
    columns.firstIndex { $0.name == name } ?? columns.firstIndex { $0.name.lowercased() == name.lowercased() }
  }
}

/// Where the decoder asks for a table's definition: information_schema, a stored catalog, or nothing.
///
/// *Thread*: called on the decoder's, in the middle of a batch; an implementation answers from memory.
package protocol SchemaProvider: AnyObject {
  /// The definition that holds at the place in the log that is being decoded, or nil when none is known.
  /// - Parameter logHasNames: whether the log names the columns, so that an answer of a later time cannot give wrong ones.
  func hints(for table: TableName, logHasNames: Bool) -> TableHints?
  /// The definition of a table that was there before the statement at hand; nil: there was none, or it cannot be told.
  func earlierHints(for table: TableName) -> TableHints?
  /// The definition that was known to hold here before a statement that is about to change it; nothing is asked for.
  func rememberedHints(for table: TableName) -> TableHints?
  /// The tables of a database that `rememberedHints` knows.
  func rememberedTables(in database: String) -> [TableName]
  /// The definition that the log itself gave for this place, with rows.
  func remember(_ hints: TableHints, for table: TableName)
  /// The definition that holds behind the statement at hand.
  func define(_ table: TableName, as hints: TableHints)
  /// The character set of a database that the log told of before here.
  func rememberedCharset(of database: String) -> String?
  /// What holds of a database behind the statement at hand; nil: it is not known, or the database is gone.
  func defineDatabase(_ database: String, charset: String?)
  /// The statement at hand changed the table in a way that was not understood: behind it what was known holds no longer.
  func forget(_ table: TableName)
}

extension SchemaProvider {
  package func earlierHints(for table: TableName) -> TableHints? { nil }
  package func rememberedHints(for table: TableName) -> TableHints? { nil }
  package func rememberedTables(in database: String) -> [TableName] { [] }
  package func remember(_ hints: TableHints, for table: TableName) {}
  package func define(_ table: TableName, as hints: TableHints) {}
  package func rememberedCharset(of database: String) -> String? { nil }
  package func defineDatabase(_ database: String, charset: String?) {}
  package func forget(_ table: TableName) {}
}
