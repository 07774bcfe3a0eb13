import Change

extension Checker {
  func literal(_ literal: Expression.Literal, at place: SourcePlace) throws(Failure) -> CheckedNode {
    switch literal {
    case .null: return null(at: place)
    case .boolean(let value):
      return constant(
        Constant(cell: .boolean(value)), ValueType(.boolean, isNullable: false, precision: 1), at: place)
    case .number(let text, let isDecimal): return try number(text, isDecimal: isDecimal, at: place)
    case .float(let value):
      return constant(Constant(cell: .float64(value)), ValueType(.float, isNullable: false), at: place)
    case .text(let text): return self.text(text, at: place)
    case .date(let text):
      guard let moment = MomentText.parse(text.utf8), moment.isDate else {
        throw failure("this is not a date", at: place, hint: "write `date '2024-01-31'`")
      }
      return constant(Constant(cell: moment.dateCell), ValueType(.date, isNullable: false), at: place)
    case .timestamp(let text):
      guard let moment = MomentText.parse(text.utf8) else {
        throw failure("this is not a date and time", at: place, hint: "write `timestamp '2024-01-31 12:00:00'`")
      }
      let type = ValueType(.timestamp, isNullable: false, scale: moment.fraction)
      return constant(Constant(cell: moment.cell(.timestamp)), type, at: place)
    case .time(let text):
      guard let time = MomentText.parseTime(text.utf8) else {
        throw failure("this is not a time", at: place, hint: "write `time '12:00:00'`")
      }
      return constant(
        Constant(cell: .time(microseconds: time.microseconds)),
        ValueType(.time, isNullable: false, scale: time.fraction), at: place)
    }
  }

  private func number(_ text: String, isDecimal: Bool, at place: SourcePlace) throws(Failure) -> CheckedNode {
    if !isDecimal, let value = UInt64(text) {
      var type = ValueType(.integer, isNullable: false, precision: String(value).utf8.count)
      type.isUnsigned = value > UInt64(Int64.max)
      return constant(Constant(cell: type.isUnsigned ? .uint(value) : .int(Int64(value))), type, at: place)
    }
    guard let value = WideDecimal(text.utf8), value.digitCount <= ValueType.decimalPrecision,
      value.scale <= ValueType.decimalScale
    else {
      throw failure(
        "a number has more than \(ValueType.decimalPrecision) digits, or \(ValueType.decimalScale) behind the point",
        at: place)
    }
    let type = ValueType(
      .exact, isNullable: false, precision: max(value.digitCount, value.scale, 1), scale: value.scale)
    return constant(Constant(exact: value), type, at: place)
  }

  /// A text literal beside a moment means the moment that it spells, as in SQL.
  func adapted(_ node: CheckedNode, to other: CheckedNode) throws(Failure) -> CheckedNode {
    guard node.type.kind == .text, let text = node.constant?.bytes else { return node }
    switch other.type.kind {
    case .date, .timestamp, .instant:
      guard let moment = MomentText.parse(text) else {
        throw failure("this is not a date and time", at: node.place, hint: "write '2024-01-31 12:00:00'")
      }
      let isDate = moment.isDate && other.type.kind == .date
      let type = ValueType(isDate ? .date : .timestamp, isNullable: false, scale: moment.fraction)
      return constant(Constant(cell: isDate ? moment.dateCell : moment.cell(.timestamp)), type, at: node.place)
    case .time:
      guard let time = MomentText.parseTime(text) else {
        throw failure("this is not a time", at: node.place, hint: "write '12:00:00'")
      }
      return constant(
        Constant(cell: .time(microseconds: time.microseconds)),
        ValueType(.time, isNullable: false, scale: time.fraction), at: node.place)
    default: return node
    }
  }
}

extension Constant {
  init(exact value: WideDecimal) {
    if let small = value.small {
      self.init(cell: .decimal64(unscaled: small, scale: UInt8(value.scale)))
    } else {
      self = .slice(.decimal, value.text, scale: value.scale)
    }
  }
}
