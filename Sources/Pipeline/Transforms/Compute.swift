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
    return ComputeDefinition(tables: TransformTables(block), columns: columns)
  }
}

private struct ComputedColumn: Sendable {
  let name: String
  let expression: Expression
  let place: String
}

private struct ComputeDefinition: TransformDefinition {
  let tables: TransformTables
  let columns: [ComputedColumn]

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    ComputeTransform(self, context.badRowPolicy)
  }
}

/// What is done with the rows of one schema. *Thread*: one at a time.
private final class Computation {
  let target: TableSchema
  /// How many columns the rows have before.
  let width: Int
  /// In the order of the definition.
  let evaluators: [ExpressionEvaluator]
  /// The place of each computed column in the result.
  let places: [Int]
  // By computed column, the values for the changes with a row after, and for those with a row before.
  var after: [[Cell]]
  var before: [[Cell]]

  init(_ schema: TableSchema, _ computed: [ComputedColumn]) throws(Failure) {
    var columns = schema.columns.map(\.holdingValues)
    var evaluators: [ExpressionEvaluator] = []
    var places: [Int] = []
    for column in computed {
      let program = try column.expression.compiled(for: schema, in: column.place)
      guard !program.readsChange || !schema.key.isEmpty else {
        throw Failure(
          .configuration, "`compute` makes column \"\(column.name)\" of the change, and the table has no key",
          at: "table \"\(schema.name)\"",
          hint:
            "without a key rows are found by all their values, and which change made a row is not known; use columns only"
        )
      }
      let made = ColumnSchema(
        name: column.name, type: program.type.columnType, isNullable: program.type.isNullable)
      if let place = schema.column(named: column.name) {
        guard !schema.key.contains(place) else {
          throw Failure(
            .configuration, "`compute` changes column \"\(column.name)\", which is part of the key",
            at: "table \"\(schema.name)\"", hint: "give the result a name of its own")
        }
        columns[place] = made
        columns[place].name = schema.columns[place].name
        places.append(place)
      } else {
        places.append(columns.count)
        columns.append(made)
      }
      let evaluator = ExpressionEvaluator(program)
      evaluator.notesProblems = true
      evaluators.append(evaluator)
    }
    width = schema.columns.count
    self.evaluators = evaluators
    self.places = places
    let replaced = Set(places)
    target = TableSchema(
      name: schema.name, columns: columns, key: schema.key, keyIsPrimary: schema.keyIsPrimary,
      uniqueKeys: schema.uniqueKeys.filter { replaced.isDisjoint(with: $0) },
      indexes: schema.indexes?.filter { replaced.isDisjoint(with: $0.parts.map(\.column)) }, version: schema.version)
    after = Array(repeating: [], count: evaluators.count)
    before = after
  }

  /// Computes the values of the rows before and after changes.
  /// - Parameter refuse: is told of the changes that have no result.
  func evaluate(
    _ batch: Batch, after: [UInt32], before: [UInt32], _ scratch: ScratchArena, _ badRows: BadRowPolicy,
    _ refuse: (Int, Failure) throws(Failure) -> Void
  ) throws(Failure) {
    for (number, evaluator) in evaluators.enumerated() {
      try evaluator.values(batch, after, scratch: scratch, into: &self.after[number])
      for problem in evaluator.problems {
        try refuse(Int(after[problem.row]), evaluator.failure(of: problem))
      }
      if evaluator.program.readsChange {
        self.before[number].removeAll(keepingCapacity: true)
        self.before[number].append(contentsOf: repeatElement(.absent, count: before.count))
        continue
      }
      try evaluator.values(batch, before, image: .before, scratch: scratch, into: &self.before[number])
      for problem in evaluator.problems {
        // A row before a change that does not hold what is needed has no value, like the columns that it leaves out. Nor has
        // one that was set aside when it was written: its key tells enough of it.
        if problem.isAbsent || (badRows == .quarantine && !target.key.isEmpty) { continue }
        try refuse(Int(before[problem.row]), evaluator.failure(of: problem))
      }
    }
  }
}

extension Computation {
  /// Puts the computed values to their places in the rows, column by column.
  func fill(
    _ cells: UnsafeMutableBufferPointer<Cell>, _ changes: UnsafeMutableBufferPointer<RowChange>, after: [UInt32],
    before: [UInt32]
  ) {
    for (number, place) in places.enumerated() {
      for (index, value) in zip(after, self.after[number]) { cells[Int(changes[Int(index)].after) + place] = value }
      for (index, value) in zip(before, self.before[number]) { cells[Int(changes[Int(index)].before) + place] = value }
    }
  }
}

