package import Change

/// Reads an expression: SQL's, with the precedence of operators that MariaDB has
/// (mariadb.com/kb/en/operator-precedence).
struct Parser {
  /// More than any person writes; each level costs stack.
  static let depthLimit = 200
  static let textLimit = 64 << 10

  let tokens: [Token]
  var index = 0
  var depth = 0

  init(_ text: String) throws(Failure) {
    guard text.utf8.count <= Parser.textLimit else {
      throw Failure(.configuration, "an expression is longer than \(Parser.textLimit) bytes", at: "1:1")
    }
    tokens = try Lexer.tokens(of: text)
  }

  var token: Token { tokens[index] }
  var following: Token { tokens[min(index + 1, tokens.count - 1)] }

  mutating func step() { if index < tokens.count - 1 { index += 1 } }

  func unexpected(_ wanted: String) -> Failure {
    let isSecondEqual = index > 0 && token.isSymbol("=") && tokens[index - 1].isSymbol("=")
    return Failure(
      .configuration, "expected \(wanted), found \(token.shown)", at: "\(token.place)",
      hint: isSecondEqual ? "equality is one `=`" : "")
  }

  mutating func take(symbol: String) throws(Failure) {
    guard token.isSymbol(symbol) else { throw unexpected("\"\(symbol)\"") }
    step()
  }

  mutating func take(word: String) throws(Failure) {
    guard token.isWord(word) else { throw unexpected("`\(word)`") }
    step()
  }

  mutating func skips(word: String) -> Bool {
    guard token.isWord(word) else { return false }
    step()
    return true
  }

  /// The whole text as one expression.
  mutating func whole() throws(Failure) -> Expression {
    let expression = try expression()
    guard token.kind == .end else { throw unexpected("an operator or the end") }
    return expression
  }

  func node(
    _ form: Expression.Form, at place: SourcePlace, over operands: [Expression] = []
  ) throws(Failure) -> Expression {
    let node = Expression(form, at: place, over: operands)
    guard node.depth <= Parser.depthLimit else { throw tooDeep(place) }
    return node
  }

  func tooDeep(_ place: SourcePlace) -> Failure {
    Failure(
      .configuration, "an expression is nested more than \(Parser.depthLimit) levels deep", at: "\(place)",
      hint: "use `in (…)` for many alternatives")
  }

  /// How tightly operators bind; a larger one binds tighter.
  enum Level: Int {
    case or = 1
    case xor, and, not, comparison, predicate, sum, product, sign
  }

  mutating func expression() throws(Failure) -> Expression { try expression(.or) }

