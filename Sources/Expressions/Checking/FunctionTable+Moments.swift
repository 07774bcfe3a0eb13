import Change

/// A field of a date and time.
enum DateField: Int, Sendable {
  case year, quarter, month, day, hour, minute, second, microsecond, weekday, dayOfYear
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
    "microsecond": field(.microsecond), "dayofweek": field(.weekday), "dayofyear": field(.dayOfYear),
    "date": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      try checker.cast(try checker.moment(values[0]), to: .date, isLenient: false, at: place)
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
  /// The calls whose first argument names a unit: `timestampdiff(day, a, b)`, `date_trunc('hour', a)`.
  func unitCall(_ name: String, _ arguments: [Expression], at place: SourcePlace) throws(Failure) -> CheckedNode {
    let wanted = name == "timestampdiff" ? 3 : 2
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
    let moment = try moment(try check(arguments[1]))
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
}
