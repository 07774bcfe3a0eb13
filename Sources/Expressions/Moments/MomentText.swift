import Change

/// Dates and times to and from text.
enum MomentText {
  struct Moment {
    var civil: CivilTime
    /// Digits of a second that were written.
    var fraction: Int
    /// Whether no time of day was written.
    var isDate: Bool

    var dateCell: Cell { civil.isOnCalendar ? .date(days: civil.daysSinceEpoch) : .civil(civil) }

    func cell(_ tag: Cell.Tag) -> Cell {
      civil.isOnCalendar ? Cell(tag, UInt64(bitPattern: civil.microsecondsSinceEpoch)) : .civil(civil)
    }
  }

  /// Reads `2024-01-31`, `2024-01-31 12:00`, `2024-01-31 12:00:00.123456`, also with `T` between; nil for anything else,
  /// and for a date that no calendar has, but for the zero date.
  static func parse(_ text: some Collection<UInt8>) -> Moment? {
    var reader = DigitReader(text)
    guard let year = reader.number(4, 4), reader.skips("-"), let month = reader.number(1, 2), reader.skips("-"),
      let day = reader.number(1, 2)
    else { return nil }
    var civil = CivilTime(year: year, month: month, day: day)
    let isZero = year == 0 && month == 0 && day == 0
    guard isZero || year >= 1 && month >= 1 && month <= 12 && day >= 1,
      isZero || day <= CivilTime.days(inMonth: month, ofYear: year)
    else { return nil }
    if reader.isAtEnd { return Moment(civil: civil, fraction: 0, isDate: true) }
    guard reader.skips(" ") || reader.skips("T"), let hour = reader.number(1, 2), hour < 24, reader.skips(":"),
      let minute = reader.number(1, 2), minute < 60
    else { return nil }
    (civil.hour, civil.minute) = (UInt8(hour), UInt8(minute))
    guard let (second, microsecond, fraction) = reader.seconds() else { return nil }
    (civil.second, civil.microsecond) = (UInt8(second), UInt32(microsecond))
    return Moment(civil: civil, fraction: fraction, isDate: false)
  }

  /// Reads `-?[0-9]+:mm(:ss(.ffffff)?)?` up to 838:59:59.999999.
  static func parseTime(_ text: some Collection<UInt8>) -> (microseconds: Int64, fraction: Int)? {
    var reader = DigitReader(text)
    let isNegative = reader.skips("-")
    guard let hour = reader.number(1, 3), hour <= 838, reader.skips(":"), let minute = reader.number(1, 2),
      minute < 60, let (second, microsecond, fraction) = reader.seconds()
    else { return nil }
    let value = Int64(hour * 3600 + minute * 60 + second) * 1_000_000 + Int64(microsecond)
    return (isNegative ? -value : value, fraction)
  }

  private struct DigitReader<Text: Collection<UInt8>> {
    private let text: Text
    private var index: Text.Index

    init(_ text: Text) {
      self.text = text
      index = text.startIndex
    }

    var isAtEnd: Bool { index == text.endIndex }

    mutating func skips(_ character: Unicode.Scalar) -> Bool {
      guard !isAtEnd, text[index] == UInt8(ascii: character) else { return false }
      index = text.index(after: index)
      return true
    }

    mutating func number(_ least: Int, _ most: Int) -> Int? {
      var value = 0
      var count = 0
      while count < most, !isAtEnd, text[index] >= 0x30, text[index] <= 0x39 {
        value = value * 10 + Int(text[index] - 0x30)
        count += 1
        index = text.index(after: index)
      }
      return count >= least ? value : nil
    }

    /// `:ss.ffffff` or a part of it, up to the end.
    mutating func seconds() -> (second: Int, microsecond: Int, fraction: Int)? {
      if isAtEnd { return (0, 0, 0) }
      guard skips(":"), let second = number(1, 2), second < 60 else { return nil }
      if isAtEnd { return (second, 0, 0) }
      guard skips(".") else { return nil }
      let start = index
      guard var value = number(1, 6), isAtEnd else { return nil }
      let digits = text.distance(from: start, to: index)
      for _ in digits..<6 { value *= 10 }
      return (second, value, digits)
    }
  }

  // MARK: Writing; each returns how many bytes, at most 32

  static func writeDate(_ civil: CivilTime, to memory: UnsafeMutablePointer<UInt8>) -> Int {
    let year = write(Int(civil.year), width: 4, to: memory)
    memory[year] = UInt8(ascii: "-")
    _ = write(Int(civil.month), width: 2, to: memory + year + 1)
    memory[year + 3] = UInt8(ascii: "-")
    _ = write(Int(civil.day), width: 2, to: memory + year + 4)
    return year + 6
  }

  static func write(_ civil: CivilTime, fraction: Int, to memory: UnsafeMutablePointer<UInt8>) -> Int {
    let length = writeDate(civil, to: memory)
    memory[length] = UInt8(ascii: " ")
    return length + 1
      + writeClock(
        Int(civil.hour), Int(civil.minute), Int(civil.second), Int(civil.microsecond), fraction, memory + length + 1)
  }

  static func writeTime(_ microseconds: Int64, fraction: Int, to memory: UnsafeMutablePointer<UInt8>) -> Int {
    var start = 0
    if microseconds < 0 {
      memory[0] = UInt8(ascii: "-")
      start = 1
    }
    let magnitude = microseconds.magnitude
    let seconds = Int(magnitude / 1_000_000)
    return start
      + writeClock(
        seconds / 3600, seconds / 60 % 60, seconds % 60, Int(magnitude % 1_000_000), fraction, memory + start)
  }

  private static func writeClock(
    _ hour: Int, _ minute: Int, _ second: Int, _ microsecond: Int, _ fraction: Int,
    _ memory: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var length = write(hour, width: 2, to: memory)
    for part in [minute, second] {
      memory[length] = UInt8(ascii: ":")
      length += 1 + write(part, width: 2, to: memory + length + 1)
    }
    guard fraction > 0 else { return length }
    memory[length] = UInt8(ascii: ".")
    _ = write(microsecond, width: 6, to: memory + length + 1)
    return length + 1 + min(fraction, 6)
  }

  /// Writes a number with at least `width` digits.
  static func write(_ value: Int, width: Int, to memory: UnsafeMutablePointer<UInt8>) -> Int {
    var count = width
    var bound = 1
    for _ in 0..<width { bound *= 10 }
    while value >= bound, count < 12 {
      count += 1
      bound *= 10
    }
    var rest = value
    for index in (0..<count).reversed() {
      memory[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    return count
  }
}
