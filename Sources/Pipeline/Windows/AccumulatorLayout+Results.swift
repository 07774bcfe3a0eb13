import Change
import Glibc

extension AccumulatorLayout {
  /// What the aggregates are now.
  /// - Parameter rows: how many rows there are.
  func values(_ words: Words, rows: Int64, into values: inout [AggregateValue]) throws(Failure) {
    values.removeAll(keepingCapacity: true)
    for measure in measures {
      do throws(ValueProblem) {
        values.append(try value(measure, words + measure.offset, rows))
      } catch {
        throw AccumulatorLayout.failure(error, measure)
      }
    }
  }

  private func value(_ measure: Measure, _ words: Words, _ rows: Int64) throws(ValueProblem) -> AggregateValue {
    switch measure.function {
    case .count: return AggregateValue(bits: Int128(measure.countsRows ? rows : Int64(bitPattern: words[0])))
    case .sum:
      guard words[2] != 0 || !isZero(words) else { return .null }
      if case .exact = measure.form { return AggregateValue(bits: AccumulatorLayout.load(words)) }
      return AccumulatorLayout.float(DoubleDouble(words).rounded)
    case .avg: return try average(measure, words)
    case .stddev: return deviation(measure, words)
    case .distinct: return AggregateValue(bits: Int128(sets.distinct(words[0])))
    case .min, .first: return keyed(sets.first(words[0]))
    case .max, .last: return keyed(sets.last(words[0]))
    case .percentile:
      let total = sets.total(words[0])
      guard total > 0,
        let key = sets.value(words[0], atRank: Int64((measure.fraction * Double(total - 1)).rounded(.down)))
      else { return .null }
      return AccumulatorLayout.float(Percentile.value(of: Int64(truncatingIfNeeded: key.value)))
    }
  }

  private func isZero(_ words: Words) -> Bool { words[0] == 0 && words[1] == 0 }

  private func keyed(_ key: SortedCounts.Key?) -> AggregateValue {
    key.map { AggregateValue(bits: $0.value, text: $0.text) } ?? .null
  }

  static func float(_ value: Double) -> AggregateValue { AggregateValue(bits: Int128(value.bitPattern)) }

  /// Four digits more than the values have, rounded half away from zero, as division is in expressions.
  private func average(_ measure: Measure, _ words: Words) throws(ValueProblem) -> AggregateValue {
    let count = Int64(bitPattern: words[2])
    guard count != 0 else { return .null }
    guard case .exact(let scale) = measure.form else {
      return AccumulatorLayout.float((DoubleDouble(words) / Double(count)).rounded)
    }
    var factor: Int128 = 1
    for _ in 0..<(measure.scale - scale) { factor *= 10 }
    let (scaled, overflow) = AccumulatorLayout.load(words).multipliedReportingOverflow(by: factor)
    if overflow { throw .tooLarge }
    let (quotient, rest) = scaled.quotientAndRemainder(dividingBy: Int128(count))
    let rounds = rest.magnitude * 2 >= Int128(count).magnitude
    let isNegative = (scaled < 0) != (count < 0)
    return AggregateValue(bits: rounds ? quotient + (isNegative ? -1 : 1) : quotient)
  }

  /// The sample's standard deviation: from n Σx² - (Σx)², exact before the last division, and of floats from Σx² - Σx Σx / n
  /// with twice their digits. Where a square is beyond the range of floats, it is no number.
  private func deviation(_ measure: Measure, _ words: Words) -> AggregateValue {
    let count = Int64(bitPattern: words[4])
    guard count > 1 else { return .null }
    guard case .exact(let scale) = measure.form else {
      let sum = DoubleDouble(words)
      let spread = (DoubleDouble(words + 2) - sum * (sum / Double(count))) / Double(count - 1)
      guard spread.isFinite else { return AccumulatorLayout.float(.nan) }
      return AccumulatorLayout.float(max(0, spread.rounded).squareRoot())
    }
    let divisor = Double(count) * Double(count - 1)
    let sum = AccumulatorLayout.load(words)
    let squares = AccumulatorLayout.load(words + 2).multipliedFullWidth(by: Int128(count))
    let square = sum.multipliedFullWidth(by: sum)
    let (low, borrow) = squares.low.subtractingReportingOverflow(square.low)
    let high = squares.high &- square.high &- (borrow ? 1 : 0)
    let spread = Double(high) * pow(2, 128) + Double(low)
    return AccumulatorLayout.float((max(0, spread) / divisor).squareRoot() / pow(10, Double(scale)))
  }
}

/// Buckets whose bounds grow by a constant factor, so that a value and the middle of its bucket differ by at most 1 %
/// (Masson, Rim and Lee, "DDSketch", 2019). Counts are exact, and a value that goes leaves its bucket.
enum Percentile {
  static let accuracy = 0.01
  private static let factor = (1 + accuracy) / (1 - accuracy)
  private static let logarithm = log(factor)
  /// Keeps the buckets of positive and negative numbers apart.
  private static let middle: Int64 = 1 << 20
  /// Beyond those of all finite numbers.
  private static let infinity = 2 * middle
  /// The last one, as databases order it.
  private static let noNumber = 3 * middle

  static func bucket(_ value: Double) -> Int64 {
    if value == 0 { return 0 }
    if value.isNaN { return noNumber }
    if value.isInfinite { return value > 0 ? infinity : -infinity }
    let bounded = max(abs(value), Double.leastNormalMagnitude)
    let index = Int64((log(bounded) / logarithm).rounded(.up)) + middle
    return value > 0 ? index : -index
  }

  static func value(of bucket: Int64) -> Double {
    if bucket == 0 { return 0 }
    if bucket >= noNumber { return .nan }
    if bucket.magnitude >= infinity { return bucket > 0 ? .infinity : -.infinity }
    let exponent = Double(abs(bucket) - middle) * logarithm
    var value = 2 * exp(exponent) / (factor + 1)
    // The bound of one of the last buckets is beyond the range of floats, and its middle is not.
    if !value.isFinite { value = min(exp(exponent + log(2 / (factor + 1))), .greatestFiniteMagnitude) }
    return bucket > 0 ? value : -value
  }
}
