import Change
import Expressions

/// A column that a verb computes.
struct ComputedColumn: Sendable {
  let name: String
  let expression: Expression
  /// Of the expression, or of what it was made of.
  let place: String
  /// Whether a verb has made the expression of one column: what it says of its own text tells nobody anything, and an update
  /// that leaves the column out leaves this one out, too.
  var isMade = false
}

/// What a verb computes of the rows of one schema.
struct ComputedColumns {
  var columns: [ComputedColumn]
  /// The rows that have no result, whatever the expressions say; nil: no rows.
  var refused: RefusedRows?
}

/// Rows that a verb does not take.
struct RefusedRows: Sendable {
  let condition: Expression
  /// Why.
  let message: String
  let place: String
}

/// What is done with the rows of one schema. *Thread*: one at a time.
final class Computation {
  let target: TableSchema
  /// How many columns the rows have before.
  let width: Int
  /// In the order of the definition.
  let columns: [ComputedColumn]
  let evaluators: [ExpressionEvaluator]
  /// The place of each computed column in the result.
  let places: [Int]
  private let refused: (rows: RefusedRows, evaluator: ExpressionEvaluator)?
  // By computed column, the values for the changes with a row after, and for those with a row before.
  var after: [[Cell]]
  var before: [[Cell]]
  private var isRefused: [Bool] = []

  /// - Parameter verb: for messages.
  init(_ schema: TableSchema, _ computed: ComputedColumns, verb: String) throws(Failure) {
    var columns = schema.columns.map(\.holdingValues)
    var evaluators: [ExpressionEvaluator] = []
    var places: [Int] = []
    var replaced: Set<Int> = []
    for column in computed.columns {
      let program = try column.program(for: schema)
      let made = ColumnSchema(name: column.name, type: program.type.columnType, isNullable: program.type.isNullable)
      if let place = schema.column(named: column.name) {
        let keepsApart = column.isMade && made.type.keepsApart(valuesOf: schema.columns[place].type)
        guard keepsApart || !schema.key.contains(place) else { throw column.changesKey(of: schema, verb) }
        if !keepsApart { replaced.insert(place) }
        columns[place] = made
        columns[place].name = schema.columns[place].name
        places.append(place)
      } else {
        places.append(columns.count)
        columns.append(made)
      }
      evaluators.append(ExpressionEvaluator(program))
      evaluators.last?.notesProblems = true
    }
    width = schema.columns.count
    self.columns = computed.columns
    self.evaluators = evaluators
    self.places = places
    refused = try Computation.refusing(computed.refused, schema)
    target = TableSchema(
      name: schema.name, columns: columns, key: schema.key, keyIsPrimary: schema.keyIsPrimary,
      uniqueKeys: schema.uniqueKeys.filter { replaced.isDisjoint(with: $0) },
      indexes: schema.indexes?.filter { replaced.isDisjoint(with: $0.parts.map(\.column)) }, version: schema.version)
    after = Array(repeating: [], count: evaluators.count)
    before = after
  }

  /// What is wrong with one column.
  static func problems(of column: ComputedColumn, _ schema: TableSchema, verb: String) -> [Failure] {
    do throws(Failure) {
      _ = try Computation(schema, ComputedColumns(columns: [column]), verb: verb)
      return []
    } catch {
      return [error]
    }
  }

  private static func refusing(
    _ rows: RefusedRows?, _ schema: TableSchema
  ) throws(Failure) -> (rows: RefusedRows, evaluator: ExpressionEvaluator)? {
    guard let rows else { return nil }
    let evaluator = ExpressionEvaluator(try rows.condition.compiledAsCondition(for: schema, in: rows.place))
    // What the row does not hold is no reason to refuse it.
    evaluator.notesProblems = true
    return (rows, evaluator)
  }

