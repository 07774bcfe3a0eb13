import Change

extension FunctionTable {
  static let numbers: [String: Entry] = [
    "abs": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = try checker.number(values[0])
      let type = value.type
      switch type.kind {
      case .float: return try checker.apply(.absoluteFloat, [value], type, at: place)
      case .exact: return try checker.apply(.absoluteExact, [value], type, at: place)
      default:
        var whole = type.with(kind: .integer)
        whole.isUnsigned = type.isUnsigned
        return try checker.apply(.absoluteInteger, [value], whole, immediate: type.isUnsigned ? 1 : 0, at: place)
      }
    },
    "round": Entry(arguments: 1...2) { (checker, values, place) throws(Failure) in
      try checker.rounded(values, truncates: false, at: place)
    },
    "truncate": Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      try checker.rounded(values, truncates: true, at: place)
    },
    "floor": edge(.floorExact, .floorFloat), "ceil": edge(.ceilingExact, .ceilingFloat),
    "ceiling": edge(.ceilingExact, .ceilingFloat),
    "sqrt": root(.squareRoot), "log10": root(.decimalLogarithm), "log2": root(.binaryLogarithm),
    "ln": root(.naturalLogarithm), "power": power, "pow": power,
    "log": Entry(arguments: 1...2) { (checker, values, place) throws(Failure) in
      let operands = try checker.numbers(values)
      let opcode: Opcode = operands.count == 2 ? .logarithm : .naturalLogarithm
      return try checker.apply(opcode, operands, ValueType(.float, isNullable: true), at: place)
    },
    "exp": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = try checker.number(values[0])
      return try checker.apply(
        .exponential, [value], ValueType(.float, isNullable: value.type.isNullable), at: place)
    },
    "sign": Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = try checker.number(values[0])
      let type = ValueType(.integer, isNullable: value.type.isNullable, precision: 1)
      return try checker.apply(.sign, [value], type, at: place)
    },
    "mod": Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      try checker.arithmetic(.remainder, values[0], values[1], at: place)
    },
  ]

  /// A function that not every number has a result of.
  private static func root(_ opcode: Opcode) -> Entry {
    Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      try checker.apply(opcode, try checker.numbers(values), ValueType(.float, isNullable: true), at: place)
    }
  }

  private static let power = Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
    let operands = try checker.numbers(values)
    let isNullable = operands.contains { $0.type.isNullable }
    return try checker.apply(.power, operands, ValueType(.float, isNullable: isNullable), at: place)
  }

  private static func edge(_ exact: Opcode, _ float: Opcode) -> Entry {
    Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = try checker.number(values[0])
      switch value.type.kind {
      case .float: return try checker.apply(float, [value], value.type, at: place)
      case .exact:
        var type = value.type
        type.precision = min(max(type.precision - type.scale + 1, 1), ValueType.decimalPrecision)
        (type.scale, type.isUnbounded) = (0, false)
        let rounded = try checker.apply(exact, [value], type, at: place)
        // A result that surely fits is a whole number, as in MariaDB.
        guard type.precision <= 18 else { return rounded }
        let whole = ValueType(.integer, isNullable: type.isNullable, precision: type.precision)
        return try checker.apply(.roundToInteger, [rounded], whole, at: place)
      default: return value
      }
    }
  }
}

extension Checker {
  fileprivate func numbers(_ values: [CheckedNode]) throws(Failure) -> [CheckedNode] {
    for value in values { _ = try number(value) }
    return values
  }

  func rounded(_ values: [CheckedNode], truncates: Bool, at place: SourcePlace) throws(Failure) -> CheckedNode {
    let value = try number(values[0])
    let places = values.count > 1 ? try digits(values[1]) : 0
    var type = value.type.computed(isNullable: value.type.isNullable)
    switch type.kind {
    case .float:
      return try apply(truncates ? .truncateFloat : .roundFloat, [value], type, immediate: places, at: place)
    case .exact:
      let scale = max(0, min(places, ValueType.decimalScale))
      type.precision = min(type.precision - type.scale + scale + 1, ValueType.decimalPrecision)
      (type.scale, type.isUnbounded) = (scale, false)
      return try roundedExact(value, places, truncates, type, at: place)
    default:
      guard places < 0 else { return value }
      let exact = ValueType(
        .exact, isNullable: type.isNullable, precision: min(type.precision + 1, ValueType.decimalPrecision))
      let rounded = try roundedExact(value, places, truncates, exact, at: place)
      // A digit more than 32 bits may have makes a decimal, as in MariaDB.
      guard truncates || type.precision <= 10 else { return rounded }
      var whole = ValueType(.integer, isNullable: type.isNullable, precision: type.isUnsigned ? 20 : 19)
      whole.isUnsigned = type.isUnsigned
      return try apply(.roundToInteger, [rounded], whole, immediate: type.isUnsigned ? 1 : 0, at: place)
    }
  }

  private func roundedExact(
    _ value: CheckedNode, _ places: Int, _ truncates: Bool, _ type: ValueType, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    if truncates { return try apply(.truncateExact, [value], type, immediate: places, at: place) }
    guard places < 0 else { return try apply(.roundExact, [value], type, immediate: type.scale, at: place) }
    return try apply(.truncateExact, [value], type, immediate: places - 1000, at: place)
  }
}
