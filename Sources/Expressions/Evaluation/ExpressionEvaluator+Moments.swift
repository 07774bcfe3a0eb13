import Change

extension ExpressionEvaluator {
  func applyMoment(_ opcode: Opcode, _ instruction: Instruction) {
    let parameter = instruction.immediate
    let place = instruction.place
    switch opcode {
    case .toMoment:
      let tag = Cell.Tag(rawValue: UInt8(parameter)) ?? .timestamp
      map(instruction) {
        $0.tag == .civil ? $0 : Cell(tag, UInt64(bitPattern: ExpressionEvaluator.microseconds($0)))
      }
    case .roundMoment: map(instruction) { ExpressionEvaluator.rounded($0, parameter) }
    case .roundTime: map(instruction) { ExpressionEvaluator.rounded($0, parameter) }
    case .dateField:
      let field = DateField(rawValue: parameter & 255) ?? .year
      if parameter & 256 != 0 { return map(instruction) { ExpressionEvaluator.spanField(field, of: $0) } }
      map(instruction) { ExpressionEvaluator.field(field, of: $0) }
    case .shiftMoment: zip(instruction) { shift($0, by: $1, parameter, place) }
    case .truncateMoment:
      let unit = Expression.TimeUnit.allCases[parameter]
      map(instruction) { ExpressionEvaluator.truncated($0, unit) }
    case .formatMoment: format(instruction)
    case .toDate:
      map(instruction) { cell in
        if cell.tag == .date { return cell }
        if cell.tag == .civil {
          let civil = cell.civil
          return .civil(CivilTime(year: Int(civil.year), month: Int(civil.month), day: Int(civil.day)))
        }
        return .date(days: cell.int.flooredDivision(by: 86_400_000_000).quotient)
      }
    case .lastDay: map(instruction) { ExpressionEvaluator.lastDay($0) }
    case .unixTime: map(instruction) { unixTime($0, parameter) }
    case .fromUnixTime: map(instruction) { fromUnixTime($0, place) }
    default:
      let unit = Expression.TimeUnit.allCases[parameter]
      zip(instruction) { ExpressionEvaluator.difference($0, $1, unit) }
    }
  }

  /// Half away from zero, as MariaDB rounds a second's fraction with TIME_ROUND_FRACTIONAL; without it it cuts. Ours cuts.
  private static func rounded(_ cell: Cell, _ fraction: Int) -> Cell {
    guard cell.tag != .civil, fraction < 6 else { return cell }
    var unit: Int64 = 1
    for _ in fraction..<6 { unit *= 10 }
    // Towards the past for a timestamp, whose digits are those of a clock, and towards zero for a span.
    let rest = cell.tag == .time ? cell.int % unit : cell.int.flooredDivision(by: unit).remainder
    return Cell(cell.tag, UInt64(bitPattern: cell.int - rest))
  }

  private static func field(_ field: DateField, of cell: Cell) -> Cell {
    if cell.tag == .time {
      let magnitude = cell.int.magnitude
      switch field {
      case .hour: return .int(Int64(magnitude / 3_600_000_000))
      case .minute: return .int(Int64(magnitude / 60_000_000 % 60))
      case .second: return .int(Int64(magnitude / 1_000_000 % 60))
      default: return .int(Int64(magnitude % 1_000_000))
      }
    }
    let civil = civil(cell)
    switch field {
    case .year: return .int(Int64(civil.year))
    case .quarter: return .int(Int64((civil.month + 2) / 3))
    case .month: return .int(Int64(civil.month))
    case .day: return .int(Int64(civil.day))
    case .hour: return .int(Int64(civil.hour))
    case .minute: return .int(Int64(civil.minute))
    case .second: return .int(Int64(civil.second))
    case .microsecond: return .int(Int64(civil.microsecond))
    case _ where !civil.isOnCalendar: return .null
    case .dayOfWeek: return .int(Int64((MomentFormat.weekday(civil) + 1) % 7 + 1))
    case .weekday: return .int(Int64(MomentFormat.weekday(civil)))
    case .week: return .int(Int64(MomentFormat.week(civil)))
    case .dayOfYear: return .int(Int64(MomentFormat.dayOfYear(civil)))
    }
  }

