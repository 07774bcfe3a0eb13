package import Change

/// What a statement of data definition does to which tables, read from its text.
///
/// A tolerant reader, no grammar: what it does not understand leaves a definition unknown (nil), never wrong.
package enum DataDefinition: Sendable {
  /// `definition` is nil when it could not be read, or when it comes from elsewhere (`like`, SELECT).
  case createTable(TableName, definition: TableHints?, like: TableName?, replaces: Bool, ifNotExists: Bool)
  /// CREATE TABLE … SELECT: the table comes with rows that the log does not hold.
  case createFilledTable(TableName, ifNotExists: Bool)
  case dropTables([TableName])
  case truncateTable(TableName)
  case renameTables([(from: TableName, to: TableName)])
  /// `alterations` is nil when one of them could not be read.
  case alterTable(TableName, alterations: [Alteration]?, newName: TableName?)
  /// `charset` is the default of its tables from here on; nil: the statement does not name one.
  case createDatabase(String, charset: String?, ifNotExists: Bool)
  case alterDatabase(String, charset: String?)
  case dropDatabase(String)
  /// An index came or went; nil: what was read of it does not tell its columns.
  case createIndex(TableName, TableHints.Index?)
  case dropIndex(TableName, name: String)
  /// Temporary tables, views, triggers, users and all else that changes no table that is replicated.
  case other

  /// One part of an ALTER TABLE.
  package enum Alteration: Sendable {
    package enum Place: Hashable, Sendable {
      case last, first
      case after(String)
    }

    case add(TableHints.Column, Place)
    /// `place` nil: it stays where it is.
    case change(String, TableHints.Column, Place?)
    case drop(String)
    case rename(String, String)
    case addPrimaryKey([String])
    case dropPrimaryKey
    /// nil: an index over an expression, or one that could not be read. Without a name the server gives it one.
    case addIndex(TableHints.Index?)
    case dropIndex(String)
    case renameIndex(String, String)
    /// An index may have come that the statement does not name.
    case forgetIndexes
    case setDefault(String, ColumnSchema.Default?)
    /// The default of text columns that come later.
    case setCharset(String, collation: String?)
    /// Rows come or go, of this table and of `other`, that the log does not hold; `what` names the part.
    case changeRows(what: String, other: TableName?)
    /// It changes nothing that a schema says.
    case nothing
  }
}

extension DataDefinition {
  /// The most bytes of a statement that are read for its columns.
  static let byteLimit = 4 << 20

  /// Reads a statement.
  /// - Parameter database: the default database in which it ran.
  package static func read(_ statement: String, database: String) -> DataDefinition {
    read(Array(statement.utf8), database: database, SQLTokenizer.Dialect())
  }

  static func read(_ bytes: [UInt8], database: String, _ dialect: SQLTokenizer.Dialect) -> DataDefinition {
    guard bytes.count <= byteLimit, let list = SQLTokenizer.tokens(bytes, dialect) else {
      var head = DataDefinitionReader(
        tokens: SQLTokens(tokens: SQLTokenizer.firstTokens(64, bytes, dialect), bytes: bytes), database: database)
      return head.read().withoutDefinition
    }
    var reader = DataDefinitionReader(tokens: SQLTokens(tokens: list, bytes: bytes), database: database)
    return reader.read()
  }

  /// The same, with what only a whole statement tells left unknown.
  private var withoutDefinition: DataDefinition {
    switch self {
    case .createTable(let name, _, let like, let replaces, let ifNotExists):
      .createTable(name, definition: nil, like: like, replaces: replaces, ifNotExists: ifNotExists)
    case .alterTable(let name, let alterations, let newName):
      .alterTable(
        name, alterations: alterations.flatMap { $0.contains(where: \.changesRows) ? $0 : nil }, newName: newName)
    default: self
    }
  }
}

extension DataDefinition.Alteration {
  var changesRows: Bool { if case .changeRows = self { true } else { false } }
}
