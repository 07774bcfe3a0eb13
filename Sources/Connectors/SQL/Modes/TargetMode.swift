package import Change

/// What the tables of a SQL target hold of the source's changes, and what the columns are called that say it.
package struct TargetMode: Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// The target's rows are the source's.
    case mirror
    /// Every change is a row of its own.
    case append
    /// Every version of a row is a row of its own, with the time from and to which it held.
    case history
    /// The target's rows are the source's, but deleted ones stay, marked.
    case softDelete = "soft_delete"
  }

  /// The columns that the modes add, by their names where nobody chooses others.
  package enum Column: String, CaseIterable, Sendable {
    case operation = "_op"
    case position = "_position"
    case committedAt = "_committed_at"
    case deletedAt = "_deleted_at"
    case version
    case validFrom = "valid_from"
    case validTo = "valid_to"
    case isCurrent = "is_current"

    /// The mode that adds the column.
    package var kind: Kind {
      switch self {
      case .operation, .position, .committedAt: .append
      case .deletedAt: .softDelete
      case .version, .validFrom, .validTo, .isCurrent: .history
      }
    }

    var type: ColumnType {
      switch self {
      case .operation: .text(length: 1)
      case .position: .text(length: 255)
      case .version: .integer(bits: 64, unsigned: false)
      case .isCurrent: .boolean
      case .committedAt, .deletedAt, .validFrom, .validTo: .timestampZoned(fraction: 6)
      }
    }

    /// Instants are nullable throughout: MariaDB and MySQL may give a TIMESTAMP that is not a clock of its own.
    var isNullable: Bool { type == .timestampZoned(fraction: 6) }
  }

  package let kind: Kind
  private let names: [Column: String]

  package static let mirror = TargetMode(.mirror)

  package init(_ kind: Kind) {
    self.kind = kind
    names = [:]
  }

  /// A mode whose columns have other names.
  /// - Throws: `.configuration` for a name that is empty, or that two columns would have.
  package init(_ kind: Kind, names: [Column: String]) throws(Failure) {
    self.kind = kind
    self.names = names
    var seen: Set<String> = []
    for column in columns {
      let name = name(of: column)
      guard !name.isEmpty, !name.utf8.contains(0), seen.insert(name.lowercased()).inserted else {
        throw Failure(
          .configuration, "\"mode_columns\" gives column \"\(column.rawValue)\" a name that is empty or taken",
          hint: "each column that the mode adds needs a name of its own")
      }
    }
  }

  /// The columns that this mode adds, in their order behind the source's.
  package var columns: [Column] { Column.allCases.filter { $0.kind == kind } }

  /// Whether rows of the past are kept with all their columns.
  package var keepsWhatWas: Bool { kind == .append || kind == .history }

  package func name(of column: Column) -> String { names[column] ?? column.rawValue }

  /// The table at the target for a table of the source.
  /// - Throws: `.targetShape` when a column of the source has the name of one that the mode adds, and for the history of a
  ///   table without a key.
  package func reshape(_ schema: TableSchema) throws(Failure) -> TableSchema {
    if kind == .mirror { return schema }
    let place = "table \"\(schema.name)\""
    let taken = Set(schema.columns.map { $0.name.lowercased() })
    for column in columns where taken.contains(name(of: column).lowercased()) {
      throw Failure(
        .targetShape, "the source has a column \"\(name(of: column))\", which `mode: \(kind.rawValue)` adds", at: place,
        hint: "give the added one another name: `mode_columns: { \(column.rawValue): … }`")
    }
    guard kind != .history || !schema.key.isEmpty else {
      throw Failure(
        .targetShape, "a table without a key has no history: nothing tells which row a change continues", at: place,
        hint: "give the table a key at the source, leave it out, or keep it by `mode: append`")
    }
    let added = columns.map { ColumnSchema(name: name(of: $0), type: $0.type, isNullable: $0.isNullable) }
    let count = schema.columns.count
    switch kind {
    case .mirror: return schema
    case .append:
      return TableSchema(
        name: schema.name, columns: schema.columns.map(TargetMode.recorded) + added, key: [], keyIsPrimary: false,
        indexes: [], version: schema.version)
    case .softDelete:
      return TableSchema(
        name: schema.name, columns: schema.columns + added, key: schema.key, keyIsPrimary: schema.keyIsPrimary,
        indexes: TargetMode.notUnique(schema), version: schema.version)
    case .history:
      return TableSchema(
        name: schema.name, columns: schema.columns.map(TargetMode.notNumbering) + added, key: schema.key + [count],
        indexes: TargetMode.notUnique(schema), version: schema.version)
    }
  }

  /// A column that holds what was, and makes nothing by itself.
  private static func recorded(_ column: ColumnSchema) -> ColumnSchema {
    var column = column
    column.isNullable = true
    column.defaultValue = nil
    column.generation = .no
    column.generationExpression = nil
    column.isAutoIncrement = false
    return column
  }

  private static func notNumbering(_ column: ColumnSchema) -> ColumnSchema {
    var column = column
    column.isAutoIncrement = false
    return column
  }

  /// The indexes of a table in which rows that are gone keep their values: all that find rows, and none that keeps them apart.
  private static func notUnique(_ schema: TableSchema) -> [TableIndex]? {
    schema.indexes?.map { index in
      var index = index
      if index.kind == .unique { index.kind = .ordinary }
      return index
    }
  }
}
