import Change
import Expressions

/// Adds columns that are computed from the others, or gives a column another value: casts, parts of JSON, sums.
///
/// The expressions see the columns as they are before the verb. A row before a change has its own computed values, so that
/// both images belong to one table; but for those that are made of what a change knows of itself (`change.commit_time`): which
/// change has made the row before is not known.
struct Compute: Verb {
  let name = "compute"
  let summary = "Adds columns that are computed from others, or computes a column anew."
  let options = [
    Option("table", .list(.string), isRequired: true, "Globs of schema.table."),
    Option("columns", .anything, isRequired: true, "A block: the name of a column, and its expression, as in SQL."),
  ]

  func definition(_ block: OptionBlock) throws(Failure) -> any TransformDefinition {
    guard let node = block.node("columns"), case .map(let entries) = node.content, !entries.isEmpty else {
      throw Failure(
        .configuration, "\"columns\" must be a block of columns and expressions", at: block.place(of: "columns"),
        hint: "columns: { total: \"price * quantity\" }")
    }
    var columns: [ComputedColumn] = []
    for entry in entries {
      guard let text = entry.value.text else {
        throw Failure(
          .configuration, "an expression is expected here, not \(entry.value.described)", at: entry.value.place)
      }
      guard !columns.contains(where: { $0.name.lowercased() == entry.key.lowercased() }) else {
        throw Failure(.configuration, "column \(NearestName.quoted(entry.key)) is computed twice", at: entry.keyPlace)
      }
      let place = entry.value.place.description
      columns.append(
        ComputedColumn(name: entry.key, expression: try Expression.parse(text, in: place), place: place))
    }
    return ComputeDefinition(tables: try TransformTables(block), columns: columns)
  }
}

private struct ComputeDefinition: TransformDefinition {
  let tables: TransformTables
  let columns: [ComputedColumn]

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    ComputeTransform("compute", tables, context.badRowPolicy) { _ in ComputedColumns(columns: columns) }
  }
}
