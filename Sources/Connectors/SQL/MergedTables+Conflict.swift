package import Change
package import Pipeline

extension MergedTables {
  /// A row of a source has the key of a row that another one has brought.
  /// - Parameters:
  ///   - place: the change that brings the second row.
  ///   - other: the source of the first; nil: the target has it, and does not tell whose it is.
  package func conflict(in schema: TableSchema, _ place: ChangePlace, source: UInt16, other: UInt16?) -> Failure {
    let key = schema.key.map { schema.columns[$0].name }.joined(separator: ", ")
    let owner = other.map { "source \"\(name(of: $0))\" has brought" } ?? "the target already has, of another source,"
    return Failure(
      .badValue, "source \"\(name(of: source))\" brings a row with a key (\(key)) that \(owner)",
      at: "table \"\(schema.name)\", \(place.text)",
      hint: "give the sources' tables names of their own with `route`, or their keys a column that tells them apart; "
        + "empty the table when its rows are left from an earlier run; "
        + "`order: { shared_keys: last }` keeps the row that comes last")
  }
}
