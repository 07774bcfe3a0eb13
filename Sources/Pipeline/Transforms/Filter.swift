import Change
import Expressions

/// Lets the rows pass for which a condition is true; neither those for which it is false nor those for which it is NULL.
///
/// What passes is a table of its own: an update that brings a row into it is an insert there, one that takes a row out of it
/// a delete. A condition that compares with `old` is about changes and not about rows: then an update passes as it is, or
/// not at all.
struct Filter: Verb {
  let name = "filter"
  let summary = "Lets the rows pass for which a condition is true."
  let options = [
    Option("table", .list(.string), isRequired: true, "Globs of schema.table; other tables are left as they are."),
    Option("where", .string, isRequired: true, "A condition over the columns, as in SQL's WHERE."),
  ]

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    let place = block.place(of: "where")
    let tables = TransformTables(block, &problems)
    guard let text = block.string("where"), let condition = problems.value(try Expression.parse(text, in: place))
    else { return nil }
    return FilterDefinition(condition: condition, place: place, tables: tables)
  }
}

private struct FilterDefinition: TransformDefinition {
  let condition: Expression
  let place: String
  let tables: TransformTables

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    FilterTransform(self, context.badRowPolicy)
  }
}

private final class FilterTransform: Transform {
  private let definition: FilterDefinition
  private let badRows: BadRowPolicy
  private var evaluators = SchemaPlans<ExpressionEvaluator?>()
  // One thread runs one call at a time: what every row touches is exempt from run-time exclusivity checks.
  /// By schema, indexes of changes: all that the verb is about, and the updates among them whose row before counts.
  @exclusivity(unchecked) private var rows: [[UInt32]] = []
  @exclusivity(unchecked) private var updates: [[UInt32]] = []
  @exclusivity(unchecked) private var results: [Bool] = []
  /// By change.
  @exclusivity(unchecked) private var decisions: [Decision] = []
  /// By change, why it is set aside.
  private var rejected: [Int: Failure] = [:]

  /// What the condition says of a change.
  private struct Decision: BitwiseCopyable {
    /// Whether the verb is about it; then the rest counts.
    var isTested = false
    /// Of the row after it, or the row that was deleted.
    var passes = false
    /// Of the row before an update; nil where that does not count, or is not known.
    var passed: Bool?
    /// Whether nobody knows if the row before an update was in the table.
    var isUnknown = false
    /// Whether the condition is about rows, and not about changes.
    var isOfRows = true
  }

