import Change

/// Finds what is wrong with an expression whatever the table is: functions that do not exist, parts that are constant, and
/// patterns and paths, which always are.
struct TablelessCheck {
  private let checker = Checker(schema: TableSchema(name: TableName(namespace: "", table: ""), columns: [], key: []))

  static func check(_ expression: Expression) throws(Failure) {
    let check = TablelessCheck()
    if try check.isConstant(expression) { try check.evaluate(expression) }
  }

  /// Whether the expression depends on no row; it is then not checked yet, for what is around it may be constant too.
  private func isConstant(_ expression: Expression) throws(Failure) -> Bool {
    switch expression.form {
    case .literal: return true
    case .column, .field: return false
    default: break
    }
    let operands = expression.operands
    var constants: [Expression] = []
    for operand in operands where try isConstant(operand) { constants.append(operand) }
    if constants.count == operands.count { return true }
    for operand in constants { try evaluate(operand) }
    try checkForm(of: expression)
    return false
  }

  private func evaluate(_ expression: Expression) throws(Failure) {
    // An interval is nothing without what it is added to.
    if case .interval(let amount, _) = expression.form { return try evaluate(amount) }
    _ = try checker.check(expression)
  }

  private func checkForm(of expression: Expression) throws(Failure) {
    let place = expression.place
    let any = checker.text("", at: place)
    switch expression.form {
    case .call(let name, let arguments):
      try checker.checkCall(name, arguments.count, at: place)
      guard name == "regexp_replace", case .literal = arguments[1].form else { return }
      _ = try checker.compiled(try checker.check(arguments[1]))
    case .like(_, _, let escape, let isNegated): _ = try checker.like(any, any, escape, isNegated, at: place)
    case .regexp(_, let pattern, let isNegated):
      guard case .literal = pattern.form else { return }
      _ = try checker.regexp(any, try checker.check(pattern), isNegated, at: place)
    case .path(_, let path, let asText): _ = try checker.path(any, path, asText: asText, at: place)
    default: break
    }
  }
}

extension Expression {
  /// The expressions that this one is made of, but for the character of `escape`.
  fileprivate var operands: [Expression] {
    switch form {
    case .literal, .column, .field: []
    case .unary(_, let operand): [operand]
    case .binary(_, let left, let right): [left, right]
    case .truth(let value, _, _), .cast(let value, _, _), .interval(let value, _), .path(let value, _, _): [value]
    case .like(let value, let pattern, _, _), .regexp(let value, let pattern, _): [value, pattern]
    case .between(let value, let low, let high, _): [value, low, high]
    case .member(let value, let members, _): [value] + members
    case .choice(let subject, let branches, let otherwise):
      [subject, otherwise].compactMap(\.self) + branches.flatMap { [$0.condition, $0.value] }
    case .call(_, let arguments): arguments
    }
  }
}