  mutating func expression(_ minimum: Level) throws(Failure) -> Expression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Parser.depthLimit else { throw tooDeep(token.place) }
    var left = try prefix(minimum)
    while let (form, level) = infix, level.rawValue >= minimum.rawValue {
      let place = token.place
      switch form {
      case .binary(let kind):
        step()
        let right = try expression(Level(rawValue: level.rawValue + 1) ?? .sign)
        left = try node(.binary(kind, left, right), at: place, over: [left, right])
      case .truth: left = try truthTest(of: left)
      case .predicate: left = try predicate(of: left)
      }
    }
    return left
  }

  private mutating func prefix(_ minimum: Level) throws(Failure) -> Expression {
    let place = token.place
    if token.isWord("not") {
      guard minimum.rawValue <= Level.not.rawValue else {
        throw Failure(.configuration, "`not` needs parentheses here", at: "\(place)")
      }
      step()
      let operand = try expression(.not)
      return try node(.unary(.not, operand), at: place, over: [operand])
    }
    if token.isSymbol("-") || token.isSymbol("+") {
      let negates = token.isSymbol("-")
      step()
      let operand = try expression(.sign)
      return negates ? try node(.unary(.negate, operand), at: place, over: [operand]) : operand
    }
    return try postfix()
  }

  private enum Infix {
    case binary(Expression.BinaryOperator)
    case truth
    case predicate
  }

  private static let levels: [String: (Expression.BinaryOperator, Level)] = [
    "or": (.or, .or), "xor": (.xor, .xor), "and": (.and, .and), "=": (.equal, .comparison),
    "<=>": (.same, .comparison), "<>": (.notEqual, .comparison), "!=": (.notEqual, .comparison),
    "<": (.less, .comparison), "<=": (.lessOrEqual, .comparison), ">": (.greater, .comparison),
    ">=": (.greaterOrEqual, .comparison), "+": (.add, .sum), "-": (.subtract, .sum), "*": (.multiply, .product),
    "/": (.divide, .product), "div": (.divideWhole, .product), "%": (.remainder, .product),
    "mod": (.remainder, .product),
  ]

  private static let predicates: Set<String> = ["in", "between", "like", "regexp", "rlike"]

  private var infix: (form: Infix, level: Level)? {
    guard token.kind == .symbol || token.kind == .word else { return nil }
    let text = token.text.lowercased()
    if let (kind, level) = Parser.levels[text] { return (.binary(kind), level) }
    if text == "is" { return (.truth, .comparison) }
    if Parser.predicates.contains(text) || text == "not" && Parser.predicates.contains(following.text.lowercased()) {
      return (.predicate, .predicate)
    }
    return nil
  }

  /// `is [not] null | true | false | unknown`
  private mutating func truthTest(of value: Expression) throws(Failure) -> Expression {
    let place = token.place
    try take(word: "is")
    let isNegated = skips(word: "not")
    let tests: [String: Expression.TruthTest] = ["null": .null, "unknown": .null, "true": .yes, "false": .no]
    guard token.kind == .word, let test = tests[token.text.lowercased()] else {
      throw unexpected("`null`, `true`, `false` or `unknown`")
    }
    step()
    return try node(.truth(value, test, isNegated: isNegated), at: place, over: [value])
  }

  private mutating func predicate(of value: Expression) throws(Failure) -> Expression {
    let isNegated = skips(word: "not")
    let place = token.place
    let verb = token.text.lowercased()
    step()
    switch verb {
    case "in":
      let members = try list()
      return try node(.member(value, of: members, isNegated: isNegated), at: place, over: [value] + members)
    case "between":
      let low = try expression(.sum)
      try take(word: "and")
      let high = try expression(.sum)
      return try node(
        .between(value, low: low, high: high, isNegated: isNegated), at: place, over: [value, low, high])
    case "like":
      let pattern = try expression(.sign)
      let escape = skips(word: "escape") ? try expression(.sign) : nil
      return try node(
        .like(value, pattern: pattern, escape: escape, isNegated: isNegated), at: place, over: [value, pattern])
    default:
      let pattern = try expression(.sum)
      return try node(.regexp(value, pattern: pattern, isNegated: isNegated), at: place, over: [value, pattern])
    }
  }

  /// `(a, b, …)`, at least one.
  mutating func list() throws(Failure) -> [Expression] {
    try take(symbol: "(")
    var members = [try expression()]
    while token.isSymbol(",") {
      step()
      members.append(try expression())
    }
    try take(symbol: ")")
    return members
  }
}

extension Expression {
  /// The expression that `text` spells.
  ///
  /// Errors: `.configuration` at `line:column`, or at that place of the file when `name` is the place of the text in one.
  package static func parse(_ text: String, in name: String = "") throws(Failure) -> Expression {
    do throws(Failure) {
      var parser = try Parser(text)
      let expression = try parser.whole()
      try TablelessCheck.check(expression)
      return expression
    } catch {
      throw error.behind(name)
    }
  }
}

extension Failure {
  /// The same failure, its place in the text made one in the file that the text stands in.
  /// - Parameter name: `file:line:column` of the text's first character; `file:line` when that is all that is known, and
  ///   then all that is told; or any other name, which goes before the place.
  func behind(_ name: String) -> Failure {
    guard !name.isEmpty else { return self }
    var failure = self
    let parts = name.split(separator: ":")
    let start = parts.suffix(2).map { Int($0) }
    let inner = place.split(separator: ":").compactMap { Int($0) }
    if parts.count > 2, let line = start[0], let column = start[1], inner.count == 2 {
      let file = parts.dropLast(2).joined(separator: ":")
      failure.place = "\(file):\(line + inner[0] - 1):\(column + inner[1] - 1)"
    } else if place.isEmpty || parts.count > 1 && start.last.flatMap(\.self) != nil {
      failure.place = name
    } else {
      failure.place = "\(name):\(place)"
    }
    return failure
  }
}
