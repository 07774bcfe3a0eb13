import Change
import SQLRendering

/// Writes the statements that create tables: STRICT, so that SQLite converts no value on its own.
///
/// Only key columns are NOT NULL, and only the key is unique: the source has already enforced the rest, and a mirror that
/// enforces it again could only refuse what the source has accepted.
struct TableDefinition {
  let schema: TableSchema
  let unsigned64: Unsigned64Policy

  func createStatement(table: String) throws(Failure) -> String {
    var parts: [String] = []
    for index in schema.columns.indices { parts.append(try definition(of: index)) }
    if !schema.key.isEmpty, !hasIntegerKey {
      parts.append("PRIMARY KEY (\(try SQLDialect.sqlite.quoted(schema.key.map { schema.columns[$0].name })))")
    }
    return "CREATE TABLE \(try SQLDialect.sqlite.quoted(table)) (\(parts.joined(separator: ", "))) STRICT"
  }

  /// Whether the key is one signed integer, and so can be the row's own number.
  var hasIntegerKey: Bool {
    schema.key.count == 1 && schema.columns[schema.key[0]].type.storage(unsigned64) == .integer
  }

  func definition(of index: Int) throws(Failure) -> String {
    let column = schema.columns[index]
    var text = "\(try SQLDialect.sqlite.quoted(column.name)) \(column.type.storage(unsigned64).rawValue)"
    if schema.key.contains(index) {
      text += hasIntegerKey ? " PRIMARY KEY" : " NOT NULL"
    } else if case .literal(let value) = column.defaultValue,
      let constant = DefaultValue.constant(value, column, unsigned64)
    {
      text += " DEFAULT \(constant)"
    }
    return text
  }
}
