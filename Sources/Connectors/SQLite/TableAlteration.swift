import Change
import SQLRendering
import SQLiteDatabase

/// Changes one table at the target as the source has changed its own, rows included. Belongs into the group's transaction.
///
/// In place where SQLite can, otherwise by building the table anew from its rows.
struct TableAlteration {
  let connection: SQLiteConnection
  let target: String
  let shape: TargetShape
  let before: TableSchema
  let difference: SchemaDifference
  let words: StatementWords
  let unsigned64: Unsigned64Policy
  /// Whether nothing is ever taken away: dropped columns stay, a renamed one is copied into a new one.
  let isLenient: Bool
  /// The condition of rows that the source has now; nil: all of them. What the source did not have it did not change.
  let liveRows: String?

  private var after: TableSchema { difference.after }

  /// What the schema was, as far as the target tells: its columns, with the types that the source has now.
  static func assumed(before after: TableSchema, _ shape: TargetShape) -> TableSchema {
    let indexes = after.columns.indices.filter { shape.column(after.columns[$0].name) != nil }
    let key = after.key.compactMap { indexes.firstIndex(of: $0) }
    return TableSchema(
      name: after.name, columns: indexes.map { after.columns[$0] }, key: key.count == after.key.count ? key : [])
  }

  func run() throws {
    let conversions = try difference.retyped.map { step in (step, try conversion(step)) }
    let movesStorage = difference.retyped.contains {
      $0.old.type.storage(unsigned64) != after.columns[$0.new].type.storage(unsigned64)
    }
    if difference.changesKey || movesStorage {
      try rebuild(conversions)
    } else {
      try change(conversions)
    }
  }

  // MARK: Values

  private func conversion(_ step: SchemaDifference.Renaming) throws -> ColumnConversion {
    let name = try quoted(step.old.name)
    let new = after.columns[step.new]
    let result = ColumnConversion.from(step.old, to: new, name: name, unsigned64: unsigned64)
    let condition: String?
    switch result {
    case .keep(let found), .rewrite(_, let found): condition = found
    // Without rows there is nothing to convert.
    case .unknown: condition = "1"
    }
    if let condition, try hasRow(where: condition) {
      throw failure(
        "what the source made of the values of column \"\(new.name)\" by its new type cannot be told from the log")
    }
    return result == .unknown ? .keep(unless: nil) : result
  }

  private func hasRow(where condition: String) throws(SQLiteFailure) -> Bool {
    let table: String
    do throws(Failure) {
      table = try quoted(target)
    } catch {
      throw SQLiteFailure(code: 1, extendedCode: 1, message: error.message)
    }
    let condition = liveRows.map { "(\(condition)) AND (\($0))" } ?? condition
    return try SQLiteStatement(connection, "SELECT 1 FROM \(table) WHERE \(condition) LIMIT 1", persistent: false)
      .step()
  }

  /// What the rows that are already there have in an added column, as a constant.
  private func initialValue(_ index: Int) throws -> String {
    let column = after.columns[index]
    guard try hasRow(where: "1") else { return "NULL" }
    if column.generation != .no {
      throw failure("the values of the generated column \"\(column.name)\" are not in the log")
    }
    let value: String?
    switch column.defaultValue {
    case .literal(let text): value = DefaultValue.constant(text, column, unsigned64)
    case .expression: value = nil
    case nil:
      // A log that does not carry defaults still carries the statement.
      let isHidden = words.declaresDefault || words.contains("AUTO_INCREMENT") || words.contains("SERIAL")
      value = isHidden ? nil : column.isNullable ? "NULL" : DefaultValue.implicit(column, unsigned64)
    }
    guard let value else {
      throw failure(
        "what column \"\(column.name)\", which was added, holds in the rows that were there is not in the log")
    }
    return value
  }

  // MARK: In place

  private func change(_ conversions: [(SchemaDifference.Renaming, ColumnConversion)]) throws {
    let table = try quoted(target)
    if !isLenient {
      for column in difference.dropped where shape.column(column.name) != nil {
        try connection.execute("ALTER TABLE \(table) DROP COLUMN \(quoted(column.name))")
      }
      try renameColumns(table)
    }
    var added = difference.added
    if isLenient {
      added += difference.renamed.map(\.new)
      let names = (difference.dropped + difference.renamed.map(\.old)).map(\.name)
      for name in names where shape.column(name) != nil { try kept.add(name) }
    }
    for index in added {
      let isCopied = difference.renamed.contains { $0.new == index }
      if try isThere(after.columns[index].name) {
        if try kept.remove(after.columns[index].name), !isCopied { try overwrite(index, table) }
        continue
      }
      let value = isCopied ? "NULL" : try initialValue(index)
      let definition =
        try quoted(after.columns[index].name) + " " + after.columns[index].type.storage(unsigned64).rawValue
      try connection.execute(
        "ALTER TABLE \(table) ADD COLUMN \(definition)" + (value == "NULL" ? "" : " DEFAULT \(value)"))
    }
    if isLenient {
      for step in difference.renamed {
        try connection.execute(
          "UPDATE \(table) SET \(quoted(after.columns[step.new].name)) = \(quoted(step.old.name))")
      }
    }
    try rewrite(conversions, table)
  }

