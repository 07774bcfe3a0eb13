/// A date and time as written, field by field, whether or not a calendar has it.
///
/// MariaDB and MySQL store `0000-00-00`, days and months of zero, and with ALLOW_INVALID_DATES the 30th of February.
/// Such values have no place on a time line; this keeps them exactly. Packed into 64 bits, larger is later.
@frozen
public struct CivilTime: Hashable, Sendable, BitwiseCopyable {
  public var year: Int32
  public var month: UInt8
  public var day: UInt8
  public var hour: UInt8
  public var minute: UInt8
  public var second: UInt8
  public var microsecond: UInt32

  @inlinable public init(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0
  ) {
    self.year = Int32(truncatingIfNeeded: year)
    self.month = UInt8(truncatingIfNeeded: month)
    self.day = UInt8(truncatingIfNeeded: day)
    self.hour = UInt8(truncatingIfNeeded: hour)
    self.minute = UInt8(truncatingIfNeeded: minute)
    self.second = UInt8(truncatingIfNeeded: second)
    self.microsecond = UInt32(truncatingIfNeeded: microsecond)
  }

  /// Fields from the top: year 17 bits, month 4, day 5, hour 5, minute 6, second 6, microsecond 20.
  @inlinable public var packed: UInt64 {
    let date = UInt64(truncatingIfNeeded: year) & 0x1ffff
    let calendar = date << 9 | UInt64(month & 15) << 5 | UInt64(day & 31)
    let clock = UInt64(hour & 31) << 12 | UInt64(minute & 63) << 6 | UInt64(second & 63)
    return calendar << 37 | clock << 20 | UInt64(microsecond & 0xfffff)
  }

  @inlinable public init(packed: UInt64) {
    self.init(
      year: Int(packed >> 46 & 0x1ffff), month: Int(packed >> 42 & 15), day: Int(packed >> 37 & 31),
      hour: Int(packed >> 32 & 31), minute: Int(packed >> 26 & 63), second: Int(packed >> 20 & 63),
      microsecond: Int(packed & 0xfffff))
  }

  /// Whether the proleptic Gregorian calendar has this day and a clock shows this time.
  @inlinable public var isOnCalendar: Bool {
    year >= 1 && month >= 1 && month <= 12 && day >= 1
      && Int(day) <= CivilTime.days(inMonth: Int(month), ofYear: Int(year))
      && hour < 24 && minute < 60 && second < 60 && microsecond < 1_000_000
  }

  @inlinable public static func days(inMonth month: Int, ofYear year: Int) -> Int {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970-01-01; only for a date that the calendar has.
  /// The arithmetic counts from 1 March so that the leap day is a year's last
  /// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  @inlinable public var daysSinceEpoch: Int64 {
    let shifted = Int64(year) - (month <= 2 ? 1 : 0)
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let monthFromMarch = (Int64(month) + 9) % 12
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(day) - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// Microseconds since 1970-01-01T00:00:00 on the same clock; only for a time that the calendar has.
  @inlinable public var microsecondsSinceEpoch: Int64 {
    let seconds = Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)
    return (daysSinceEpoch * 86_400 + seconds) * 1_000_000 + Int64(microsecond)
  }

  @inlinable public init(daysSinceEpoch days: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    self.init(
      year: Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)), month: Int(month),
      day: Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1))
  }

  @inlinable public init(microsecondsSinceEpoch: Int64) {
    let (seconds, microsecond) = microsecondsSinceEpoch.flooredDivision(by: 1_000_000)
    let (days, secondOfDay) = seconds.flooredDivision(by: 86_400)
    self.init(daysSinceEpoch: days)
    hour = UInt8(truncatingIfNeeded: secondOfDay / 3600)
    minute = UInt8(truncatingIfNeeded: secondOfDay / 60 % 60)
    second = UInt8(truncatingIfNeeded: secondOfDay % 60)
    self.microsecond = UInt32(truncatingIfNeeded: microsecond)
  }
}

extension Int64 {
  /// Quotient towards minus infinity and the remainder, which is never negative.
  @inlinable public func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
