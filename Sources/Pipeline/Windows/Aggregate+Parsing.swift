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
        hint: NearestName.list("functions", names))
    }
    let called = Aggregate.trimmed(trimmed[..<open]).lowercased()
    guard names.contains(called), let function = Function(rawValue: called) else {
      throw Failure(
        .configuration,
        "unknown aggregate \(NearestName.quoted(called))\(NearestName.suggestion(for: called, in: names))", at: place,
        hint: NearestName.list("functions", names))
    }
    self.init(name: name, function: function, argument: nil, place: place)
    try read(Aggregate.trimmed(trimmed[trimmed.index(after: open)...].dropLast()), called)
  }

  private mutating func read(_ inside: Substring, _ called: String) throws(Failure) {
    var inside = inside
    if inside.isEmpty || inside == "*" {
      guard function == .count else { throw Failure(.configuration, "\"\(called)\" needs an expression", at: place) }
      return
    }
    if function == .count, let rest = Aggregate.withoutWord("distinct", inside) {
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
    argument = try Expression.parse(String(inside), in: place)
  }

  private static func withoutWord(_ word: String, _ text: Substring) -> Substring? {
    guard text.lowercased().hasPrefix(word), let next = text.dropFirst(word.count).first, next.isWhitespace else {
      return nil
    }
    return trimmed(text.dropFirst(word.count))
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }
}
