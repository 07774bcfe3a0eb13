internal import Change

/// Source of the layouts: MySQL internals manual, "Date and Time Data Type Representation".
extension RowReader {
  @inline(__always)
  private mutating func fraction(_ digits: UInt8, _ column: Int) throws(RowFault) -> Int {
    let microsecond: UInt64
    switch digits {
    case 0: return 0
    case 1, 2: microsecond = try bigEndian(bytes: 1, column) &* 10_000
    case 3, 4: microsecond = try bigEndian(bytes: 2, column) &* 100
    default: microsecond = try bigEndian(bytes: 3, column)
    }
    guard microsecond < 1_000_000 else { throw RowFault(reason: .badValue, column: column) }
    return Int(microsecond)
  }

  @inline(__always)
  mutating func datetime(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let packed = try bigEndian(bytes: 5, column)
    let microsecond = try fraction(decoder.small, column)
    guard packed >= 0x80_0000_0000 else { throw RowFault(reason: .badValue, column: column) }
    let bits = Int(packed & 0x7f_ffff_ffff)
    let yearMonth = bits >> 22
    let (year, month) = (yearMonth / 13, yearMonth % 13)
    let (day, hour, minute, second) = (bits >> 17 & 31, bits >> 12 & 31, bits >> 6 & 63, bits & 63)
    // Days up to the 28th are in every month: no need to ask the calendar.
    if year >= 1, month >= 1, day >= 1, day <= 28, hour < 24, minute < 60, second < 60 {
      let clock = (hour &* 60 &+ minute) &* 60 &+ second
      let total = (RowReader.days(year, month, day) &* 86_400 &+ clock) &* 1_000_000 &+ microsecond
      return .timestamp(microseconds: Int64(total))
    }
    return RowReader.moment(
      CivilTime(
        year: year, month: month, day: day, hour: hour,
        minute: minute, second: second, microsecond: microsecond))
  }

  /// Days since 1970-01-01 of a date from year 1 on; the years begin in March, so that the leap day is the last.
  @inline(__always)
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = year &- (month <= 2 ? 1 : 0)
    let fromMarch = month > 2 ? month &- 3 : month &+ 9
    return shifted &* 365 &+ shifted / 4 &- shifted / 100 &+ shifted / 400 &+ (153 &* fromMarch &+ 2) / 5 &+ day
      &- 719_469
  }

  @inline(__always)
  private static func moment(_ civil: CivilTime) -> Cell {
    civil.isOnCalendar ? .timestamp(microseconds: civil.microsecondsSinceEpoch) : .civil(civil)
  }

  @inline(__always)
  mutating func timestamp(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let seconds = UInt32(truncatingIfNeeded: try bigEndian(bytes: 4, column))
    return instant(seconds: seconds, microsecond: try fraction(decoder.small, column))
  }

  /// Second 0 with no fraction is how the zero instant is stored; 1970-01-01 00:00:00 itself cannot be.
  @inline(__always)
  func instant(seconds: UInt32, microsecond: Int) -> Cell {
    if seconds == 0, microsecond == 0 { return .civil(CivilTime(year: 0, month: 0, day: 0)) }
    return .timestampZoned(microseconds: Int64(seconds) * 1_000_000 + Int64(microsecond))
  }

  mutating func date(_ column: Int) throws(RowFault) -> Cell {
    let packed = Int(try number(bytes: 3, column))
    let civil = CivilTime(year: packed >> 9, month: packed >> 5 & 15, day: packed & 31)
    return civil.isOnCalendar ? .date(days: civil.daysSinceEpoch) : .civil(civil)
  }

  /// Whole and fraction are one number around an offset, so that a negative time keeps its order.
  mutating func time(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let fractionBytes = (Int(decoder.small) + 1) / 2
    let shift = UInt64(fractionBytes * 8)
    let stored = Int64(try bigEndian(bytes: 3 + fractionBytes, column)) - Int64(0x80_0000 << shift)
    let magnitude = stored.magnitude
    let whole = Int64(magnitude >> shift)
    let unit: Int64 = fractionBytes == 1 ? 10_000 : fractionBytes == 2 ? 100 : 1
    let microsecond = Int64(magnitude & ((1 << shift) - 1)) * unit
    guard microsecond < 1_000_000, whole & 63 < 60, whole >> 6 & 63 < 60 else {
      throw RowFault(reason: .badValue, column: column)
    }
    let seconds = (whole >> 12 & 0x3ff) * 3600 + (whole >> 6 & 63) * 60 + (whole & 63)
    let total = seconds * 1_000_000 + microsecond
    return .time(microseconds: stored < 0 ? -total : total)
  }

  /// The form before MySQL 5.6 and MariaDB 10.1: hhmmss as a decimal number.
  mutating func oldTime(_ column: Int) throws(RowFault) -> Cell {
    let stored = Int64((Int32(truncatingIfNeeded: try number(bytes: 3, column)) << 8) >> 8)
    let digits = abs(stored)
    let seconds = digits / 10_000 * 3600 + digits / 100 % 100 * 60 + digits % 100
    return .time(microseconds: (stored < 0 ? -seconds : seconds) * 1_000_000)
  }

  /// The form before MySQL 5.6 and MariaDB 10.1: yyyymmddhhmmss as a decimal number.
  mutating func oldDatetime(_ column: Int) throws(RowFault) -> Cell {
    let stored = try number(UInt64.self, column)
    let (date, clock) = stored.quotientAndRemainder(dividingBy: 1_000_000)
    guard date <= 9999_99_99 else { throw RowFault(reason: .badValue, column: column) }
    let civil = CivilTime(
      year: Int(date / 10_000), month: Int(date / 100 % 100), day: Int(date % 100), hour: Int(clock / 10_000),
      minute: Int(clock / 100 % 100), second: Int(clock % 100))
    guard civil.month < 13, civil.day < 32, civil.hour < 24, civil.minute < 60, civil.second < 60 else {
      throw RowFault(reason: .badValue, column: column)
    }
    return RowReader.moment(civil)
  }
}
