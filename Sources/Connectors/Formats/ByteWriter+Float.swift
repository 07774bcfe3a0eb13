/// Takes the digits of a floating-point number as the standard library writes them, without a `String` between.
///
/// `_writeASCII` is the hook that the standard library's own streams use; should it go, `write` gives the same bytes.
private struct DigitStream: TextOutputStream {
  var bytes: InlineArray<32, UInt8> = .init(repeating: 0)
  var count = 0

  mutating func write(_ string: String) {
    for byte in string.utf8 where count < 32 {
      bytes[count] = byte
      count += 1
    }
  }

  mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
    for byte in buffer where count < 32 {
      bytes[count] = byte
      count += 1
    }
  }
}

/// How a floating-point number is laid out; the digits are the same, the fewest that read back to the same number.
enum FloatLayout {
  /// `0.1`, `100000.0`, `1e+21`: a JSON number.
  case plain
  /// As Java prints it: plain from 1e-3 to 1e7, otherwise `1.0E21`.
  case java
}

extension ByteWriter {
  /// Appends the shortest text that reads back to `value`. Infinity and NaN become JSON strings.
  mutating func append(float64 value: Double, layout: FloatLayout = .plain, quoted: Bool = true) {
    guard value.isFinite else { return append(notFinite: value, quoted: quoted) }
    var stream = DigitStream()
    value.write(to: &stream)
    append(stream, layout: layout)
  }

  /// Appends the shortest text that reads back to `value` as a `Float`. Infinity and NaN become JSON strings.
  mutating func append(float32 value: Float, layout: FloatLayout = .plain, quoted: Bool = true) {
    guard value.isFinite else { return append(notFinite: Double(value), quoted: quoted) }
    var stream = DigitStream()
    value.write(to: &stream)
    append(stream, layout: layout)
  }

  private mutating func append(notFinite value: Double, quoted: Bool) {
    if quoted { append(UInt8(ascii: "\"")) }
    if value.isNaN { append("NaN") } else { append(value < 0 ? "-Infinity" : "Infinity") }
    if quoted { append(UInt8(ascii: "\"")) }
  }

  private mutating func append(_ stream: DigitStream, layout: FloatLayout) {
    switch layout {
    case .plain:
      reserve(32)
      for index in 0..<stream.count { storage[count + index] = stream.bytes[index] }
      count += stream.count
    case .java: appendJava(stream)
    }
  }

  /// Lays the digits of `stream` out as `Double.toString` of Java does (Java SE API, Double.toString).
  private mutating func appendJava(_ stream: DigitStream) {
    var digits = InlineArray<32, UInt8>(repeating: 0)
    var digitCount = 0
    var pointAt: Int?
    var exponent = 0
    var index = 0
    if stream.bytes[0] == UInt8(ascii: "-") {
      append(UInt8(ascii: "-"))
      index = 1
    }
    while index < stream.count {
      let byte = stream.bytes[index]
      index += 1
      if byte == UInt8(ascii: ".") {
        pointAt = digitCount
      } else if byte == UInt8(ascii: "e") {
        exponent = DigitStream.exponent(of: stream, from: index)
        break
      } else {
        digits[digitCount] = byte
        digitCount += 1
      }
    }
    var first = 0
    while first < digitCount - 1, digits[first] == UInt8(ascii: "0") { first += 1 }
    while digitCount - 1 > first, digits[digitCount - 1] == UInt8(ascii: "0") { digitCount -= 1 }
    let isZero = digits[first] == UInt8(ascii: "0")
    // The number is 0.DIGITS times ten to the power of `magnitude`.
    let magnitude = isZero ? 1 : (pointAt ?? digitCount) - first + exponent
    appendJava(digits, first..<digitCount, magnitude: magnitude)
  }

  private mutating func appendJava(_ digits: InlineArray<32, UInt8>, _ range: Range<Int>, magnitude: Int) {
    func digit(_ index: Int) -> UInt8 { range.contains(index) ? digits[index] : UInt8(ascii: "0") }
    let first = range.lowerBound
    if magnitude > 7 || magnitude < -2 {
      append(digit(first))
      append(UInt8(ascii: "."))
      for index in first + 1..<max(range.upperBound, first + 2) { append(digit(index)) }
      append(UInt8(ascii: "E"))
      return append(integer: Int64(magnitude - 1))
    }
    if magnitude <= 0 {
      append("0.")
      for _ in 0..<(-magnitude) { append(UInt8(ascii: "0")) }
      for index in range { append(digits[index]) }
      return
    }
    for index in first..<first + magnitude { append(digit(index)) }
    append(UInt8(ascii: "."))
    for index in first + magnitude..<max(range.upperBound, first + magnitude + 1) { append(digit(index)) }
  }
}

extension DigitStream {
  /// The decimal exponent that stands behind the `e`.
  fileprivate static func exponent(of stream: DigitStream, from start: Int) -> Int {
    var value = 0
    var negative = false
    for index in start..<stream.count {
      switch stream.bytes[index] {
      case UInt8(ascii: "-"): negative = true
      case UInt8(ascii: "+"): break
      case let byte: value = value * 10 + Int(byte - UInt8(ascii: "0"))
      }
    }
    return negative ? -value : value
  }
}