  init(_ definition: FilterDefinition, _ badRows: BadRowPolicy) {
    self.definition = definition
    self.badRows = badRows
  }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    _ = try evaluator(schema)
    return schema
  }

  private func evaluator(_ schema: TableSchema) throws(Failure) -> ExpressionEvaluator? {
    try evaluators.plan(for: schema) { schema throws(Failure) in
      guard definition.tables.includes(schema.name) else { return nil }
      let evaluator = ExpressionEvaluator(
        try definition.condition.compiledAsCondition(for: schema, in: definition.place))
      evaluator.notesProblems = true
      return evaluator
    }
  }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    let isAbout = schemas.map { definition.tables.includes($0.name) }
    guard isAbout.contains(true) else { return }
    draft.changes(bySchema: &rows) { isAbout[Int($0.schema)] }
    // The schema of a table whose rows are all gone was not led through the verbs before this one.
    var tested: [ExpressionEvaluator?] = []
    for (index, schema) in schemas.enumerated() { tested.append(rows[index].isEmpty ? nil : try evaluator(schema)) }
    draft.changes(bySchema: &updates) { change in
      change.operation == .update && change.hasBefore && tested[Int(change.schema)]?.program.readsBefore == false
    }
    decisions.removeAll(keepingCapacity: true)
    decisions.append(contentsOf: repeatElement(Decision(), count: draft.changes.count))
    rejected.removeAll(keepingCapacity: true)
    try draft.lend { batch throws(Failure) in try test(batch, tested) }
    for (index, failure) in rejected.sorted(by: { $0.key < $1.key }) {
      draft.reject(index, of: schemas[Int(draft.changes[index].schema)], failure)
    }
    try convert(draft)
    draft.judge { _, index in
      if !rejected.isEmpty, rejected[index] != nil { return .setAside }
      let decision = decisions[index]
      return !decision.isTested || decision.passes || decision.passed == true ? .keep : .leaveOut
    }
  }

  private func test(_ batch: Batch, _ tested: [ExpressionEvaluator?]) throws(Failure) {
    for (schema, evaluator) in tested.enumerated() {
      guard let evaluator, !rows[schema].isEmpty else { continue }
      try evaluator.test(batch, rows[schema], into: &results)
      let isOfRows = !evaluator.program.readsBefore
      for (index, passes) in zip(rows[schema], results) {
        decisions[Int(index)].isTested = true
        decisions[Int(index)].passes = passes
        decisions[Int(index)].isOfRows = isOfRows
      }
      try judge(evaluator, rows[schema], batch) { index in
        guard isOfRows, batch.changes[index].operation == .delete else { return false }
        // Whether it was there nobody knows; when it is not to be, its key is enough to see to it.
        decisions[index].passes = true
        return true
      }
      if updates[schema].isEmpty { continue }
      try evaluator.test(batch, updates[schema], image: .before, into: &results)
      for (index, passed) in zip(updates[schema], results) { decisions[Int(index)].passed = passed }
      try judge(evaluator, updates[schema], batch) { index in
        decisions[index].passed = nil
        decisions[index].isUnknown = true
        return true
      }
    }
  }

  /// Decides of the rows for which the condition had no result.
  /// - Parameter accepts: goes on without it, where it can: when the row has a key, and the fault is not to stop the pipeline.
  private func judge(
    _ evaluator: ExpressionEvaluator, _ changes: [UInt32], _ batch: Batch, accepts: (Int) -> Bool
  ) throws(Failure) {
    for problem in evaluator.problems {
      let index = Int(changes[problem.row])
      let hasKey = !batch.schemas[Int(batch.changes[index].schema)].key.isEmpty
      if rejected[index] != nil || (hasKey && (problem.isAbsent || badRows == .quarantine) && accepts(index)) {
        continue
      }
      let failure = evaluator.failure(of: problem).ofChange(index, batch)
      guard badRows == .quarantine else { throw failure }
      rejected[index] = failure
    }
  }

  /// Makes inserts and deletes of the updates that cross the condition.
  private func convert(_ draft: BatchDraft) throws(Failure) {
    for (index, decision) in decisions.enumerated() where decision.isTested && decision.isOfRows {
      guard draft.changes[index].operation == .update, decision.passes != decision.passed else { continue }
      if !rejected.isEmpty, rejected[index] != nil { continue }
      if decision.isUnknown {
        if decision.passes { continue } else { decisions[index].passed = true }
      }
      if !draft.changes[index].hasBefore {
        // Nobody knows whether the row was there; when it is not to be, its key is enough to see to it.
        if !decision.passes { decisions[index].passed = true } else { continue }
        draft.changes[index].before = draft.changes[index].after
      }
      if decision.passes {
        guard try complete(draft, index) else { continue }
        draft.changes[index].operation = .insert
        draft.changes[index].before = RowChange.noCells
      } else {
        draft.changes[index].operation = .delete
        draft.changes[index].after = RowChange.noCells
      }
    }
  }

  /// A row that is inserted has all its values: what an update leaves out is in the row before it.
  /// - Returns: whether it has; otherwise the change is set aside.
  private func complete(_ draft: BatchDraft, _ index: Int) throws(Failure) -> Bool {
    let change = draft.changes[index]
    let schema = draft.schemas[Int(change.schema)]
    for column in schema.columns.indices where !draft.cells[Int(change.after) + column].hasColumn {
      let before = draft.cells[Int(change.before) + column]
      guard before.hasColumn else {
        let failure = Failure(
          .badValue,
          "an update brings a row into the filter, and the log does not hold its column \"\(schema.columns[column].name)\"",
          at: "table \"\(schema.name)\"", hint: "log whole rows at the source: binlog_row_image = FULL")
        guard badRows == .quarantine else { throw failure }
        rejected[index] = failure
        draft.reject(index, of: schema, failure)
        return false
      }
      draft.cells[Int(change.after) + column] = before
    }
    return true
  }
}

extension Cell {
  /// Whether the row image holds the column: a value, or NULL.
  fileprivate var hasColumn: Bool { tag != .absent && tag != .unavailable }
}

extension Failure {
  /// The failure of an expression with the table and the place in the log of the row that it was about.
  func ofChange(_ index: Int, _ batch: Batch) -> Failure {
    var failure = self
    let table = batch.schemas[Int(batch.changes[index].schema)].name
    let part = batch.transactions.part(of: index)
    let transaction = part.map { batch.identifier(of: batch.transactions[$0]) } ?? ""
    failure.message += ", of table \"\(table)\""
    if !transaction.isEmpty { failure.message += " in transaction \(transaction)" }
    let advice = "make the expression give NULL for such rows (nullif, coalesce, case), or set `on_bad_row: quarantine`"
    if failure.hint.isEmpty { failure.hint = advice }
    return failure
  }
}
