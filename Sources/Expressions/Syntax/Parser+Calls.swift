import Change

/// Calls: `name(a, b)`, and the forms that SQL writes with words between the arguments.
extension Parser {
  mutating func call() throws(Failure) -> Expression {
    let place = token.place
    var name = token.text.lowercased()
    step()
    let arguments: [Expression]
    switch name {
    case "position": (name, arguments) = ("locate", try position())
    case "extract": arguments = try extract()
    case "date_add", "date_sub": return try shift(name, at: place)
    case _ where following.isSymbol(")"):
      step()
      step()
      arguments = []
    case "substring", "substr", "mid": arguments = try partOfText()
    case "trim": (name, arguments) = try trim()
    default: arguments = try list()
    }
    return try node(.call(name: name, arguments: arguments), at: place, over: arguments)
  }

  /// `(a, b, c)` or `(a from b for c)`
  private mutating func partOfText() throws(Failure) -> [Expression] {
    try take(symbol: "(")
    var arguments = [try expression()]
    if skips(word: "from") {
      arguments.append(try expression())
      if skips(word: "for") { arguments.append(try expression()) }
    } else {
      while token.isSymbol(",") {
        step()
        arguments.append(try expression())
      }
    }
    try take(symbol: ")")
    return arguments
  }

  /// `(a in b)`
  private mutating func position() throws(Failure) -> [Expression] {
    try take(symbol: "(")
    let part = try expression(.sum)
    guard skips(word: "in") else {
      var failure = unexpected("`in`")
      failure.hint = "position('a' in text), or locate('a', text)"
      throw failure
    }
    let text = try expression()
    try take(symbol: ")")
    return [part, text]
  }

  /// `(y)`, `(x from y)` or `([both | leading | trailing] [x] from y)`, as the name of a function and its arguments.
  private mutating func trim() throws(Failure) -> (name: String, arguments: [Expression]) {
    try take(symbol: "(")
    // A column may have one of these names.
    let isWhole = following.kind != .symbol || following.isSymbol("(")
    let side = isWhole ? ["both", "leading", "trailing"].first { token.isWord($0) } : nil
    if side != nil { step() }
    let start = token.place
    if side != nil, skips(word: "from") {
      let text = try expression()
      try take(symbol: ")")
      return ("trim \(side ?? "both")", [text, try node(.literal(.text(" ")), at: start)])
    }
    let first = try expression()
    if side != nil || token.isWord("from") {
      try take(word: "from")
      let text = try expression()
      try take(symbol: ")")
      return ("trim \(side ?? "both")", [text, first])
    }
    try take(symbol: ")")
    return ("trim", [first])
  }

  /// `(unit from a)`
  private mutating func extract() throws(Failure) -> [Expression] {
    try take(symbol: "(")
    let place = token.place
    let unit = try timeUnit()
    try take(word: "from")
    let moment = try expression()
    try take(symbol: ")")
    return [try node(.literal(.text(unit.rawValue)), at: place), moment]
  }

  /// `(a, interval 1 day)`: another spelling of `a + interval 1 day`.
  private mutating func shift(_ name: String, at place: SourcePlace) throws(Failure) -> Expression {
    let arguments = following.isSymbol(")") ? [] : try list()
    guard arguments.count == 2, case .interval = arguments[1].form else {
      throw Failure(
        .configuration, "`\(name)` takes a date and an interval", at: "\(place)", hint: "\(name)(a, interval 1 day)")
    }
    return try node(
      .binary(name == "date_add" ? .add : .subtract, arguments[0], arguments[1]), at: place, over: arguments)
  }
}
