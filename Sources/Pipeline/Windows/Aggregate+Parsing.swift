import Change
import Expressions

extension Aggregate {
  /// Reads `sum(amount)`, `count(distinct customer)`, `percentile(latency, 0.99)`.
  init(name: String, text: String, at place: String) throws(Failure) {
    let names = ["count", "sum", "avg", "min", "max", "first", "last", "stddev", "percentile"]
    let trimmed = Aggregate.trimmed(text[...])
    guard let open = trimmed.firstIndex(of: "("), trimmed.hasSuffix(")") else {
      throw Failure(
        .configuration, "an aggregate is a function of rows, not \(NearestName.quoted(text))", at: place,
        hint: trimmed.contains("(") ? Aggregate.arithmeticHint : NearestName.list("functions", names))
    }
    let called = Aggregate.trimmed(trimmed[..<open]).lowercased()
    guard names.contains(called), let function = Function(rawValue: called) else {
      throw Failure(
        .configuration,
        "unknown aggregate \(NearestName.quoted(called))\(NearestName.suggestion(for: called, in: names))", at: place,
        hint: NearestName.list("functions", names))
    }
    self.init(name: name, function: function, argument: nil, place: place)
    guard Aggregate.closes(trimmed, open) else {
      throw Failure(
        .configuration, "an aggregate is one function of rows, and there is more behind its \")\"", at: place,
        hint: Aggregate.arithmeticHint)
    }
    try read(Aggregate.trimmed(trimmed[trimmed.index(after: open)...].dropLast()), called, of: text)
  }

  private static let arithmeticHint =
    "compute inside of it, sum(price * quantity), or from its results at the target; sum(x) / count(x) is avg(x)"

  /// Whether the parenthesis that is opened there is closed by the last character.
  private static func closes(_ text: Substring, _ open: Substring.Index) -> Bool {
    var depth = 0
    var quote: Character?
    for index in text[open...].indices {
      let character = text[index]
      if let opened = quote {
        if character == opened { quote = nil }
      } else if "'\"`".contains(character) {
        quote = character
      } else if character == "(" {
        depth += 1
      } else if character == ")" {
        depth -= 1
        if depth == 0 { return text.index(after: index) == text.endIndex }
      }
    }
    // Something else is wrong with it, which whoever reads the expression says.
    return true
  }

  /// - Parameter text: the whole of it: the expression's places count from its beginning.
  private mutating func read(_ inside: Substring, _ called: String, of text: String) throws(Failure) {
    var inside = inside
    if inside.isEmpty || inside == "*" {
      guard function == .count else { throw Failure(.configuration, "\"\(called)\" needs an expression", at: place) }
      return
    }
    if let rest = Aggregate.withoutWord("distinct", inside) {
      guard function == .count else {
        throw Failure(
          .configuration, "`distinct` works with `count` only, not with \"\(called)\"", at: place,
          hint: function == .min || function == .max ? "\(called)(distinct x) is \(called)(x)" : "count(distinct x)")
      }
      function = .distinct
      inside = rest
    }
    if function == .percentile {
      guard let comma = inside.lastIndex(of: ","),
        let fraction = Double(Aggregate.trimmed(inside[inside.index(after: comma)...])), (0...1).contains(fraction)
      else {
        throw Failure(
          .configuration, "\"percentile\" needs an expression and a part from 0 to 1", at: place,
          hint: "percentile(latency, 0.99)")
      }
      self.fraction = fraction
      inside = inside[..<comma]
    }
    let before = text[..<inside.startIndex].map { $0.isNewline ? "\n" : " " }.joined()
    argument = try Expression.parse(before + inside, in: place)
  }

  private static func withoutWord(_ word: String, _ text: Substring) -> Substring? {
    guard text.lowercased().hasPrefix(word), let next = text.dropFirst(word.count).first,
      next.isWhitespace || next == "("
    else { return nil }
    return trimmed(text.dropFirst(word.count))
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }
}
