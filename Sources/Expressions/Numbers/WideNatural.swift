/// A natural number of up to 576 bits (173 decimal digits) without memory of its own.
struct WideNatural: Sendable {
  static let limbCount = 9
  static let digitLimit = 170

  /// The least significant limb first.
  private(set) var limbs: InlineArray<9, UInt64> = .init(repeating: 0)

  init() {}
  init(_ value: UInt64) { limbs[0] = value }
  init(_ value: UInt128) {
    limbs[0] = UInt64(truncatingIfNeeded: value)
    limbs[1] = UInt64(truncatingIfNeeded: value >> 64)
  }

  /// Limbs up to the highest that is not zero.
  var used: Int {
    var count = WideNatural.limbCount
    while count > 0, limbs[count - 1] == 0 { count -= 1 }
    return count
  }

  var isZero: Bool { used == 0 }

  /// The value where it fits 64 bits.
  var small: UInt64? { used <= 1 ? limbs[0] : nil }

  /// Multiplies, then adds; false when the result does not fit.
  mutating func multiply(by factor: UInt64, adding term: UInt64 = 0) -> Bool {
    var carry = term
    for index in 0..<WideNatural.limbCount {
      let (high, low) = limbs[index].multipliedFullWidth(by: factor)
      let (sum, overflow) = low.addingReportingOverflow(carry)
      limbs[index] = sum
      carry = high + (overflow ? 1 : 0)
    }
    return carry == 0
  }

  mutating func multiply(byPowerOfTen exponent: Int) -> Bool {
    var rest = exponent
    while rest > 0 {
      let step = min(rest, 19)
      guard multiply(by: WideNatural.power(step)) else { return false }
      rest -= step
    }
    return true
  }

  /// Divides in place and returns the remainder.
  mutating func divide(by divisor: UInt64) -> UInt64 {
    var remainder: UInt64 = 0
    for index in (0..<WideNatural.limbCount).reversed() {
      (limbs[index], remainder) = divisor.dividingFullWidth((remainder, limbs[index]))
    }
    return remainder
  }

  /// Ten to the power of at most 19.
  static func power(_ exponent: Int) -> UInt64 {
    var result: UInt64 = 1
    for _ in 0..<exponent { result *= 10 }
    return result
  }

  mutating func add(_ other: WideNatural) -> Bool {
    var carry = false
    for index in 0..<WideNatural.limbCount {
      let (sum, first) = limbs[index].addingReportingOverflow(other.limbs[index])
      let (result, second) = sum.addingReportingOverflow(carry ? 1 : 0)
      limbs[index] = result
      carry = first || second
    }
    return !carry
  }

  /// Subtracts what is not larger.
  mutating func subtract(_ other: WideNatural) {
    var borrow = false
    for index in 0..<WideNatural.limbCount {
      let (difference, first) = limbs[index].subtractingReportingOverflow(other.limbs[index])
      let (result, second) = difference.subtractingReportingOverflow(borrow ? 1 : 0)
      limbs[index] = result
      borrow = first || second
    }
  }

  /// -1, 0 or 1.
  func compare(_ other: WideNatural) -> Int {
    for index in (0..<WideNatural.limbCount).reversed() where limbs[index] != other.limbs[index] {
      return limbs[index] < other.limbs[index] ? -1 : 1
    }
    return 0
  }

  /// nil when the product does not fit.
  func multiplied(by other: WideNatural) -> WideNatural? {
    var result = WideNatural()
    for index in 0..<other.used {
      var row = self
      guard row.multiply(by: other.limbs[index]), row.used + index <= WideNatural.limbCount else { return nil }
      var shifted = WideNatural()
      for limb in 0..<row.used { shifted.limbs[limb + index] = row.limbs[limb] }
      guard result.add(shifted) else { return nil }
    }
    return result
  }

