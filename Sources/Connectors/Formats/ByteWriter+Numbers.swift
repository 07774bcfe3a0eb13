/// The two digits of every number below 100.
@inline(__always)
private var digitPairs: UnsafePointer<UInt8> {
  let pairs: StaticString = """
    00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657\
    5859606162636465666768697071727374757677787980818283848586878889909192939495969798\
    99
    """
  return pairs.utf8Start
}

/// The powers of ten that 64 bits hold.
private let powersOfTen: InlineArray<20, UInt64> = [
  1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
  100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
  10_000_000_000_000_000, 100_000_000_000_000_000, 1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
]

extension UInt64 {
  /// How many decimal digits this number has; 1 for 0.
  @inline(__always)
  var decimalDigits: Int {
    // 1233 / 4096 is just above the logarithm of 2 to the base 10 (Warren, "Hacker's Delight", 11-4).
    let estimate = ((64 - (self | 1).leadingZeroBitCount) * 1233) >> 12
    return self < powersOfTen[estimate] ? Swift.max(estimate, 1) : estimate + 1
  }
}

extension ByteWriter {
  package mutating func append(integer value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(unsigned: value.magnitude)
  }

  package mutating func append(unsigned value: UInt64) {
    if value < 10 { return append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
    append(unsigned: value, digits: value.decimalDigits)
  }

  /// Appends exactly `digits` decimal digits, with zeros in front; higher digits of `value` are left out.
  @inline(__always)
  package mutating func append(unsigned value: UInt64, digits: Int) {
    reserve(digits)
    let pairs = digitPairs
    let start = end
    var position = digits
    var rest = value
    while position >= 2 {
      let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 100)
      let pair = Int(truncatingIfNeeded: remainder) * 2
      start[position - 1] = pairs[pair + 1]
      start[position - 2] = pairs[pair]
      position -= 2
      rest = quotient
    }
    if position == 1 { start[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10) }
    count += digits
  }

  /// Appends `unscaled` times ten to the power of minus `scale`, with all `scale` digits: -5 with scale 3 is `-0.005`.
  package mutating func append(decimal unscaled: Int64, scale: Int) {
    if scale == 0 { return append(integer: unscaled) }
    if unscaled < 0 { append(UInt8(ascii: "-")) }
    let magnitude = unscaled.magnitude
    if scale > 19 {
      append("0.")
      for _ in 20..<scale { append(UInt8(ascii: "0")) }
      return append(unsigned: magnitude, digits: 20)
    }
    let (whole, fraction) = magnitude.quotientAndRemainder(dividingBy: powersOfTen[scale])
    append(unsigned: whole)
    append(UInt8(ascii: "."))
    append(unsigned: fraction, digits: scale)
  }
}
