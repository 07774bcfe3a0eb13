/// A number as the sum of two floats that is never carried out, with twice the digits of one: 32 decimal ones.
///
/// The error-free sums are those of Knuth ("The Art of Computer Programming", volume 2, 4.2.2) and of Dekker ("A
/// floating-point technique for extending the available precision", 1971), the product with `fma` that of Ogita, Rump and
/// Oishi ("Accurate sum and dot product", 2005). An operation is off by at most 10 · 2⁻¹⁰⁶ of its result, whatever cancels in
/// it (Joldes, Muller and Popescu, "Tight and rigorous error bounds for basic building blocks of double-word arithmetic",
/// 2017). What is beyond the range of floats is infinite, or NaN, as in theirs.
struct DoubleDouble: BitwiseCopyable {
  /// The number, rounded.
  private(set) var high: Double
  /// What the rounding has lost.
  private(set) var low: Double

  @inline(__always) init(_ value: Double) { (high, low) = (value, 0) }

  @inline(__always) private init(_ high: Double, _ low: Double) { (self.high, self.low) = (high, low) }

  /// Reads both parts from two words.
  @inline(__always) init(_ words: UnsafeMutablePointer<UInt64>) {
    (high, low) = (Double(bitPattern: words[0]), Double(bitPattern: words[1]))
  }

  @inline(__always) func store(to words: UnsafeMutablePointer<UInt64>) {
    (words[0], words[1]) = (high.bitPattern, low.bitPattern)
  }

  /// Both parts together: the same as `high`, but where a state has them as they were summed before.
  @inline(__always) var rounded: Double { high.isFinite ? high + low : high }

  @inline(__always) var isFinite: Bool { high.isFinite }

  /// The sum and what it has lost, where `first` may be the smaller one.
  @inline(__always) private static func sum(_ first: Double, _ second: Double) -> DoubleDouble {
    let sum = first + second
    let part = sum - first
    return DoubleDouble(sum, (first - (sum - part)) + (second - part))
  }

  /// The sum and what it has lost, where `first` is not the smaller one. A sum that is not finite has lost nothing.
  @inline(__always) private static func orderedSum(_ first: Double, _ second: Double) -> DoubleDouble {
    let sum = first + second
    return DoubleDouble(sum, sum.isFinite ? second - (sum - first) : 0)
  }

  /// The product and what it has lost.
  @inline(__always) static func product(_ first: Double, _ second: Double) -> DoubleDouble {
    let product = first * second
    return DoubleDouble(product, product.isFinite ? (-product).addingProduct(first, second) : 0)
  }

  @inline(__always) static prefix func - (value: DoubleDouble) -> DoubleDouble {
    DoubleDouble(-value.high, -value.low)
  }

  @inline(__always) static func + (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let highs = sum(left.high, right.high)
    guard highs.high.isFinite else { return DoubleDouble(highs.high) }
    let lows = sum(left.low, right.low)
    let both = orderedSum(highs.high, highs.low + lows.high)
    return orderedSum(both.high, both.low + lows.low)
  }

  @inline(__always) static func - (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble { left + -right }

  @inline(__always) static func * (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let highs = product(left.high, right.high)
    guard highs.high.isFinite else { return highs }
    let across = (left.low * right.low).addingProduct(left.high, right.low).addingProduct(left.low, right.high)
    return orderedSum(highs.high, highs.low + across)
  }

  @inline(__always) static func / (left: DoubleDouble, right: Double) -> DoubleDouble {
    let quotient = left.high / right
    guard quotient.isFinite else { return DoubleDouble(quotient) }
    let product = product(quotient, right)
    let rest = ((left.high - product.high) - product.low) + left.low
    return orderedSum(quotient, rest / right)
  }
}
