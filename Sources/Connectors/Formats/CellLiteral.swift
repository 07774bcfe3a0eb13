package import Change

extension Cell {
  /// The value of a column's constant default, from the text that the source's catalog has for it; nil when the text is
  /// not a value of the type. Text and bytes go to `arena`.
  package init?(literal text: String, of type: ColumnType, arena: inout [UInt8]) {
    switch type {
    case .boolean:
      guard let value = Int(text), value == 0 || value == 1 else { return nil }
      self = .boolean(value == 1)
    case .integer(_, unsigned: false), .year:
      guard let value = Int64(text) else { return nil }
      self = .int(value)
    case .integer(_, unsigned: true):
      guard let value = UInt64(text) else { return nil }
      self = .uint(value)
    case .decimal(_, let scale, _):
      guard let cell = Cell(decimal: text, scale: scale, arena: &arena) else { return nil }
      self = cell
    case .float32:
      guard let value = Float(text) else { return nil }
      self = .float32(value)
    case .float64:
      guard let value = Double(text) else { return nil }
      self = .float64(value)
    case .text, .enumeration, .set, .uuid, .address: self = Cell(.text, text, &arena)
    case .json: self = Cell(.json, text, &arena)
    case .bytes: self = Cell(.bytes, text, &arena)
    case .bit:
      guard let value = Cell.bits(of: text) else { return nil }
      self = .bits(value)
    case .date, .time, .timestamp, .timestampZoned:
      guard let cell = Cell(time: text, of: type) else { return nil }
      self = cell
    case .unboundedDecimal, .geometry: return nil
    }
  }

  private init(_ tag: Tag, _ text: String, _ arena: inout [UInt8]) {
    let offset = arena.count
    arena.append(contentsOf: text.utf8)
    self = .slice(tag, offset: offset, length: arena.count - offset)
  }

  /// A decimal with exactly `scale` digits behind the point, zeros added; nil when the text has more.
  private init?(decimal text: String, scale: Int, arena: inout [UInt8]) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let fraction = parts.count > 1 ? parts[1] : ""
    let whole = parts[0].drop { $0 == "-" }
    guard fraction.count <= scale, scale <= 255, text.filter({ $0 == "-" }).count <= 1,
      (whole + fraction).allSatisfy({ $0.isASCII && $0.isNumber }), !(whole.isEmpty && fraction.isEmpty)
    else { return nil }
    let padded = fraction + String(repeating: "0", count: scale - fraction.count)
    let sign = text.hasPrefix("-") ? "-" : ""
    if let unscaled = Int64(sign + whole + padded) {
      self = .decimal64(unscaled: unscaled, scale: UInt8(scale))
      return
    }
    self = Cell(.decimal, sign + (whole.isEmpty ? "0" : whole) + (scale > 0 ? "." + padded : ""), &arena)
    self.scale = UInt8(scale)
  }

  /// The value of `b'101'` or of a number.
  private static func bits(of text: String) -> UInt64? {
    guard text.hasPrefix("b'"), text.hasSuffix("'"), text.utf8.count > 3 else { return UInt64(text) }
    return UInt64(text.dropFirst(2).dropLast(), radix: 2)
  }

  /// A date, span or date and time as MariaDB writes it.
  private init?(time text: String, of type: ColumnType) {
    if case .time = type {
      guard let value = Cell.microseconds(ofClock: text) else { return nil }
      self = .time(microseconds: value)
      return
    }
    let parts = text.split(separator: " ", maxSplits: 1)
    let date = (parts.first ?? "").split(separator: "-").map { Int($0) ?? -1 }
    guard date.count == 3, date.allSatisfy({ $0 >= 0 }) else { return nil }
    let civil = CivilTime(year: date[0], month: date[1], day: date[2])
    guard civil.isOnCalendar else { return nil }
    if case .date = type {
      self = .date(days: civil.daysSinceEpoch)
      return
    }
    guard let clock = parts.count > 1 ? Cell.microseconds(ofClock: String(parts[1])) : 0 else { return nil }
    let microseconds = civil.microsecondsSinceEpoch + clock
    if case .timestampZoned = type {
      self = .timestampZoned(microseconds: microseconds)
    } else {
      self = .timestamp(microseconds: microseconds)
    }
  }

  private static func microseconds(ofClock text: String) -> Int64? {
    let isNegative = text.hasPrefix("-")
    let parts = (isNegative ? text.dropFirst() : Substring(text)).split(separator: ":")
    guard parts.count == 3, let hours = Int64(parts[0]), let minutes = Int64(parts[1]), hours < 1_000_000 else {
      return nil
    }
    let seconds = parts[2].split(separator: ".", maxSplits: 1)
    guard let second = seconds.first.flatMap({ Int64($0) }) else { return nil }
    var fraction: Int64 = 0
    if seconds.count > 1 {
      guard seconds[1].count <= 6, let digits = Int64(seconds[1] + String(repeating: "0", count: 6 - seconds[1].count))
      else { return nil }
      fraction = digits
    }
    let value = (hours * 3600 + minutes * 60 + second) * 1_000_000 + fraction
    return isNegative ? -value : value
  }
}