  private var kept: KeptColumns { KeptColumns(connection: connection, target: target) }

  /// Gives the rows that the source has what it gave them in a column that was kept from before it was dropped.
  private func overwrite(_ index: Int, _ table: String) throws {
    let condition = liveRows.map { " WHERE \($0)" } ?? ""
    try connection.execute(
      "UPDATE \(table) SET \(quoted(after.columns[index].name)) = \(initialValue(index))\(condition)")
  }

  private func isThere(_ name: String) throws(SQLiteFailure) -> Bool {
    try TargetShape(connection, table: target)?.column(name) != nil
  }

  private func renameColumns(_ table: String) throws {
    // By way of names that nobody has, so that columns may trade theirs.
    for (number, step) in difference.renamed.enumerated() where shape.column(step.old.name) != nil {
      try connection.execute("ALTER TABLE \(table) RENAME COLUMN \(quoted(step.old.name)) TO \"_freshet_\(number)\"")
    }
    for (number, step) in difference.renamed.enumerated() where shape.column(step.old.name) != nil {
      try connection.execute(
        "ALTER TABLE \(table) RENAME COLUMN \"_freshet_\(number)\" TO \(quoted(after.columns[step.new].name))")
    }
  }

  private func rewrite(_ conversions: [(SchemaDifference.Renaming, ColumnConversion)], _ table: String) throws {
    for (step, conversion) in conversions {
      let old = ColumnSchema(name: after.columns[step.new].name, type: step.old.type, nativeType: step.old.nativeType)
      guard case .rewrite = conversion,
        case .rewrite(let expression, _) = ColumnConversion.from(
          old, to: after.columns[step.new], name: try quoted(old.name), unsigned64: unsigned64)
      else { continue }
      try connection.execute("UPDATE \(table) SET \(quoted(old.name)) = \(expression)")
    }
  }

  // MARK: Anew

  private func rebuild(_ conversions: [(SchemaDifference.Renaming, ColumnConversion)]) throws {
    try checkCanRebuild()
    let table = try quoted(target)
    let dependents = try definitionsOfDependents()
    let definition = TableDefinition(schema: after, unsigned64: unsigned64)
    try connection.execute(definition.createStatement(table: "_freshet_rebuild"))
    var values: [String] = []
    for index in after.columns.indices {
      if difference.added.contains(index) {
        values.append(try initialValue(index))
      } else if let (_, conversion) = conversions.first(where: { $0.0.new == index }),
        case .rewrite(let expression, _) = conversion
      {
        values.append(expression)
      } else {
        let old = difference.renamed.first { $0.new == index }?.old.name ?? after.columns[index].name
        values.append(try quoted(old))
      }
    }
    let names = try SQLDialect.sqlite.quoted(after.columns.map(\.name))
    try connection.execute(
      "INSERT INTO \"_freshet_rebuild\" (\(names)) SELECT \(values.joined(separator: ", ")) FROM \(table) ORDER BY 1")
    try connection.execute("DROP TABLE \(table)")
    // Views and other tables' triggers name the table that is not there at this moment; the rename must not look at them.
    try connection.execute("PRAGMA legacy_alter_table = ON")
    let renaming = Result { try connection.execute("ALTER TABLE \"_freshet_rebuild\" RENAME TO \(table)") }
    try connection.execute("PRAGMA legacy_alter_table = OFF")
    try renaming.get()
    for statement in dependents { try connection.execute(statement) }
  }

  private func checkCanRebuild() throws {
    if isLenient, !difference.dropped.isEmpty {
      throw failure("columns were dropped together with a change that builds the table anew, which `lenient` keeps")
    }
    let known = Set(before.columns.map { $0.name.lowercased() })
    if let extra = shape.columns.first(where: { !known.contains($0.name.lowercased()) }) {
      throw failure("the table must be built anew, and its column \"\(extra.name)\" is not the source's")
    }
    let references = try SQLiteStatement(
      connection,
      """
      SELECT 1 FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
      WHERE s.type = 'table' AND (lower(f."table") = lower(?1) OR lower(s.name) = lower(?1)) LIMIT 1
      """, persistent: false)
    try references.bind(1, target)
    if try references.step() { throw failure("the table must be built anew, and foreign keys bind it") }
  }

  /// The indexes and triggers that someone has given the table.
  private func definitionsOfDependents() throws(SQLiteFailure) -> [String] {
    let statement = try SQLiteStatement(
      connection,
      "SELECT sql FROM sqlite_schema WHERE lower(tbl_name) = lower(?1) AND type IN ('index', 'trigger') AND sql IS NOT NULL",
      persistent: false)
    try statement.bind(1, target)
    var found: [String] = []
    while try statement.step() { found.append(statement.string(0) ?? "") }
    return found
  }

  private func quoted(_ name: String) throws(Failure) -> String { try SQLDialect.sqlite.quoted(name) }

  private func failure(_ message: String) -> Failure {
    Failure(
      .schemaChange, message, at: "table \"\(before.name)\"",
      hint: "change the target by hand, or take a new snapshot of the table")
  }
}