  /// A part of a span of time, in days and what is left of them, each with the sign of the whole.
  private static func spanField(_ field: DateField, of cell: Cell) -> Cell {
    let (hours, rest) = cell.int.quotientAndRemainder(dividingBy: lengths[3])
    switch field {
    case .day: return .int(hours / 24)
    case .hour: return .int(hours % 24)
    case .minute: return .int(rest / lengths[2])
    case .second: return .int(rest / lengths[1] % 60)
    default: return .int(rest % lengths[1])
    }
  }

  private static func lastDay(_ cell: Cell) -> Cell {
    var civil = civil(cell)
    guard civil.month >= 1, civil.month <= 12 else { return .null }
    civil.day = UInt8(CivilTime.days(inMonth: Int(civil.month), ofYear: Int(civil.year)))
    return .date(days: civil.daysSinceEpoch)
  }

  private static let lengths: InlineArray<6, Int64> = [
    1, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000, 604_800_000_000,
  ]

  /// The year 0000 to 9999: outside of it there is NULL, as in MariaDB.
  private static let earliest = CivilTime(year: 0, month: 1, day: 1).microsecondsSinceEpoch
  private static let latest = CivilTime(year: 10_000, month: 1, day: 1).microsecondsSinceEpoch

  private func shift(_ cell: Cell, by amount: Cell, _ parameter: Int, _ place: Int32) -> Cell {
    guard cell.tag != .civil else { return .null }
    let unit = parameter & 255
    guard let count = amountOf(amount, unit) else { return .null }
    let signed = parameter & 256 != 0 ? 0 - count : count
    let start = ExpressionEvaluator.microseconds(cell)
    var end: Int64
    if unit < 6 {
      // A decimal number of seconds was already turned into microseconds.
      let length = unit == 1 ? 1 : ExpressionEvaluator.lengths[unit]
      let (span, first) = signed.multipliedReportingOverflow(by: length)
      let (sum, second) = start.addingReportingOverflow(span)
      guard !first, !second else { return .null }
      end = sum
    } else {
      let months =
        unit == 6
        ? signed
        : unit == 7
          ? signed.multipliedReportingOverflow(by: 3).partialValue
          : signed.multipliedReportingOverflow(by: 12).partialValue
      guard abs(signed) < 1_000_000, let moved = ExpressionEvaluator.moved(start, months: months) else { return .null }
      end = moved
    }
    guard end >= ExpressionEvaluator.earliest, end < ExpressionEvaluator.latest else { return .null }
    if cell.tag != .date { return Cell(cell.tag, UInt64(bitPattern: end)) }
    return unit >= 4
      ? .date(days: end.flooredDivision(by: 86_400_000_000).quotient) : .timestamp(microseconds: end)
  }

  /// Units; of seconds, microseconds.
  private func amountOf(_ cell: Cell, _ unit: Int) -> Int64? {
    if unit == 1 {
      guard let value = wideDecimal(cell)?.cut(to: 6).rounded(to: 6), let magnitude = value.magnitude.small else {
        return nil
      }
      return Int64(exactly: magnitude).map { value.isNegative ? -$0 : $0 }
    }
    return ExpressionEvaluator.isUnsigned(cell) && cell.int < 0 || cell.int == .min ? nil : cell.int
  }

  private static func moved(_ microseconds: Int64, months: Int64) -> Int64? {
    var civil = CivilTime(microsecondsSinceEpoch: microseconds)
    let (year, month) = (Int64(civil.year) * 12 + Int64(civil.month) - 1 + months).flooredDivision(by: 12)
    guard year >= 0, year <= 9999 else { return nil }
    civil.year = Int32(year)
    civil.month = UInt8(month + 1)
    civil.day = min(civil.day, UInt8(CivilTime.days(inMonth: Int(month) + 1, ofYear: Int(year))))
    return civil.microsecondsSinceEpoch
  }

