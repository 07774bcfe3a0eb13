internal import Change
internal import Glibc

/// Numbers and times as the text protocol prints them; nil for anything else.
enum TextNumber {
  @inline(__always)
  static func signed(_ text: UnsafeRawBufferPointer) -> Int64? {
    guard let first = text.first else { return nil }
    let isNegative = first == 0x2d
    let digits = isNegative ? UnsafeRawBufferPointer(rebasing: text.dropFirst()) : text
    guard let magnitude = unsigned(digits), magnitude <= UInt64(Int64.max) + (isNegative ? 1 : 0) else { return nil }
    return isNegative ? Int64(truncatingIfNeeded: 0 &- magnitude) : Int64(magnitude)
  }

  @inline(__always)
  static func unsigned(_ text: UnsafeRawBufferPointer) -> UInt64? {
    guard !text.isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in text {
      let digit = UInt64(byte &- 0x30)
      guard digit <= 9 else { return nil }
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, carries) = product.addingReportingOverflow(digit)
      guard !isTooLarge, !carries else { return nil }
      value = sum
    }
    return value
  }

  /// The digits as one number, which has `scale` of them behind the point.
  @inline(__always)
  static func decimal(_ text: UnsafeRawBufferPointer, scale: UInt8) -> Int64? {
    var value: Int64 = 0
    var behindPoint = -1
    var index = 0
    let isNegative = text.first == 0x2d
    if isNegative { index = 1 }
    guard index < text.count else { return nil }
    while index < text.count {
      let byte = text[index]
      index &+= 1
      if byte == 0x2e, behindPoint < 0 {
        behindPoint = 0
        continue
      }
      let digit = Int64(byte) - 0x30
      guard (0...9).contains(digit), value < 1_000_000_000_000_000_000 else { return nil }
      value = value * 10 + digit
      if behindPoint >= 0 { behindPoint &+= 1 }
    }
    guard max(behindPoint, 0) == Int(scale) else { return nil }
    return isNegative ? -value : value
  }

  static func double(_ text: UnsafeRawBufferPointer) -> Double? {
    guard !text.isEmpty, text.count < 400 else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: text.count + 1, alignment: 1) { copy in
      copy.copyMemory(from: text)
      copy[text.count] = 0
      guard let start = copy.baseAddress?.assumingMemoryBound(to: CChar.self) else { return nil }
      var end: UnsafeMutablePointer<CChar>?
      let value = strtod(start, &end)
      return end == start + text.count ? value : nil
    }
  }

  /// `2024-01-02`, or `2024-01-02 03:04:05.678901` with up to six digits behind the point.
  @inline(__always)
  static func civil(_ text: UnsafeRawBufferPointer) -> CivilTime? {
    guard text.count == 10 || text.count == 19 || (21...26).contains(text.count),
      let year = number(text, 0, 4), text[4] == 0x2d, let month = number(text, 5, 2), text[7] == 0x2d,
      let day = number(text, 8, 2)
    else { return nil }
    guard text.count > 10 else { return CivilTime(year: year, month: month, day: day) }
    guard let hour = number(text, 11, 2), let minute = number(text, 14, 2), let second = number(text, 17, 2),
      let microsecond = fraction(text, 19)
    else { return nil }
    return CivilTime(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second, microsecond: microsecond)
  }

  /// `-838:59:59.000000`, in microseconds.
  static func time(_ text: UnsafeRawBufferPointer) -> Int64? {
    let isNegative = text.first == 0x2d
    let start = isNegative ? 1 : 0
    guard let colon = text.firstIndex(of: 0x3a), colon > start, colon + 6 <= text.count,
      let hours = number(text, start, colon - start), let minutes = number(text, colon + 1, 2),
      let seconds = number(text, colon + 4, 2), let microseconds = fraction(text, colon + 6)
    else { return nil }
    let total = Int64((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + Int64(microseconds)
    return isNegative ? -total : total
  }

  @inline(__always)
  private static func number(_ text: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int? {
    guard count <= 9, start + count <= text.count else { return nil }
    var value = 0
    for index in start..<(start + count) {
      let digit = Int(text[index]) - 0x30
      guard (0...9).contains(digit) else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// Microseconds behind the point at `start`; 0 when the text ends there.
  @inline(__always)
  private static func fraction(_ text: UnsafeRawBufferPointer, _ start: Int) -> Int? {
    guard start < text.count else { return 0 }
    let digits = text.count - start - 1
    guard text[start] == 0x2e, (1...6).contains(digits), var value = number(text, start + 1, digits) else { return nil }
    for _ in digits..<6 { value *= 10 }
    return value
  }
}
