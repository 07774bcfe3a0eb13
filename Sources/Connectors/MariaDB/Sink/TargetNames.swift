internal import Change
internal import SQLRendering

/// Names tables at the target by a template: `{schema}.{table}`, `copy.{schema}_{table}`.
struct TargetNames: Hashable, Sendable {
  private let database: String
  private let table: String

  init() {
    database = "{schema}"
    table = "{table}"
  }

  /// - Throws: `.configuration` for a template that is not one database and one table, or gives every table one name.
  init(_ template: String) throws(Failure) {
    let parts = template.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, parts[1].contains("{table}") else {
      throw Failure(
        .configuration, "\"table_name\" is a database, a point and a name that contains {table}",
        hint: "for example `{schema}.{table}` or `copy.{schema}_{table}`")
    }
    database = String(parts[0])
    table = String(parts[1])
  }

  /// Whether every table keeps its name.
  var areUnchanged: Bool { self == TargetNames() }

  func target(of name: TableName) -> TableName {
    TableName(namespace: name.filling(database), table: name.filling(table))
  }
}
