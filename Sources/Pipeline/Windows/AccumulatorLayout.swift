import Change
import Glibc

/// The state of a window's aggregates in a row of words, and what a row does to it.
///
/// Whole numbers and decimals are summed exactly in 128 bits; an overflow is a failure. Floats are summed with twice their
/// digits; see `DoubleDouble`. *Thread*: one at a time.
final class AccumulatorLayout {
  typealias Words = UnsafeMutablePointer<UInt64>

  /// Replaced by others with the same state when the table's schema changes.
  var measures: [Measure] { didSet { steps = AccumulatorLayout.steps(measures) } }
  /// What a row does to each state: without a reference, so that none is counted for a row.
  @exclusivity(unchecked) private var steps: [Step]
  let width: Int
  /// Sets of values, named by the words.
  let sets: SortedCounts
  let keepsValues: Bool
  private let countsTime: Bool
  /// Every row that goes has come before, into the same state: without values, nothing is left of their sums.
  private let sumsEnd: Bool

  init(_ plan: WindowPlan, _ blocks: BlockArena) {
    measures = plan.measures
    sets = SortedCounts(blocks)
    steps = AccumulatorLayout.steps(plan.measures)
    width = plan.width
    keepsValues = plan.measures.contains(where: \.keepsValues)
    countsTime = plan.timeColumn != nil
    sumsEnd = countsTime && plan.definition.accumulation != .discarding
  }

  private struct Step {
    var function: Aggregate.Function
    var form: ValueForm
    /// The column that is the argument; -1: it is computed.
    var column: Int
    var offset: Int
    /// Index into `measures`.
    var measure: Int
  }

  private static func steps(_ measures: [Measure]) -> [Step] {
    measures.indices.filter { !measures[$0].countsRows }.map { index in
      let measure = measures[index]
      return Step(
        function: measure.function, form: measure.form, column: measure.column ?? -1, offset: measure.offset,
        measure: index)
    }
  }

  /// One row that comes (`sign` 1) or goes (-1).
  struct Row {
    var reader: CellReader
    /// Index of the row's first cell.
    var first: Int
    /// Index into the measures' computed values.
    var index: Int
    var isBefore: Bool
    var sign: Int64
    var time: Int64
    var order: Int64
  }

  @inline(__always) func add(_ row: Row, to words: Words) throws(Failure) {
    for index in steps.indices {
      let step = steps[index]
      let cell = step.column >= 0 ? row.reader.cells[row.first + step.column] : computed(step, row)
      guard cell.hasValue else { continue }
      do throws(ValueProblem) {
        if step.function == .sum, case .exact(let scale) = step.form {
          let state = words + step.offset
          state[2] &+= UInt64(bitPattern: row.sign)
          try AccumulatorLayout.add(try row.reader.exact(cell, scale: scale), row.sign, to: state)
        } else {
          try add(cell, row, step, to: words + step.offset)
        }
      } catch {
        throw AccumulatorLayout.failure(error, measures[step.measure])
      }
    }
  }

  private func computed(_ step: Step, _ row: Row) -> Cell {
    let measure = measures[step.measure]
    return row.isBefore ? measure.before[row.index] : measure.after[row.index]
  }

  static func failure(_ problem: ValueProblem, _ measure: Measure) -> Failure {
    switch problem {
    case .notOfType:
      Failure(
        .badValue, "a value is not of the type that the aggregate computes with", at: "aggregate \"\(measure.name)\"",
        hint: "a date or number that its type does not know cannot be aggregated; leave such rows out with `filter`")
    case .tooLarge:
      Failure(
        .limit, "the result has more than 38 digits", at: "aggregate \"\(measure.name)\"",
        hint: "aggregate a smaller number: cast it, or divide it")
    }
  }

  private func add(
    _ cell: Cell, _ row: Row, _ step: Step, to words: Words
  ) throws(ValueProblem) {
    switch step.function {
    case .count: words[0] &+= UInt64(bitPattern: row.sign)
    case .sum, .avg:
      words[2] &+= UInt64(bitPattern: row.sign)
      if case .exact(let scale) = step.form {
        try AccumulatorLayout.add(try row.reader.exact(cell, scale: scale), row.sign, to: words)
      } else {
        addFloat(DoubleDouble(try row.reader.float(cell)), row.sign, to: words, count: words[2])
      }
    case .stddev: try addSquare(cell, row, step, to: words)
    case .distinct, .min, .max:
      var key = try row.reader.key(cell, step.form)
      if step.function == .distinct { AccumulatorLayout.joinZeros(&key, step.form) }
      sets.add(key, row.sign, to: words)
    case .percentile:
      let key = SortedCounts.Key(value: Int128(Percentile.bucket(try number(cell, row, step))))
      sets.add(key, row.sign, to: words)
    case .first, .last: try addOrdered(cell, row, step, to: words)
    }
  }

