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

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    let tables = TransformTables(block, &problems)
    guard let node = block.node("columns"), case .map(let entries) = node.content, !entries.isEmpty else {
      problems.note(
        Failure(
          .configuration, "\"columns\" must be a block of columns and expressions", at: block.place(of: "columns"),
          hint: "columns: { total: \"price * quantity\" }"))
      return nil
    }
    var columns: [ComputedColumn] = []
    var names: Set<String> = []
    for entry in entries {
      if !names.insert(entry.key.lowercased()).inserted {
        problems.note(
          Failure(.configuration, "column \(NearestName.quoted(entry.key)) is computed twice", at: entry.keyPlace))
      }
      guard let text = entry.value.text else {
        problems.note(
          Failure(
            .configuration, "an expression is expected here, not \(entry.value.described)", at: entry.value.place))
        continue
      }
      let place = entry.value.place.description
      if let expression = problems.value(try Expression.parse(text, in: place)) {
        columns.append(ComputedColumn(name: entry.key, expression: expression, place: place))
      }
    }
    return ComputeDefinition(tables: tables, columns: columns)
  }
}

private struct ComputeDefinition: TransformDefinition {
  let tables: TransformTables
  let columns: [ComputedColumn]

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    ComputeTransform("compute", tables, context.badRowPolicy) { _ in ComputedColumns(columns: columns) }
  }
}
