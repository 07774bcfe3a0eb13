import Change
import Expressions

/// One aggregate at work over the rows of one table: where its values come from, and where its state lies.
final class Measure {
  let function: Aggregate.Function
  let form: ValueForm
  /// The column that is the argument; nil: it is computed, or there is none.
  let column: Int?
  let evaluator: ExpressionEvaluator?
  let fraction: Double
  /// The first word of the state.
  let offset: Int
  /// Of the argument: how many digits its type has at most; `Int.max`: it has no such number.
  private let digits: Int
  /// Of the results: digits behind the point.
  let scale: Int
  let result: ColumnSchema
  let name: String
  /// The columns that the argument needs.
  let columns: [Int]
  // What the argument is, by row of the batch: for the rows after the changes, and for those before.
  @exclusivity(unchecked) var after: [Cell] = []
  @exclusivity(unchecked) var before: [Cell] = []

  init(_ aggregate: Aggregate, _ schema: TableSchema, offset: Int) throws(Failure) {
    name = aggregate.name
    function = aggregate.function
    fraction = aggregate.fraction
    self.offset = offset
    guard let expression = aggregate.argument else {
      (column, evaluator, columns, form, digits, scale) = (nil, nil, [], .exact(scale: 0), 0, 0)
      result = Measure.counting(aggregate.name)
      return
    }
    let program = try expression.compiled(for: schema, in: aggregate.place)
    guard !program.readsBefore, !program.readsChange else {
      throw Failure(
        .configuration,
        "aggregate \"\(aggregate.name)\" reads `old.` or `change.`, which only a change has: what a row has added is taken "
          + "back with the row alone", at: aggregate.place,
        hint: "use the columns of the row; to count changes, lead `only` or `filter` in front of the window")
    }
    var type = program.type.columnType
    if case .unboundedDecimal = type { type = .decimal(precision: 38, scale: 10, unsigned: false) }
    if case .decimal(_, let scale, _) = type, scale > 38 {
      throw Failure(
        .configuration, "\"\(function.rawValue)\" cannot take \(scale) digits behind the point; 38 is the most",
        at: aggregate.place, hint: "convert it: \(function.rawValue)(cast(… as decimal(38, 10)))")
    }
    guard let form = ValueForm(type), !function.needsNumbers || form.isNumber else {
      throw Failure(
        .configuration, "\"\(function.rawValue)\" cannot take \(program.type.named)", at: aggregate.place,
        hint: "convert it: \(function.rawValue)(cast(… as decimal(18, 4)))")
    }
    self.form = form
    digits =
      switch type {
      case .integer, .year: 20
      case .decimal(let precision, _, _): precision
      default: .max
      }
    columns = program.columns
    if case .column(let name, .row) = expression.form {
      (column, evaluator) = (schema.column(named: name), nil)
    } else {
      (column, evaluator) = (nil, ExpressionEvaluator(program))
    }
    (result, scale) = Measure.result(of: aggregate, form, type, column.map { schema.columns[$0] })
  }

  private static func counting(_ name: String) -> ColumnSchema {
    ColumnSchema(name: name, type: .integer(bits: 64, unsigned: false), isNullable: false)
  }

  private static func result(
    of aggregate: Aggregate, _ form: ValueForm, _ type: ColumnType, _ column: ColumnSchema?
  ) -> (ColumnSchema, Int) {
    let name = aggregate.name
    var digits = 0
    if case .exact(let scale) = form { digits = scale }
    switch aggregate.function {
    case .count, .distinct: return (counting(name), 0)
    case .sum, .avg:
      guard case .exact = form else { return (ColumnSchema(name: name, type: .float64), 0) }
      if aggregate.function == .avg { digits = min(38, digits + 4) }
      return (ColumnSchema(name: name, type: .decimal(precision: 38, scale: digits, unsigned: false)), digits)
    case .stddev, .percentile: return (ColumnSchema(name: name, type: .float64), 0)
    case .min, .max, .first, .last:
      guard var result = column?.holdingValues, result.type != .unboundedDecimal else {
        return (ColumnSchema(name: name, type: type), digits)
      }
      (result.name, result.isNullable, result.defaultValue, result.isAutoIncrement) = (name, true, nil, false)
      return (result, digits)
    }
  }

  /// Words of state.
  static func width(_ aggregate: Aggregate) -> Int {
    switch aggregate.function {
    case .count: aggregate.argument == nil ? 0 : 1
    case .sum, .avg: 3
    case .stddev: 5
    case .distinct, .min, .max, .first, .last, .percentile: 1
    }
  }

  /// Whether the number of rows is the result: there is no state.
  var countsRows: Bool { function == .count && column == nil && evaluator == nil }

  /// Whether the state is a set of values.
  var keepsValues: Bool {
    switch function {
    case .count, .sum, .avg, .stddev: false
    case .distinct, .min, .max, .first, .last, .percentile: true
    }
  }

  /// Whether values can be added together, in any order, before they are added to what there is: a million of them do not
  /// overflow.
  var isSliced: Bool {
    switch function {
    case .count: true
    case .sum, .avg: digits <= 31
    case .stddev: digits <= 15
    case .distinct, .min, .max, .first, .last, .percentile: false
    }
  }

  /// Computes the argument for the rows of a batch.
  func evaluate(_ batch: Batch, after: [UInt32], before: [UInt32], _ scratch: ScratchArena) throws(Failure) {
    guard let evaluator else { return }
    do throws(Failure) {
      try evaluator.values(batch, after, image: .row, scratch: scratch, into: &self.after)
    } catch {
      throw located(error, after, batch)
    }
    do throws(Failure) {
      try evaluator.values(batch, before, image: .before, scratch: scratch, into: &self.before)
    } catch {
      throw located(error, before, batch)
    }
  }

  /// A failure with the change that it is about.
  private func located(_ failure: Failure, _ changes: [UInt32], _ batch: Batch) -> Failure {
    var failure = failure
    failure.place = "aggregate \"\(name)\"" + (failure.place.isEmpty ? "" : " at \(failure.place)")
    if let row = evaluator?.failedRow, changes.indices.contains(row),
      let part = batch.transactions.part(of: Int(changes[row]))
    {
      let change = batch.changes[Int(changes[row])]
      let part = batch.transactions[part]
      failure.place +=
        ", table \"\(batch.schemas[Int(change.schema)].name)\", "
        + RejectionTable.place(of: change.logOffset, change.row, part, batch.identifier(of: part))
    }
    return failure
  }
}

/// The result of an aggregate.
struct AggregateValue: Hashable, Sendable {
  var bits: Int128 = 0
  var isNull = false
  var text: [UInt8]?

  static let null = AggregateValue(isNull: true)
}