  /// Computes the values of the rows before and after changes.
  /// - Parameter refuse: is told of the changes that have no result.
  func evaluate(
    _ batch: Batch, after: [UInt32], before: [UInt32], _ scratch: ScratchArena, _ badRows: BadRowPolicy,
    _ refuse: (Int, Failure) throws(Failure) -> Void
  ) throws(Failure) {
    try self.refuse(batch, after, .row, refuse)
    // Without a key rows are found by all their values.
    if target.key.isEmpty { try self.refuse(batch, before, .before, refuse) }
    for (number, evaluator) in evaluators.enumerated() {
      let column = columns[number]
      try evaluator.values(batch, after, scratch: scratch, into: &self.after[number])
      for problem in evaluator.problems {
        let change = Int(after[problem.row])
        if column.isMade, problem.isAbsent, batch.changes[change].operation == .update { continue }
        try refuse(change, column.located(evaluator.failure(of: problem)))
      }
      if evaluator.program.readsChange || evaluator.program.readsBefore {
        // What it was is known to the change alone that made it.
        self.before[number].removeAll(keepingCapacity: true)
        self.before[number].append(contentsOf: repeatElement(.absent, count: before.count))
        continue
      }
      try evaluator.values(batch, before, image: .before, scratch: scratch, into: &self.before[number])
      for problem in evaluator.problems {
        // A row before a change that does not hold what is needed has no value, like the columns that it leaves out. Nor has
        // one that was set aside when it was written: its key tells enough of it.
        if problem.isAbsent || (badRows == .quarantine && !target.key.isEmpty) { continue }
        try refuse(Int(before[problem.row]), column.located(evaluator.failure(of: problem)))
      }
    }
  }

  private func refuse(
    _ batch: Batch, _ changes: [UInt32], _ image: ExpressionEvaluator.Image,
    _ refuse: (Int, Failure) throws(Failure) -> Void
  ) throws(Failure) {
    guard let refused else { return }
    try refused.evaluator.test(batch, changes, image: image, into: &isRefused)
    for (change, isRefused) in zip(changes, isRefused) where isRefused {
      try refuse(Int(change), Failure(.badValue, refused.rows.message, at: refused.rows.place))
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

extension ComputedColumn {
  /// A failure inside of the expression, told at its place in the file.
  fileprivate func located(_ failure: Failure) -> Failure {
    guard isMade else { return failure }
    var failure = failure
    failure.place = place
    return failure
  }

  fileprivate func program(for schema: TableSchema) throws(Failure) -> ExpressionProgram {
    let program: ExpressionProgram
    do throws(Failure) {
      program = try expression.compiled(for: schema, in: place)
    } catch {
      var failure = located(error)
      if isMade { failure.message = "column \"\(name)\" of table \"\(schema.name)\": \(failure.message)" }
      throw failure
    }
    guard program.readsChange || program.readsBefore, schema.key.isEmpty else { return program }
    throw Failure(
      .configuration,
      "`compute` makes column \"\(name)\" of the change, and table \"\(schema.name)\" has no key", at: place,
      hint:
        "without a key rows are found by all their values, and which change made a row is not known; use columns only")
  }

  fileprivate func changesKey(of schema: TableSchema, _ verb: String) -> Failure {
    Failure(
      .configuration, "`\(verb)` changes column \"\(name)\", which is part of the key of table \"\(schema.name)\"",
      at: place,
      hint: isMade
        ? "a column of the key can only get a type that keeps all its values apart"
        : "give the result a name of its own")
  }
}

extension Computation {
  /// Rows that are there when a column is added get its default at the source; what is made of it for them is not in the log.
  func refuseUnknownValues(addedTo before: TableSchema, in after: TableSchema, _ verb: String) throws(Failure) {
    for (column, evaluator) in zip(columns, evaluators) where column.isMade {
      for index in evaluator.program.columns where before.column(named: after.columns[index].name) == nil {
        let added = after.columns[index]
        if added.isNullable, added.defaultValue == nil, added.generation == .no { continue }
        throw Failure(
          .schemaChange,
          "column \"\(added.name)\", of which `\(verb)` makes another, was added with values in the rows that were there",
          at: "table \"\(after.name)\"",
          hint: "let it begin as NULL, or take a new snapshot of the table")
      }
    }
  }
}
