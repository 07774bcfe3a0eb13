/// Writes the exact text of an inline cell, as SQL databases read it, into a slot of `ValueText.slot` bytes.
///
/// `2024-02-29`, `-838:59:59.000000`, `2024-02-29 12:00:00.5` with as many digits of a second as the column declares,
/// a `Z` behind an instant, `0000-00-00` for what no calendar has, `-0.05` for a decimal.
public struct ValueText: ~Copyable {
  /// Enough for every value that is written here.
  public static let slot = 64
  private let start: UnsafeMutablePointer<UInt8>
  public private(set) var count = 0

  /// - Parameter start: `slot` bytes that nobody else uses meanwhile.
  @inlinable public init(at start: UnsafeMutableRawPointer) {
    self.init(bytes: unsafe start.assumingMemoryBound(to: UInt8.self))
  }

  /// The text that `body` writes, as a string: for what is seldom needed.
  public static func string(_ body: (inout ValueText) -> Void) -> String {
    unsafe withUnsafeTemporaryAllocation(byteCount: slot, alignment: 8) { memory in
      guard let start = memory.baseAddress else { return "" }
      var text = unsafe ValueText(at: start)
      body(&text)
      return unsafe String(decoding: memory[..<text.count], as: UTF8.self)
    }
  }

  @usableFromInline init(bytes: UnsafeMutablePointer<UInt8>) { unsafe start = bytes }

  // Every writer below stays inside the slot: the longest is a timestamp with a six-digit year, 31 bytes, and a decimal of
  // 19 digits with a scale of at most 38.
  private mutating func put(_ byte: UInt8) {
    unsafe start[count] = byte
    count += 1
  }

  private mutating func put(_ value: UInt64, digits: Int) {
    var rest = value
    var index = count + digits
    while index > count {
      index -= 1
      unsafe start[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += digits
  }

  private static func digits(_ value: UInt64) -> Int {
    var count = 1
    var limit: UInt64 = 10
    while value >= limit {
      count += 1
      let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
      if overflow { break }
      limit = next
    }
    return count
  }

  public mutating func write(_ value: UInt64) { put(value, digits: ValueText.digits(value)) }

  public mutating func write(_ value: Int64) {
    if value < 0 { put(UInt8(ascii: "-")) }
    write(value.magnitude)
  }

  /// - Parameter scale: at most 38.
  public mutating func write(unscaled: Int64, scale: Int) {
    precondition(scale <= 38, "a decimal of 64 bits has at most 38 digits behind the point")
    if unscaled < 0 { put(UInt8(ascii: "-")) }
    guard scale > 0 else { return write(unscaled.magnitude) }
    let length = ValueText.digits(unscaled.magnitude)
    let leading = max(0, scale + 1 - length)
    let first = count
    for _ in 0..<leading { put(UInt8(ascii: "0")) }
    put(unscaled.magnitude, digits: length)
    let point = first + leading + length - scale
    var index = count
    while index > point {
      unsafe start[index] = unsafe start[index - 1]
      index -= 1
    }
    unsafe start[point] = UInt8(ascii: ".")
    count += 1
  }

  public mutating func writeDate(_ value: CivilTime) {
    if value.year < 0 { put(UInt8(ascii: "-")) }
    let year = UInt64(value.year.magnitude)
    put(year, digits: max(4, ValueText.digits(year)))
    put(UInt8(ascii: "-"))
    put(UInt64(value.month), digits: 2)
    put(UInt8(ascii: "-"))
    put(UInt64(value.day), digits: 2)
  }

  public mutating func writeTimestamp(_ value: CivilTime, fraction: Int) {
    writeDate(value)
    put(UInt8(ascii: " "))
    put(UInt64(value.hour), digits: 2)
    put(UInt8(ascii: ":"))
    put(UInt64(value.minute), digits: 2)
    put(UInt8(ascii: ":"))
    put(UInt64(value.second), digits: 2)
    writeFraction(UInt64(value.microsecond), digits: fraction)
  }

  /// Marks the time just written as one of Coordinated Universal Time.
  public mutating func writeZone() { put(UInt8(ascii: "Z")) }

  public mutating func writeTime(microseconds: Int64, fraction: Int) {
    if microseconds < 0 { put(UInt8(ascii: "-")) }
    let magnitude = microseconds.magnitude
    let seconds = magnitude / 1_000_000
    let hours = seconds / 3600
    put(hours, digits: max(2, ValueText.digits(hours)))
    put(UInt8(ascii: ":"))
    put(seconds / 60 % 60, digits: 2)
    put(UInt8(ascii: ":"))
    put(seconds % 60, digits: 2)
    writeFraction(magnitude % 1_000_000, digits: fraction)
  }

  private mutating func writeFraction(_ microseconds: UInt64, digits: Int) {
    guard digits > 0 else { return }
    put(UInt8(ascii: "."))
    var value = microseconds
    for _ in 0..<max(0, 6 - digits) { value /= 10 }
    put(value, digits: min(6, digits))
  }
}
