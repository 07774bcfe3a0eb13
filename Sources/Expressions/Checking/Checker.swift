import Change
import PatternMatching

/// Gives each node of an expression its meaning over one table: columns become indexes, operators become operations on
/// types, and what is constant is computed at once.
struct Checker {
  let schema: TableSchema

  func check(_ expression: Expression) throws(Failure) -> CheckedNode {
    let place = expression.place
    switch expression.form {
    case .literal(let literal): return try self.literal(literal, at: place)
    case .column(let name, let image): return try column(name, image, at: place)
    case .field(let field): return self.field(field, at: place)
    case .unary(.not, let operand):
      return try apply(.not, [try condition(operand)], ValueType.truth, at: place)
    case .unary(.negate, let operand): return try negated(try check(operand), at: place)
    case .binary(let kind, let left, let right): return try binary(kind, left, right, at: place)
    case .truth(let value, let test, let isNegated): return try truth(value, test, isNegated, at: place)
    case .like(let value, let pattern, let escape, let isNegated):
      return try like(try check(value), try check(pattern), escape, isNegated, at: place)
    case .regexp(let value, let pattern, let isNegated):
      return try regexp(try check(value), try check(pattern), isNegated, at: place)
    case .between(let value, let low, let high, let isNegated):
      let subject = try check(value)
      let above = try compare(.greaterOrEqual, subject, try check(low), rounds: false, at: place)
      let below = try compare(.lessOrEqual, subject, try check(high), rounds: false, at: place)
      return try negated(try apply(.and, [above, below], ValueType.truth, at: place), isNegated)
    case .member(let value, let members, let isNegated):
      return try negated(try membership(of: try check(value), in: members, at: place), isNegated)
    case .choice(let subject, let branches, let otherwise):
      return try choice(subject, branches, otherwise, at: place)
    case .cast(let value, let target, let isLenient):
      return try cast(try check(value), to: target, isLenient: isLenient, at: place)
    case .call(let name, let arguments): return try call(name, arguments, at: place)
    case .interval:
      throw failure("an interval stands only behind `+` or `-`, and in `date_add` and `date_sub`", at: place)
    case .path(let value, let path, let asText):
      return try self.path(try check(value), path, asText: asText, at: place)
    }
  }

  func failure(_ message: String, at place: SourcePlace, hint: String = "") -> Failure {
    Failure(.configuration, message, at: "\(place)", hint: hint)
  }

  // MARK: Leaves

  private func column(
    _ name: String, _ image: Expression.Image, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let names = schema.columns.map(\.name)
    let folded = name.lowercased()
    guard let index = names.firstIndex(of: name) ?? names.firstIndex(where: { $0.lowercased() == folded }) else {
      throw failure(
        "table \"\(schema.name)\" has no column \(NearestName.quoted(name))"
          + NearestName.suggestion(for: name, in: names), at: place,
        hint: ["a text takes single quotes: '…'", NearestName.list("columns", names)].filter { !$0.isEmpty }
          .joined(separator: "; "))
    }
    let column = schema.columns[index]
    let type = ValueType(column.type, isNullable: column.isNullable || image == .before)
    return CheckedNode(action: .load(column: index, image: image), type: type, place: place)
  }

  private func field(_ field: Expression.ChangeField, at place: SourcePlace) -> CheckedNode {
    switch field {
    case .table: return text(schema.name.table, at: place)
    case .schema: return text(schema.name.namespace, at: place)
    case .operation:
      var type = ValueType(.text, isNullable: false)
      type.length = 6
      return CheckedNode(action: .field(field), type: type, place: place)
    case .commitTime, .time:
      return CheckedNode(action: .field(field), type: ValueType(.instant, isNullable: false, scale: 6), place: place)
    }
  }

  func text(_ text: String, at place: SourcePlace) -> CheckedNode {
    var type = ValueType(.text, isNullable: false)
    type.length = text.unicodeScalars.count
    return constant(.slice(.text, text.utf8), type, at: place)
  }

  func constant(_ value: Constant, _ type: ValueType, at place: SourcePlace) -> CheckedNode {
    CheckedNode(action: .constant(value), type: type, place: place)
  }