private final class ComputeTransform: Transform {
  private let definition: ComputeDefinition
  private var plans = SchemaPlans<Computation?>()
  private let scratch = ScratchArena()
  private var after: [[UInt32]] = []
  private var before: [[UInt32]] = []
  /// The cells of a batch before this one, to be written over.
  private var spare: [Cell] = []
  private let badRows: BadRowPolicy
  /// By change, why it is set aside.
  private var rejected: [Int: Failure] = [:]

  init(_ definition: ComputeDefinition, _ badRows: BadRowPolicy) {
    self.definition = definition
    self.badRows = badRows
  }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    try computation(schema)?.target ?? schema
  }

  private func computation(_ schema: TableSchema) throws(Failure) -> Computation? {
    try plans.plan(for: schema) { schema throws(Failure) in
      definition.tables.includes(schema.name) ? try Computation(schema, definition.columns) : nil
    }
  }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    var computations: [Computation?] = []
    for (index, schema) in schemas.enumerated() {
      computations.append(draft.schemas[index] === schema ? nil : try computation(schema))
    }
    guard computations.contains(where: { $0 != nil }) else { return }
    draft.changes(bySchema: &after) { computations[Int($0.schema)] != nil && $0.hasAfter }
    draft.changes(bySchema: &before) { computations[Int($0.schema)] != nil && $0.hasBefore }
    scratch.removeAll()
    rejected.removeAll(keepingCapacity: true)
    try draft.lend { batch throws(Failure) in
      for (index, computation) in computations.enumerated() {
        try computation?.evaluate(batch, after: after[index], before: before[index], scratch, badRows) {
          change, failure throws(Failure) in
          if rejected[change] != nil { return }
          let failure = failure.ofChange(change, batch)
          guard badRows == .quarantine else { throw failure }
          rejected[change] = failure
        }
      }
    }
    for (index, failure) in rejected.sorted(by: { $0.key < $1.key }) {
      draft.reject(index, of: schemas[Int(draft.changes[index].schema)], failure)
    }
    guard draft.arena.count + scratch.count < 0xf000_0000 else {
      throw Failure(.limit, "the rows of one batch are too large to compute more of them")
    }
    // Slices of what was computed continue the arena.
    if scratch.count > 0 { draft.arena.append(contentsOf: scratch.bytes) }
    widen(draft, computations, widths: schemas.map(\.columns.count))
    if !rejected.isEmpty { draft.judge { _, index in rejected[index] == nil ? .keep : .setAside } }
  }

  /// Writes the rows with their computed columns into the buffer of a batch before, which then belongs to this one.
  private func widen(_ draft: BatchDraft, _ computations: [Computation?], widths: [Int]) {
    let targets = zip(computations, widths).map { $0?.target.columns.count ?? $1 }
    var room = 0
    for change in draft.changes where change.operation != .schema {
      let width = targets[Int(change.schema)]
      room += (change.hasBefore ? width : 0) + (change.hasAfter ? width : 0)
    }
    spare.reserve(room)
    spare.withUnsafeMutableBufferPointer { wide in
      draft.changes.withUnsafeMutableBufferPointer { changes in
        draft.cells.withUnsafeBufferPointer { cells in
          var end = 0
          // Both images of a change lie in `cells`, as long as its schema is wide, and `wide` has room for all of them.
          func copy(_ first: UInt32, _ schema: Int) -> UInt32 {
            let start = end
            for offset in 0..<widths[schema] { wide[start + offset] = cells[Int(first) + offset] }
            end += targets[schema]
            return UInt32(start)
          }
          for index in changes.indices where changes[index].operation != .schema {
            let schema = Int(changes[index].schema)
            if changes[index].hasBefore { changes[index].before = copy(changes[index].before, schema) }
            if changes[index].hasAfter { changes[index].after = copy(changes[index].after, schema) }
          }
        }
        for (schema, computation) in computations.enumerated() {
          computation?.fill(wide, changes, after: after[schema], before: before[schema])
        }
      }
    }
    spare.removeSubrange(room...)
    swap(&spare, &draft.cells)
  }
}
