import Change

extension Parser {
  /// A primary expression and the JSON paths behind it.
  mutating func postfix() throws(Failure) -> Expression {
    var value = try primary()
    while token.isSymbol("->") || token.isSymbol("->>") {
      let place = token.place
      let asText = token.isSymbol("->>")
      step()
      guard token.kind == .text else { throw unexpected("a path in quotes, for example '$.customer.id'") }
      let path = token.text
      step()
      value = try node(.path(value, path: path, asText: asText), at: place, over: [value])
    }
    return value
  }

  private mutating func primary() throws(Failure) -> Expression {
    let first = token
    switch first.kind {
    case .integer, .decimal:
      step()
      return try node(.literal(.number(first.text, isDecimal: first.kind == .decimal)), at: first.place)
    case .float:
      step()
      guard let value = Double(first.text), value.isFinite else {
        throw Failure(.configuration, "a number is too large", at: "\(first.place)")
      }
      return try node(.literal(.float(value)), at: first.place)
    case .text:
      step()
      return try node(.literal(.text(first.text)), at: first.place)
    case .quotedName: return try column()
    case .word: return try word()
    case .symbol where first.isSymbol("("):
      step()
      let inner = try expression()
      try take(symbol: ")")
      return inner
    case .symbol, .end: throw unexpected("a value")
    }
  }

  private static let reserved: Set<String> = [
    "and", "or", "xor", "not", "is", "in", "between", "like", "regexp", "rlike", "escape", "div", "when", "then",
    "else",
    "end",
  ]

  private mutating func word() throws(Failure) -> Expression {
    let first = token
    let word = first.text.lowercased()
    guard !Parser.reserved.contains(word) else { throw unexpected("a value") }
    if following.kind == .text, let literal = temporalLiteral(word, following.text) {
      step()
      step()
      return try node(.literal(literal), at: first.place)
    }
    switch word {
    case "null": return try constant(.null)
    case "true": return try constant(.boolean(true))
    case "false": return try constant(.boolean(false))
    case "case": return try choice()
    case "interval": return try interval()
    case "cast", "try_cast":
      if following.isSymbol("(") { return try cast(isLenient: word == "try_cast") }
    default: break
    }
    return following.isSymbol("(") ? try call() : try column()
  }

  private func temporalLiteral(_ word: String, _ text: String) -> Expression.Literal? {
    switch word {
    case "date": .date(text)
    case "time": .time(text)
    case "timestamp": .timestamp(text)
    default: nil
    }
  }

  private mutating func constant(_ literal: Expression.Literal) throws(Failure) -> Expression {
    let place = token.place
    step()
    return try node(.literal(literal), at: place)
  }

  /// `name`, `old.name` or `change.field`
  private mutating func column() throws(Failure) -> Expression {
    let first = token
    step()
    guard token.isSymbol(".") else { return try node(.column(name: first.text, image: .row), at: first.place) }
    step()
    let name = token
    guard name.kind == .word || name.kind == .quotedName else { throw unexpected("a name") }
    step()
    if first.isWord("old") { return try node(.column(name: name.text, image: .before), at: first.place) }
    guard first.isWord("change") else {
      throw Failure(
        .configuration, "\(NearestName.quoted(first.text)) is neither `old` nor `change`", at: "\(first.place)",
        hint: "an expression sees one table; write the column's name alone")
    }
    guard let field = Expression.ChangeField(rawValue: name.text.lowercased()) else {
      let names = Expression.ChangeField.allCases.map(\.rawValue)
      throw Failure(
        .configuration,
        "a change has no field \(NearestName.quoted(name.text))\(NearestName.suggestion(for: name.text, in: names))",
        at: "\(name.place)", hint: NearestName.list("fields", names))
    }
    return try node(.field(field), at: first.place)
  }

  /// `case [subject] when … then … [else …] end`
  private mutating func choice() throws(Failure) -> Expression {
    let place = token.place
    try take(word: "case")
    let subject = token.isWord("when") ? nil : try expression()
    var branches: [Expression.Branch] = []
    repeat {
      try take(word: "when")
      let condition = try expression()
      try take(word: "then")
      branches.append(Expression.Branch(condition: condition, value: try expression()))
    } while token.isWord("when")
    let otherwise = skips(word: "else") ? try expression() : nil
    try take(word: "end")
    let operands = branches.flatMap { [$0.condition, $0.value] } + [subject, otherwise].compactMap(\.self)
    return try node(.choice(subject: subject, branches: branches, otherwise: otherwise), at: place, over: operands)
  }

  /// `interval 5 minute`; the number may be quoted.
  private mutating func interval() throws(Failure) -> Expression {
    let place = token.place
    try take(word: "interval")
    let amount = try expression(.sum)
    let unit = try timeUnit()
    return try node(.interval(amount, unit: unit), at: place, over: [amount])
  }

  mutating func timeUnit() throws(Failure) -> Expression.TimeUnit {
    let units = Expression.TimeUnit.allCases.map(\.rawValue)
    guard token.kind == .word, let unit = Expression.TimeUnit(rawValue: token.text.lowercased()) else {
      throw Failure(
        .configuration, "expected a unit of time, found \(token.shown)", at: "\(token.place)",
        hint: NearestName.list("units", units))
    }
    step()
    return unit
  }
}
