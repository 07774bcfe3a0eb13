package import Change

extension OptionBlock {
  /// Everything that is wrong with the block and the blocks in it: unknown and duplicate keys, missing required keys,
  /// wrong types. Empty when the accessors may be used.
  package var problems: [Failure] { OptionBlock.problems(of: content, options: options) }

  /// The problems of a node that should be a block of these options.
  static func problems(of node: OptionNode, options: [Option]) -> [Failure] {
    guard case .map(let entries) = node.content else {
      return [
        Failure(.configuration, "a block of keys and values is expected here, not \(node.described)", at: node.place)
      ]
    }
    var problems: [Failure] = []
    var seen: [String: Place] = [:]
    for entry in entries {
      // A person mends a few and looks again; the rest would only bury them.
      guard problems.count < 100 else { break }
      if let first = seen[entry.key] {
        problems.append(.duplicateKey(entry, first: first))
        continue
      }
      seen[entry.key] = entry.keyPlace
      guard let option = options.first(where: { $0.name == entry.key }) else {
        problems.append(.unknownKey(entry, valid: options.map(\.name)))
        continue
      }
      problems += option.kind.problems(of: entry.value, named: option.name)
    }
    for option in options where option.isRequired && seen[option.name] == nil {
      problems.append(
        Failure(
          .configuration, "\"\(option.name)\" is missing", at: node.place, hint: "\(option.name): \(option.summary)"))
    }
    return problems
  }
}

extension Failure {
  package init(_ code: Code, _ message: String, at place: Place, hint: String = "") {
    self.init(code, message, at: place.description, hint: hint)
  }

  package static func duplicateKey(_ entry: OptionNode.Entry, first: Place) -> Failure {
    Failure(
      .configuration, "\(NearestName.quoted(entry.key)) is written twice, first at line \(first.line)",
      at: entry.keyPlace)
  }

  package static func unknownKey(_ entry: OptionNode.Entry, valid: [String]) -> Failure {
    Failure(
      .configuration,
      "unknown key \(NearestName.quoted(entry.key))\(NearestName.suggestion(for: entry.key, in: valid))",
      at: entry.keyPlace, hint: NearestName.list("valid keys", valid))
  }
}

extension Option.Kind {
  /// What is wrong with a value of this kind. Never prints a value that is secret, or of a kind that may hold credentials.
  func problems(of node: OptionNode, named name: String) -> [Failure] {
    switch self {
    case .block(let options):
      guard case .map = node.content else { break }
      return OptionBlock.problems(of: node, options: options)
    case .list(let kind):
      // A single value counts as a list of one.
      guard case .list(let items) = node.content else { return scalarProblems(kind, node, name) }
      return items.flatMap { kind.problems(of: $0, named: name) }
    case .either(let kinds):
      let all = kinds.map { $0.problems(of: node, named: name) }
      if all.contains(where: \.isEmpty) { return [] }
      // Inside the form that was meant, the problem has a place of its own.
      for (kind, problems) in zip(kinds, all) where kind.hasShape(of: node) { return problems }
    case .anything:
      if case .empty = node.content { break }
      return []
    default:
      if accepts(node) { return [] }
    }
    return [mismatch(node, name)]
  }

  private func scalarProblems(_ item: Option.Kind, _ node: OptionNode, _ name: String) -> [Failure] {
    // Items of any form are blocks: whoever reads them reads a list.
    if case .anything = item { return [mismatch(node, name)] }
    guard case .scalar = node.content, item.problems(of: node, named: name).isEmpty else {
      return [mismatch(node, name)]
    }
    return []
  }

  private func hasShape(of node: OptionNode) -> Bool {
    switch (self, node.content) {
    case (.block, .map), (.list, .list): true
    default: false
    }
  }

  private func mismatch(_ node: OptionNode, _ name: String) -> Failure {
    let found = mayHoldCredentials ? node.withoutText.described : node.described
    let near = mayHoldCredentials || node.isSecret ? "" : NearestName.suggestion(for: node.text ?? "", in: choices)
    return Failure(
      .configuration, "\"\(name)\" must be \(described), not \(found)\(near)", at: node.place,
      hint: takesDuration && node.text != nil ? OptionText.durationHint : "")
  }

  /// The words that it may be.
  private var choices: [String] {
    switch self {
    case .choice(let names): names
    case .list(let kind): kind.choices
    case .either(let kinds): kinds.flatMap(\.choices)
    default: []
    }
  }

  private var takesDuration: Bool {
    switch self {
    case .duration: true
    case .either(let kinds): kinds.contains(where: \.takesDuration)
    default: false
    }
  }

  private var mayHoldCredentials: Bool {
    switch self {
    case .url: true
    case .list(let kind): kind.mayHoldCredentials
    case .either(let kinds): kinds.contains(where: \.mayHoldCredentials)
    default: false
    }
  }

  private func accepts(_ node: OptionNode) -> Bool {
    guard case .scalar(let text, let isPlain) = node.content else { return false }
    // `${…}` has to be quoted inside `{ }`, so what came from it may be a number all the same.
    let isTyped = isPlain || node.isSecret
    return switch self {
    case .string: true
    case .url, .path: !text.isEmpty
    case .integer(let range): isTyped && Int(text).map(range.contains) ?? false
    case .boolean: isTyped && OptionText.boolean(text) != nil
    case .duration: OptionText.duration(text) != nil
    case .size: OptionText.size(text) != nil
    case .choice(let names): names.contains(text)
    case .list, .block, .either, .anything: false
    }
  }

  /// What a value of this kind is, for a sentence: `an integer from 1 to 64`.
  package var described: String {
    switch self {
    case .string: "a text"
    case .url: "a URL"
    case .path: "a path"
    case .integer(let range): Option.Kind.describe(range)
    case .boolean: "true or false"
    case .duration: "a duration such as 250ms, 5s or 1m"
    case .size: "a size such as 64KiB or 16MiB"
    case .choice(let names): names.count == 1 ? "\"\(names[0])\"" : "one of \(names.joined(separator: ", "))"
    case .list(let kind): "a list, each item \(kind.described)"
    case .block(let options): "a block with \(options.map(\.name).joined(separator: ", "))"
    case .anything: "a value"
    case .either(let kinds): kinds.map(\.described).joined(separator: ", or ")
    }
  }

  private static func describe(_ range: ClosedRange<Int>) -> String {
    switch (range.lowerBound, range.upperBound) {
    case (.min, .max): "an integer"
    case (let low, .max): "an integer of at least \(low)"
    case (.min, let high): "an integer of at most \(high)"
    case (let low, let high): "an integer from \(low) to \(high)"
    }
  }
}

extension OptionNode {
  /// What is written here, for a sentence; a secret as `***`.
  package var described: String {
    switch content {
    case .scalar where isSecret: "***"
    case .scalar(let text, _): NearestName.quoted(text)
    case .list: "a list"
    case .map: "a block of keys and values"
    case .empty: "nothing"
    }
  }

  /// The same with any text turned into a secret.
  fileprivate var withoutText: OptionNode {
    var copy = self
    copy.isSecret = true
    return copy
  }
}
