import Change

/// A field of a date and time.
enum DateField: Int, Sendable {
  case year, quarter, month, week, day, hour, minute, second, microsecond
  /// From 1, which is Sunday.
  case dayOfWeek
  /// From 0, which is Monday.
  case weekday
  case dayOfYear

  init(_ unit: Expression.TimeUnit) {
    switch unit {
    case .microsecond: self = .microsecond
    case .second: self = .second
    case .minute: self = .minute
    case .hour: self = .hour
    case .day: self = .day
    case .week: self = .week
    case .month: self = .month
    case .quarter: self = .quarter
    case .year: self = .year
    }
  }
}

extension FunctionTable {
  private static func field(_ field: DateField) -> Entry {
    Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let isClock = [.hour, .minute, .second, .microsecond].contains(field)
      let value = values[0].type.kind == .time && isClock ? values[0] : try checker.moment(values[0])
      let type = ValueType(.integer, isNullable: true, precision: 10)
      return try checker.apply(.dateField, [value], type, immediate: field.rawValue, at: place)
    }
  }

  static let moments: [String: Entry] = [
    "year": field(.year), "quarter": field(.quarter), "month": field(.month), "day": field(.day),
    "dayofmonth": field(.day), "hour": field(.hour), "minute": field(.minute), "second": field(.second),
    "microsecond": field(.microsecond), "dayofweek": field(.dayOfWeek), "weekday": field(.weekday),
    "dayofyear": field(.dayOfYear), "week": field(.week),
    "date": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      try checker.cast(try checker.moment(values[0]), to: .date, isLenient: false, at: place)
    },
    "last_day": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      try checker.apply(
        .lastDay, [try checker.moment(values[0])], ValueType(.date, isNullable: true), at: place)
    },
    "datediff": Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      var days: [CheckedNode] = []
      for value in values.reversed() {
        days.append(try checker.cast(try checker.moment(value), to: .date, isLenient: false, at: place))
      }
      let unit = Expression.TimeUnit.allCases.firstIndex(of: .day) ?? 0
      return try checker.apply(
        .difference, days, ValueType(.integer, isNullable: true, precision: 8), immediate: unit, at: place)
    },
    "unix_timestamp": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = try checker.moment(values[0])
      let scale = value.type.scale
      let type =
        scale == 0
        ? ValueType(.integer, isNullable: true, precision: 12)
        : ValueType(.exact, isNullable: true, precision: 12 + scale, scale: scale)
      return try checker.apply(.unixTime, [value], type, immediate: scale, at: place)
    },
    "from_unixtime": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = try checker.number(values[0])
      guard value.type.kind != .float else {
        throw checker.failure("a double is not exact enough for a time", at: place, hint: "cast it to decimal(20,6)")
      }
      let type = ValueType(.timestamp, isNullable: true, scale: min(6, value.type.scale))
      return try checker.apply(.fromUnixTime, [value], type, at: place)
    },
    "date_format": Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      guard values[1].type.kind == .text, let format = values[1].constant?.bytes else {
        throw checker.failure("a format is a text in quotes", at: values[1].place)
      }
      guard MomentFormat.isKnown(format) else {
        throw checker.failure(
          "this format has a letter that is not known", at: values[1].place,
          hint: "known: \(MomentFormat.letters.map { "%\($0)" }.joined(separator: " "))")
      }
      return try checker.apply(
        .formatMoment, [try checker.moment(values[0])], ValueType(.text, isNullable: true),
        resource: .bytes(format), at: place)
    },
  ]
}

extension Checker {
  /// The calls whose first argument names a unit: `timestampdiff(day, a, b)`, `date_trunc('hour', a)`, `extract(day from a)`.
  func unitCall(_ name: String, _ arguments: [Expression], at place: SourcePlace) throws(Failure) -> CheckedNode {
    let wanted = FunctionTable.unitCalls[name] ?? 2
    guard arguments.count == wanted else {
      throw failure("`\(name)` takes \(wanted) arguments, not \(arguments.count)", at: place)
    }
    let word: String
    switch arguments[0].form {
    case .column(let name, .row): word = name
    case .literal(.text(let text)): word = text
    default: word = ""
    }
    let units = Expression.TimeUnit.allCases
    guard let index = units.firstIndex(where: { $0.rawValue == word.lowercased() }) else {
      throw failure(
        "`\(name)` takes a unit of time first", at: arguments[0].place,
        hint: NearestName.list("units", units.map(\.rawValue)))
    }
    let value = try check(arguments[1])
    if name == "extract" { return try extract(units[index], of: value, at: place) }
    let moment = try moment(value)
    if wanted == 2 {
      let type = ValueType(
        moment.type.kind == .date ? .timestamp : moment.type.kind, isNullable: true,
        scale: units[index] == .microsecond ? moment.type.scale : 0)
      return try apply(.truncateMoment, [moment], type, immediate: index, at: place)
    }
    let end = try self.moment(try check(arguments[2]))
    let type = ValueType(.integer, isNullable: true, precision: 19)
    return try apply(.difference, [moment, end], type, immediate: index, at: place)
  }

  private func extract(
    _ unit: Expression.TimeUnit, of value: CheckedNode, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let type = ValueType(.integer, isNullable: true, precision: 10)
    let field = DateField(unit).rawValue
    if value.type.kind == .time, [.microsecond, .second, .minute, .hour, .day].contains(unit) {
      return try apply(.dateField, [value], type, immediate: field | 256, at: place)
    }
    return try apply(.dateField, [try moment(value)], type, immediate: field, at: place)
  }
}