  @inline(__always) private static func add(_ value: Int128, _ sign: Int64, to words: Words) throws(ValueProblem) {
    let (sum, overflow) =
      sign > 0 ? load(words).addingReportingOverflow(value) : load(words).subtractingReportingOverflow(value)
    if overflow { throw .tooLarge }
    store(sum, to: words)
  }

  @inline(__always) static func load(_ words: Words) -> Int128 {
    UnsafeRawPointer(words).loadUnaligned(as: Int128.self)
  }

  @inline(__always) static func store(_ value: Int128, to words: Words) {
    UnsafeMutableRawPointer(words).storeBytes(of: value, as: Int128.self)
  }

  /// Adds a float to the sum of them, or takes it back.
  /// - Parameter count: how many values there are now.
  private func addFloat(_ value: DoubleDouble, _ sign: Int64, to words: Words, count: UInt64) {
    let sum = DoubleDouble(words) + (sign > 0 ? value : -value)
    // What was infinite would never be anything else again.
    let ends = count == 0 && (sumsEnd || !sum.isFinite)
    (ends ? DoubleDouble(0) : sum).store(to: words)
  }

  /// Of floats, values that are equal count as one: -0 and 0 are.
  @inline(__always) static func joinZeros(_ key: inout SortedCounts.Key, _ form: ValueForm) {
    if case .float = form, key.value == CellReader.ordered(-0.0) { key.value = CellReader.ordered(0) }
  }

  private func number(_ cell: Cell, _ row: Row, _ step: Step) throws(ValueProblem) -> Double {
    guard case .exact(let scale) = step.form else { return try row.reader.float(cell) }
    return Double(try row.reader.exact(cell, scale: scale)) / pow(10, Double(scale))
  }

  private func addSquare(_ cell: Cell, _ row: Row, _ step: Step, to words: Words) throws(ValueProblem) {
    words[4] &+= UInt64(bitPattern: row.sign)
    guard case .exact(let scale) = step.form else {
      let value = try row.reader.float(cell)
      addFloat(DoubleDouble(value), row.sign, to: words, count: words[4])
      addFloat(DoubleDouble.product(value, value), row.sign, to: words + 2, count: words[4])
      return
    }
    let value = try row.reader.exact(cell, scale: scale)
    let (square, overflow) = value.multipliedReportingOverflow(by: value)
    if overflow { throw .tooLarge }
    try AccumulatorLayout.add(value, row.sign, to: words)
    try AccumulatorLayout.add(square, row.sign, to: words + 2)
  }

  private func addOrdered(_ cell: Cell, _ row: Row, _ step: Step, to words: Words) throws(ValueProblem) {
    var key = try row.reader.key(cell, step.form)
    (key.time, key.order) = (row.time, row.order)
    if row.sign > 0 {
      sets.add(key, 1, to: words, isIndexed: true)
    } else if !countsTime {
      sets.removeNewest(like: key, from: words)
    } else if !sets.removeOldest(at: key, from: words) {
      // In the order of the log the row that goes has come before, at the same event time.
      sets.add(key, -1, to: words, isIndexed: true)
    }
  }

  /// Empties the state.
  func clear(_ words: Words) {
    if keepsValues {
      for measure in measures where measure.keepsValues { sets.clear(words + measure.offset) }
    }
    words.update(repeating: 0, count: width)
  }

  /// Adds the state of other rows.
  func merge(_ other: Words, into words: Words) throws(Failure) {
    for measure in measures {
      do throws(ValueProblem) {
        try merge(measure, other + measure.offset, into: words + measure.offset)
      } catch {
        throw AccumulatorLayout.failure(error, measure)
      }
    }
  }

  private func merge(_ measure: Measure, _ other: Words, into words: Words) throws(ValueProblem) {
    switch measure.function {
    case .count: if !measure.countsRows { words[0] &+= other[0] }
    case .sum, .avg:
      words[2] &+= other[2]
      try AccumulatorLayout.mergeSum(other, into: words, measure.form)
    case .stddev:
      words[4] &+= other[4]
      try AccumulatorLayout.mergeSum(other, into: words, measure.form)
      try AccumulatorLayout.mergeSum(other + 2, into: words + 2, measure.form)
    case .distinct, .min, .max, .percentile, .first, .last:
      sets.merge(other[0], into: words, isIndexed: measure.function.ordersByTime)
    }
  }

  private static func mergeSum(_ other: Words, into words: Words, _ form: ValueForm) throws(ValueProblem) {
    if case .exact = form { return try add(load(other), 1, to: words) }
    (DoubleDouble(words) + DoubleDouble(other)).store(to: words)
  }
}
