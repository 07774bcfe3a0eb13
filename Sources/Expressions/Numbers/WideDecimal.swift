/// An exact decimal of any size that SQL knows, and of what lies between two operations: sign, digits and scale.
struct WideDecimal: Sendable {
  var isNegative = false
  var magnitude = WideNatural()
  /// Digits behind the point.
  var scale = 0

  init(_ value: Int64, scale: Int = 0) {
    isNegative = value < 0
    magnitude = WideNatural(value.magnitude)
    self.scale = scale
  }

  init(_ value: UInt64) { magnitude = WideNatural(value) }

  init(_ value: Int128, scale: Int) {
    isNegative = value < 0
    magnitude = WideNatural(value.magnitude)
    self.scale = scale
  }

  /// Reads `-?[0-9]*(\.[0-9]*)?` with at least one digit; nil for anything else, or for more digits than fit.
  init?(_ text: some Sequence<UInt8>) {
    var seenPoint = false
    var digits = 0
    var isFirst = true
    for byte in text {
      switch byte {
      case UInt8(ascii: "-") where isFirst: isNegative = true
      case UInt8(ascii: "+") where isFirst: break
      case UInt8(ascii: ".") where !seenPoint: seenPoint = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        guard magnitude.multiply(by: 10, adding: UInt64(byte - UInt8(ascii: "0"))), digits < 1000 else { return nil }
        digits += 1
        if seenPoint { scale += 1 }
      default: return nil
      }
      isFirst = false
    }
    guard digits > 0, scale <= WideNatural.digitLimit else { return nil }
  }

  var isZero: Bool { magnitude.isZero }

  /// The unscaled value where it has at most 18 digits.
  var small: Int64? {
    guard let value = magnitude.small, value < 1_000_000_000_000_000_000 else { return nil }
    return isNegative ? -Int64(value) : Int64(value)
  }

  /// Digits of the unscaled value without leading zeros; 0 has none.
  var digitCount: Int {
    var rest = magnitude
    var count = 0
    while rest.used > 1 {
      _ = rest.divide(by: WideNatural.power(19))
      count += 19
    }
    var low = rest.limbs[0]
    while low > 0 {
      low /= 10
      count += 1
    }
    return count
  }

  /// As `-?[0-9]+(\.[0-9]+)?` with all digits of the scale.
  var text: [UInt8] {
    var reversed: [UInt8] = []
    var rest = magnitude
    while !rest.isZero || reversed.count <= scale {
      if reversed.count == scale, scale > 0, reversed.last != UInt8(ascii: ".") { reversed.append(UInt8(ascii: ".")) }
      reversed.append(UInt8(ascii: "0") + UInt8(rest.divide(by: 10)))
      if reversed.count > scale, rest.isZero, reversed.count > (scale == 0 ? 0 : scale + 1) { break }
    }
    if isNegative, !isZero { reversed.append(UInt8(ascii: "-")) }
    return reversed.reversed()
  }

  // MARK: Arithmetic; nil where a result is too long

  /// The same value with a larger scale.
  func widened(to wanted: Int) -> WideDecimal? {
    guard wanted > scale else { return self }
    var result = self
    guard result.magnitude.multiply(byPowerOfTen: wanted - scale) else { return nil }
    result.scale = wanted
    return result
  }

  func adding(_ other: WideDecimal) -> WideDecimal? {
    let common = max(scale, other.scale)
    guard var left = widened(to: common), var right = other.widened(to: common) else { return nil }
    if left.isNegative == right.isNegative { return left.magnitude.add(right.magnitude) ? left : nil }
    if left.magnitude.compare(right.magnitude) < 0 { swap(&left, &right) }
    left.magnitude.subtract(right.magnitude)
    if left.isZero { left.isNegative = false }
    return left
  }

  var negated: WideDecimal {
    var result = self
    result.isNegative = !isNegative && !isZero
    return result
  }

  func multiplied(by other: WideDecimal) -> WideDecimal? {
    guard let product = magnitude.multiplied(by: other.magnitude) else { return nil }
    var result = self
    result.magnitude = product
    result.isNegative = isNegative != other.isNegative && !product.isZero
    result.scale = scale + other.scale
    return result.scale > WideDecimal.scaleLimit ? result.cut(to: WideDecimal.scaleLimit) : result
  }

  static let scaleLimit = 38

  /// The quotient, cut behind `digits` digits behind the point. The divisor is not zero.
  func divided(by other: WideDecimal, digits: Int) -> WideDecimal? {
    let exponent = digits + other.scale - scale
    var numerator = magnitude
    var denominator = other.magnitude
    guard exponent >= 0 ? numerator.multiply(byPowerOfTen: exponent) : denominator.multiply(byPowerOfTen: -exponent)
    else { return nil }
    var result = WideDecimal(Int64(0), scale: digits)
    result.magnitude = numerator.divided(by: denominator).quotient
    result.isNegative = isNegative != other.isNegative && !result.isZero
    return result
  }

  /// What whole divisions leave, with the sign of the dividend.
  func remainder(by other: WideDecimal) -> WideDecimal? {
    let common = max(scale, other.scale)
    guard var left = widened(to: common), let right = other.widened(to: common) else { return nil }
    left.magnitude = left.magnitude.divided(by: right.magnitude).remainder
    if left.isZero { left.isNegative = false }
    return left
  }

  /// With fewer digits behind the point, towards zero; `wanted` may be negative and leaves scale 0 then.
  func cut(to wanted: Int) -> WideDecimal { reduced(to: wanted, rounds: false) }

  /// With exactly this scale, half away from zero; nil when widening makes it too long.
  func rounded(to wanted: Int) -> WideDecimal? {
    wanted >= scale ? widened(to: wanted) : reduced(to: wanted, rounds: true)
  }

  func reduced(to wanted: Int, rounds: Bool) -> WideDecimal {
    guard wanted < scale else { return self }
    var result = self
    var drop = scale - wanted
    while drop > 1 {
      let step = min(drop - 1, 19)
      _ = result.magnitude.divide(by: WideNatural.power(step))
      drop -= step
    }
    let digit = result.magnitude.divide(by: 10)
    // One more than a number that was ten times as large always fits.
    if rounds, digit >= 5 { _ = result.magnitude.add(WideNatural(UInt64(1))) }
    if wanted < 0 { _ = result.magnitude.multiply(byPowerOfTen: -wanted) }
    result.scale = max(0, wanted)
    if result.isZero { result.isNegative = false }
    return result
  }

  /// -1, 0 or 1; nil when the scales are too far apart.
  func compare(_ other: WideDecimal) -> Int? {
    let common = max(scale, other.scale)
    guard let left = widened(to: common), let right = other.widened(to: common) else { return nil }
    let leftNegative = left.isNegative && !left.isZero
    let rightNegative = right.isNegative && !right.isZero
    if leftNegative != rightNegative { return leftNegative ? -1 : 1 }
    let order = left.magnitude.compare(right.magnitude)
    return leftNegative ? -order : order
  }
}
