import Change

extension Checker {
  func arithmetic(
    _ kind: Expression.BinaryOperator, _ left: CheckedNode, _ right: CheckedNode, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    for operand in [left, right] where !operand.type.isNumber {
      throw failure(
        "`\(kind.rawValue)` needs numbers, and this is \(operand.type.named)", at: operand.place,
        hint: operand.type.isMoment
          ? "use `+ interval 1 day`, or timestampdiff(day, a, b)" : "use cast(… as decimal(…))")
    }
    let types = [left.type, right.type]
    if types.contains(where: { $0.kind == .float }) { return try floats(kind, left, right, at: place) }
    if kind == .divide || types.contains(where: { $0.kind == .exact }) {
      return try exact(kind, left, right, at: place)
    }
    return try integers(kind, left, right, at: place)
  }

  private func isNullable(_ kind: Expression.BinaryOperator, _ left: CheckedNode, _ right: CheckedNode) -> Bool {
    let divides = [.divide, .divideWhole, .remainder].contains(kind)
    let isSafe = right.constant.map { $0.cell.hasValue && $0.cell.payload != 0 } ?? false
    return left.type.isNullable || right.type.isNullable || divides && !isSafe
  }

  private func integers(
    _ kind: Expression.BinaryOperator, _ left: CheckedNode, _ right: CheckedNode, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let opcodes: [Expression.BinaryOperator: Opcode] = [
      .add: .addIntegers, .subtract: .subtractIntegers, .multiply: .multiplyIntegers,
      .divideWhole: .divideWholeIntegers, .remainder: .remainderIntegers,
    ]
    var type = ValueType(.integer, isNullable: isNullable(kind, left, right), precision: 19)
    // The sign of a remainder is that of what is divided.
    type.isUnsigned = left.type.isUnsigned || kind != .remainder && right.type.isUnsigned
    if type.isUnsigned { type.precision = 20 }
    let signs = (left.type.isUnsigned ? 1 : 0) | (right.type.isUnsigned ? 2 : 0) | (type.isUnsigned ? 4 : 0)
    return try apply(opcodes[kind] ?? .addIntegers, [left, right], type, immediate: signs, at: place)
  }

  private func exact(
    _ kind: Expression.BinaryOperator, _ left: CheckedNode, _ right: CheckedNode, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let (first, second) = (left.type, right.type)
    var type = ValueType(.exact, isNullable: isNullable(kind, left, right))
    type.isUnbounded = first.isUnbounded || second.isUnbounded
    let opcode: Opcode
    type.scale = max(first.scale, second.scale)
    type.precision = max(first.precision - first.scale, second.precision - second.scale) + 1 + type.scale
    switch kind {
    case .add: opcode = .addExact
    case .subtract: opcode = .subtractExact
    case .multiply:
      opcode = .multiplyExact
      type.scale = min(first.scale + second.scale, ValueType.decimalScale)
      type.precision = first.precision + second.precision
    case .divide:
      opcode = .divideExact
      type.scale = min(first.scale + 4, ValueType.decimalScale)
      type.precision = first.precision + second.scale + 4
    case .divideWhole:
      opcode = .divideWholeExact
      type = ValueType(.integer, isNullable: true, precision: 19)
      type.isUnsigned = first.isUnsigned || second.isUnsigned
    default: opcode = .remainderExact
    }
    type.precision = min(max(type.precision, type.scale), ValueType.decimalPrecision)
    let immediate = opcode == .divideWholeExact ? (type.isUnsigned ? 1 : 0) : type.scale
    return try apply(opcode, [left, right], type, immediate: immediate, at: place)
  }

  private func floats(
    _ kind: Expression.BinaryOperator, _ left: CheckedNode, _ right: CheckedNode, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let opcodes: [Expression.BinaryOperator: Opcode] = [
      .add: .addFloats, .subtract: .subtractFloats, .multiply: .multiplyFloats, .divide: .divideFloats,
      .remainder: .remainderFloats,
    ]
    guard let opcode = opcodes[kind] else {
      throw failure("`div` needs exact numbers", at: place, hint: "use floor(a / b)")
    }
    return try apply(
      opcode, [left, right], ValueType(.float, isNullable: isNullable(kind, left, right)), at: place)
  }

  func negated(_ node: CheckedNode, at place: SourcePlace) throws(Failure) -> CheckedNode {
    var type = node.type.computed(isNullable: node.type.isNullable)
    switch type.kind {
    case .null: return node
    case .boolean, .integer:
      let immediate = type.isUnsigned ? 1 : 0
      type = ValueType(.integer, isNullable: type.isNullable, precision: min(19, type.precision))
      return try apply(.negateInteger, [node], type, immediate: immediate, at: place)
    case .exact: return try apply(.negateExact, [node], type, at: place)
    case .float: return try apply(.negateFloat, [node], type, at: place)
    default: throw failure("`-` needs a number, and this is \(type.named)", at: place)
    }
  }

  func shift(
    _ moment: CheckedNode, by amount: Expression, _ unit: Expression.TimeUnit, negated: Bool, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    guard moment.type.isMoment else {
      throw failure(
        "an interval is added to a date or a timestamp, and this is \(moment.type.named)", at: moment.place,
        hint: "write a literal as `timestamp '…'`")
    }
    let count = try intervalAmount(amount, unit)
    var type = ValueType(moment.type.kind, isNullable: true, scale: moment.type.scale)
    if [.microsecond, .second, .minute, .hour].contains(unit), type.kind == .date { type.kind = .timestamp }
    if unit == .microsecond { type.scale = 6 }
    if unit == .second { type.scale = min(6, max(type.scale, count.type.kind == .exact ? count.type.scale : 0)) }
    let index = Expression.TimeUnit.allCases.firstIndex(of: unit) ?? 0
    return try apply(
      .shiftMoment, [moment, count], type, immediate: index | (negated ? 256 : 0), at: place)
  }

  private func intervalAmount(
    _ amount: Expression, _ unit: Expression.TimeUnit
  ) throws(Failure) -> CheckedNode {
    var node = try check(amount)
    if node.type.kind == .text, let text = node.constant?.bytes {
      let number = String(decoding: text, as: UTF8.self)
      // What is wrong with the text is said here, where it stands.
      guard let parsed = try? Expression.parse(number) else {
        throw failure("this is not a number of units", at: node.place, hint: "write `interval '5' minute`")
      }
      switch parsed.form {
      case .literal(.number), .unary(.negate, _): node = try check(parsed)
      default: throw failure("this is not a number of units", at: node.place)
      }
      node.place = amount.place
    }
    guard node.type.isWhole || unit == .second && node.type.kind == .exact else {
      throw failure(
        "an interval takes a whole number of units\(unit == .second ? " or a decimal" : "")", at: node.place,
        hint: "use a smaller unit")
    }
    return node
  }
}