  private static func truncated(_ cell: Cell, _ unit: Expression.TimeUnit) -> Cell {
    guard cell.tag != .civil else { return .null }
    let tag: Cell.Tag = cell.tag == .date ? .timestamp : cell.tag
    let moment = microseconds(cell)
    func floored(_ length: Int64, _ origin: Int64 = 0) -> Cell {
      Cell(tag, UInt64(bitPattern: moment - (moment - origin).flooredDivision(by: length).remainder))
    }
    switch unit {
    case .microsecond: return Cell(tag, UInt64(bitPattern: moment))
    case .second: return floored(lengths[1])
    case .minute: return floored(lengths[2])
    case .hour: return floored(lengths[3])
    case .day: return floored(lengths[4])
    // Weeks begin on Monday (ISO 8601); 1970-01-05 was one.
    case .week: return floored(lengths[5], 4 * lengths[4])
    case .month, .quarter, .year:
      let civil = CivilTime(microsecondsSinceEpoch: moment)
      let month = unit == .month ? Int(civil.month) : unit == .quarter ? (Int(civil.month) - 1) / 3 * 3 + 1 : 1
      let start = CivilTime(year: Int(civil.year), month: month, day: 1)
      return Cell(tag, UInt64(bitPattern: start.microsecondsSinceEpoch))
    }
  }

  private func unixTime(_ cell: Cell, _ scale: Int) -> Cell {
    guard cell.tag != .civil else { return .null }
    let moment = ExpressionEvaluator.microseconds(cell)
    if scale == 0 { return .int(moment.flooredDivision(by: 1_000_000).quotient) }
    var unit: Int64 = 1
    for _ in min(scale, 6)..<6 { unit *= 10 }
    return .decimal64(unscaled: moment.flooredDivision(by: unit).quotient, scale: UInt8(min(scale, 6)))
  }

  private func fromUnixTime(_ cell: Cell, _ place: Int32) -> Cell {
    guard let value = wideDecimal(cell)?.cut(to: 6).rounded(to: 6), let magnitude = value.magnitude.small,
      magnitude < UInt64(ExpressionEvaluator.latest), !value.isNegative
    else { return .null }
    return .timestamp(microseconds: Int64(magnitude))
  }

  /// Whole units from the first to the second.
  private static func difference(_ from: Cell, _ to: Cell, _ unit: Expression.TimeUnit) -> Cell {
    guard from.tag != .civil, to.tag != .civil else { return .null }
    let (start, end) = (microseconds(from), microseconds(to))
    let index = Expression.TimeUnit.allCases.firstIndex(of: unit) ?? 0
    if index < 6 { return .int((end - start) / lengths[index]) }
    let isBackward = end < start
    let (first, second) = isBackward ? (end, start) : (start, end)
    let (low, high) = (CivilTime(microsecondsSinceEpoch: first), CivilTime(microsecondsSinceEpoch: second))
    var months = (Int64(high.year) - Int64(low.year)) * 12 + Int64(high.month) - Int64(low.month)
    let lowRest = CivilTime(
      year: 0, month: 0, day: Int(low.day), hour: Int(low.hour), minute: Int(low.minute), second: Int(low.second),
      microsecond: Int(low.microsecond))
    let highRest = CivilTime(
      year: 0, month: 0, day: Int(high.day), hour: Int(high.hour), minute: Int(high.minute), second: Int(high.second),
      microsecond: Int(high.microsecond))
    if highRest.packed < lowRest.packed { months -= 1 }
    let count = unit == .month ? months : unit == .quarter ? months / 3 : months / 12
    return .int(isBackward ? -count : count)
  }

  private func format(_ instruction: Instruction) {
    let format = program.parts.formats[Int(instruction.resource)]
    let place = instruction.place
    format.withUnsafeBufferPointer { format in
      map(instruction) { cell in
        guard let memory = reserve(format.count * MomentFormat.longest) else {
          return .problem(.tooLong, at: place)
        }
        let civil = ExpressionEvaluator.civil(cell)
        var length = 0
        var index = 0
        while index < format.count {
          if format[index] == UInt8(ascii: "%"), index + 1 < format.count {
            index += 1
            guard let count = MomentFormat.write(format[index], civil, to: memory + length) else { return .null }
            length += count
          } else {
            memory[length] = format[index]
            length += 1
          }
          index += 1
        }
        return made(.text, length: length)
      }
    }
  }
}