  func whole(_ value: Int, at place: SourcePlace) -> CheckedNode {
    constant(
      Constant(cell: .int(Int64(value))), ValueType(.integer, isNullable: false, precision: 19), at: place)
  }

  func null(at place: SourcePlace) -> CheckedNode {
    constant(.null, ValueType(.null, isNullable: true), at: place)
  }

  // MARK: Making nodes

  /// A node that applies an operation; where all operands are constants, the constant that comes of it.
  func apply(
    _ opcode: Opcode, _ operands: [CheckedNode], _ type: ValueType, immediate: Int = 0,
    resource: CheckedNode.Resource? = nil, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    var type = type
    type.declared = nil
    let node = CheckedNode(
      action: .apply(opcode), operands: operands, immediate: immediate, resource: resource, type: type, place: place)
    guard operands.allSatisfy({ $0.constant != nil }) else { return node }
    guard let constant = try ExpressionEvaluator.constant(node) else { return node }
    var folded = self.constant(constant, type, at: place)
    if constant.cell.tag == .null { folded.type.isNullable = true }
    return folded
  }

  func negated(_ node: CheckedNode, _ isNegated: Bool = true) throws(Failure) -> CheckedNode {
    isNegated ? try apply(.not, [node], node.type, at: node.place) : node
  }

  /// An operand of logic: a condition, or a whole number of which only 0 is false.
  func condition(_ expression: Expression) throws(Failure) -> CheckedNode {
    try asCondition(try check(expression))
  }

  func asCondition(_ node: CheckedNode) throws(Failure) -> CheckedNode {
    switch node.type.kind {
    case .boolean, .null: return node
    case .integer: return try apply(.truth, [node], ValueType.truth(node), at: node.place)
    default:
      throw failure(
        "a condition is needed here, and this is \(node.type.named)", at: node.place,
        hint: "compare it with something: `… <> 0`, `… = 'a'`, `… is not null`")
    }
  }

  private func truth(
    _ value: Expression, _ test: Expression.TruthTest, _ isNegated: Bool, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let never = ValueType(.boolean, isNullable: false, precision: 1)
    let immediate = isNegated ? 1 : 0
    switch test {
    case .null:
      let value = try check(value)
      // Whether something is true is never unknown, and is not looked at, as in MariaDB: nothing in it can fail.
      if value.isTest { return constant(Constant(cell: .boolean(isNegated)), never, at: place) }
      return try apply(.isNull, [value], never, immediate: immediate, at: place)
    case .yes: return try apply(.isTrue, [try condition(value)], never, immediate: immediate, at: place)
    case .no: return try apply(.isFalse, [try condition(value)], never, immediate: immediate, at: place)
    }
  }

  private func binary(
    _ kind: Expression.BinaryOperator, _ left: Expression, _ right: Expression, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    switch kind {
    case .or: return try apply(.or, [try condition(left), try condition(right)], ValueType.truth, at: place)
    case .xor: return try apply(.xor, [try condition(left), try condition(right)], ValueType.truth, at: place)
    case .and: return try apply(.and, [try condition(left), try condition(right)], ValueType.truth, at: place)
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
      return try compare(kind, try check(left), try check(right), at: place)
    case .same: return try same(try check(left), try check(right), at: place)
    case .add, .subtract:
      if case .interval(let amount, let unit) = right.form {
        return try shift(try check(left), by: amount, unit, negated: kind == .subtract, at: place)
      }
      if kind == .add, case .interval(let amount, let unit) = left.form {
        return try shift(try check(right), by: amount, unit, negated: false, at: place)
      }
      return try arithmetic(kind, try check(left), try check(right), at: place)
    case .multiply, .divide, .divideWhole, .remainder:
      return try arithmetic(kind, try check(left), try check(right), at: place)
    }
  }
}

extension CheckedNode {
  /// Whether this asks if something is NULL, true or false.
  fileprivate var isTest: Bool {
    switch action {
    case .apply(.isNull), .apply(.isTrue), .apply(.isFalse): true
    default: false
    }
  }
}

extension ValueType {
  static let truth = ValueType(.boolean, isNullable: true, precision: 1)
  static func truth(_ operands: CheckedNode...) -> ValueType {
    ValueType(.boolean, isNullable: operands.contains { $0.type.isNullable }, precision: 1)
  }
}