  /// Quotient and remainder, by a divisor that is not zero (Knuth, The Art of Computer Programming, 4.3.1, algorithm D).
  func divided(by divisor: WideNatural) -> (quotient: WideNatural, remainder: WideNatural) {
    let width = divisor.used
    if width <= 1 {
      var quotient = self
      let remainder = quotient.divide(by: divisor.limbs[0])
      return (quotient, WideNatural(remainder))
    }
    guard used >= width else { return (WideNatural(), self) }
    let shift = UInt64(divisor.limbs[width - 1].leadingZeroBitCount)
    let normal = divisor.shifted(left: shift)
    var rest = shifted(left: shift)
    var quotient = WideNatural()
    for position in (0...(used - width)).reversed() {
      var guess = WideNatural.guess(rest, normal, position, width)
      if rest.subtract(normal, times: guess, at: position, width) {
        guess -= 1
        rest.add(normal, at: position, width)
      }
      quotient.limbs[position] = guess
    }
    return (quotient, rest.remainder(shift))
  }

  /// With one limb more than a number has, for what normalizing shifts out.
  private struct Shifted {
    var limbs: InlineArray<10, UInt64> = .init(repeating: 0)

    /// Subtracts a multiple; true when that was more than there was.
    mutating func subtract(_ other: Shifted, times factor: UInt64, at position: Int, _ width: Int) -> Bool {
      var carry: UInt64 = 0
      var borrow = false
      for index in 0...width {
        let limb = index < width ? other.limbs[index] : 0
        var (high, low) = limb.multipliedFullWidth(by: factor)
        let (sum, overflow) = low.addingReportingOverflow(carry)
        low = sum
        high += overflow ? 1 : 0
        carry = high
        let (difference, first) = limbs[position + index].subtractingReportingOverflow(low)
        let (result, second) = difference.subtractingReportingOverflow(borrow ? 1 : 0)
        limbs[position + index] = result
        borrow = first || second
      }
      return borrow
    }

    mutating func add(_ other: Shifted, at position: Int, _ width: Int) {
      var carry = false
      for index in 0...width {
        let limb = index < width ? other.limbs[index] : 0
        let (sum, first) = limbs[position + index].addingReportingOverflow(limb)
        let (result, second) = sum.addingReportingOverflow(carry ? 1 : 0)
        limbs[position + index] = result
        carry = first || second
      }
    }

    func remainder(_ shift: UInt64) -> WideNatural {
      var result = WideNatural()
      for index in 0..<WideNatural.limbCount {
        result.limbs[index] = limbs[index] >> shift | (shift == 0 ? 0 : limbs[index + 1] << (64 - shift))
      }
      return result
    }
  }

  private func shifted(left shift: UInt64) -> Shifted {
    var result = Shifted()
    var carry: UInt64 = 0
    for index in 0..<WideNatural.limbCount {
      result.limbs[index] = limbs[index] << shift | carry
      carry = shift == 0 ? 0 : limbs[index] >> (64 - shift)
    }
    result.limbs[WideNatural.limbCount] = carry
    return result
  }

  /// A digit of the quotient, at most one too large.
  private static func guess(_ rest: Shifted, _ divisor: Shifted, _ position: Int, _ width: Int) -> UInt64 {
    let top = divisor.limbs[width - 1]
    let high = rest.limbs[position + width]
    var digit = UInt64.max
    var left: UInt64
    if high >= top {
      let (sum, overflow) = rest.limbs[position + width - 1].addingReportingOverflow(top)
      guard !overflow else { return digit }
      left = sum
    } else {
      (digit, left) = top.dividingFullWidth((high, rest.limbs[position + width - 1]))
    }
    while true {
      let (productHigh, productLow) = digit.multipliedFullWidth(by: divisor.limbs[width - 2])
      guard productHigh > left || productHigh == left && productLow > rest.limbs[position + width - 2] else {
        return digit
      }
      digit -= 1
      let (sum, overflow) = left.addingReportingOverflow(top)
      guard !overflow else { return digit }
      left = sum
    }
  }
}
