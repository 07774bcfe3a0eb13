package import Change

/// How a date and time is written.
package struct TimeStyle: Hashable, Sendable {
  /// Between date and time.
  package var separator: UInt8
  /// Whether an instant ends with `Z`.
  package var marksZone: Bool

  /// ISO 8601: `2024-02-29T12:34:56.789Z`.
  package static let iso = TimeStyle(separator: UInt8(ascii: "T"), marksZone: true)
  /// As SQL writes it, instants in UTC without a mark: `2024-02-29 12:34:56.789`.
  package static let sql = TimeStyle(separator: UInt8(ascii: " "), marksZone: false)
}

/// Which digits of a second are written.
enum FractionDigits {
  /// The first `n` of six.
  case exactly(Int)
  /// As many as the value needs; none and no point when it is whole.
  case needed
}

extension ByteWriter {
  /// Appends `2024-02-29`. Years beyond 9999 have more digits, years before 0 a minus sign.
  package mutating func append(date value: CivilTime) {
    if value.year < 0 { append(UInt8(ascii: "-")) }
    let year = UInt64(value.year.magnitude)
    append(unsigned: year, digits: max(4, year.decimalDigits))
    append(UInt8(ascii: "-"))
    append(unsigned: UInt64(value.month), digits: 2)
    append(UInt8(ascii: "-"))
    append(unsigned: UInt64(value.day), digits: 2)
  }

  /// Appends `12:34:56` and the fraction.
  mutating func append(clock value: CivilTime, fraction: FractionDigits) {
    append(unsigned: UInt64(value.hour), digits: 2)
    append(UInt8(ascii: ":"))
    append(unsigned: UInt64(value.minute), digits: 2)
    append(UInt8(ascii: ":"))
    append(unsigned: UInt64(value.second), digits: 2)
    append(microsecond: UInt64(value.microsecond), fraction: fraction)
  }

  /// Appends a signed span of time as MariaDB writes it: hours with at least two digits, `-838:59:59.000001`.
  mutating func append(span microseconds: Int64, fraction: FractionDigits) {
    if microseconds < 0 { append(UInt8(ascii: "-")) }
    let (seconds, microsecond) = microseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
    let hours = seconds / 3600
    append(unsigned: hours, digits: max(2, hours.decimalDigits))
    append(UInt8(ascii: ":"))
    append(unsigned: seconds / 60 % 60, digits: 2)
    append(UInt8(ascii: ":"))
    append(unsigned: seconds % 60, digits: 2)
    append(microsecond: microsecond, fraction: fraction)
  }

  mutating func append(microsecond: UInt64, fraction: FractionDigits) {
    var digits = 6
    switch fraction {
    case .exactly(let wanted): digits = min(max(wanted, 0), 6)
    case .needed: if microsecond == 0 { return }
    }
    if digits == 0 { return }
    append(UInt8(ascii: "."))
    append(unsigned: microsecond, digits: 6)
    switch fraction {
    case .exactly: count -= 6 - digits
    case .needed: while storage[count - 1] == UInt8(ascii: "0") { count -= 1 }
    }
  }
}
