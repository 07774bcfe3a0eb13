import Change
import Pipeline
import YAMLEvents

/// Composes the nodes of a pipeline file from YAML events, within limits that hold before memory is spent: what an alias
/// stands for is shared, but counted as if it were written out.
struct NodeReader {
  static let depthLimit = 64
  static let aliasLimit = 1024
  static let nodeLimit = 100_000

  private struct Composed {
    var node: OptionNode
    /// Nodes in it, itself included, with aliases written out.
    var count: Int
    var depth: Int
  }

  private let events: YAMLEventReader
  private let file: String
  private let text: [UInt8]
  private var anchors: [String: Composed] = [:]
  private var aliases = 0
  private var contents: ContentPlaces
  private(set) var substitution: Substitution
  /// Wrong, but no reason to stop reading.
  private(set) var problems: [Failure] = []

  init(_ text: [UInt8], file: String, substitution: Substitution) throws(Failure) {
    self.text = text
    contents = ContentPlaces(text)
    self.file = file
    self.substitution = substitution
    if let offset = UTF8Check.firstInvalidByte(text) {
      let place = YAMLPlace(ofByte: offset, in: text)
      throw Failure(
        .configuration, "the file is not UTF-8 text", at: Place(file: file, line: place.line, column: place.column))
    }
    do { events = try YAMLEventReader(text) } catch { throw NodeReader.failure(error, file: file, text: text) }
  }

  /// The one document of the text.
  mutating func read() throws(Failure) -> OptionNode {
    var event = try next()
    while event.content == .streamStart || event.content == .documentStart { event = try next() }
    if event.content == .streamEnd { throw empty() }
    let root = try compose(event, depth: 1, total: 0)
    _ = try next()
    let end = try next()
    guard end.content == .streamEnd else {
      throw Failure(.configuration, "a pipeline file holds one document, and another one begins here", at: place(end))
    }
    if case .empty = root.node.content { throw empty() }
    return root.node
  }

  private func empty() -> Failure {
    Failure(
      .configuration, "the file is empty", at: Place(file: file, line: 1, column: 1),
      hint: "begin with \"pipeline: NAME\"")
  }

  /// - Parameter total: nodes before this one.
  private mutating func compose(_ event: YAMLEvent, depth: Int, total: Int) throws(Failure) -> Composed {
    try check(depth: depth, count: total + 1, at: event)
    switch event.content {
    case .scalar(let text, let isPlain, let anchor, let tag):
      refuse(tag: tag, event)
      let composed = Composed(node: scalar(text, isPlain: isPlain, event), count: 1, depth: 1)
      if let anchor { anchors[anchor] = composed }
      return composed
    case .alias(let name): return try resolve(name, event, depth: depth, total: total)
    case .listStart(let anchor, let tag):
      refuse(tag: tag, event)
      let composed = try composeList(event, depth: depth, total: total)
      if let anchor { anchors[anchor] = composed }
      return composed
    case .mapStart(let anchor, let tag):
      refuse(tag: tag, event)
      let composed = try composeMap(event, depth: depth, total: total)
      if let anchor { anchors[anchor] = composed }
      return composed
    default: throw Failure(.configuration, "a value is expected here", at: place(event))
    }
  }

  private mutating func composeList(_ start: YAMLEvent, depth: Int, total: Int) throws(Failure) -> Composed {
    var items: [OptionNode] = []
    var count = 1
    var inner = 0
    var event = try next()
    while event.content != .listEnd {
      let item = try compose(event, depth: depth + 1, total: total + count)
      items.append(item.node)
      count += item.count
      inner = max(inner, item.depth)
      event = try next()
    }
    return Composed(node: OptionNode(.list(items), at: place(start)), count: count, depth: inner + 1)
  }

  private mutating func composeMap(_ start: YAMLEvent, depth: Int, total: Int) throws(Failure) -> Composed {
    var entries: [OptionNode.Entry] = []
    var count = 1
    var inner = 0
    var event = try next()
    while event.content != .mapEnd {
      guard case .scalar(let key, _, _, let tag) = event.content else {
        throw Failure(.configuration, "a key must be a text", at: place(event))
      }
      refuse(tag: tag, event)
      if key == "<<" {
        problems.append(Failure(.configuration, "merge keys (\"<<\") are not understood", at: place(event)))
      }
      let value = try compose(try next(), depth: depth + 1, total: total + count + 1)
      if key != "<<" { entries.append(OptionNode.Entry(key: key, keyPlace: place(event), value: value.node)) }
      count += value.count + 1
      inner = max(inner, value.depth)
      event = try next()
    }
    return Composed(node: OptionNode(.map(entries), at: place(start)), count: count, depth: inner + 1)
  }

  private mutating func scalar(_ text: String, isPlain: Bool, _ event: YAMLEvent) -> OptionNode {
    if isPlain, ["", "~", "null", "Null", "NULL"].contains(text) { return OptionNode(.empty, at: place(event)) }
    do {
      let replaced = try substitution.replace(text)
      // Behind a replacement, columns are others; a single word is told by its first one.
      let isMoved = replaced.text != text && text.contains(" ")
      let content = isMoved ? nil : contents.place(of: text, isPlain: isPlain, event)
      let place = Place(file: file, line: content?.line ?? event.place.line, column: content?.column ?? 0)
      return OptionNode(.scalar(replaced.text, isPlain: isPlain), at: place, isSecret: replaced.isSecret)
    } catch {
      problems.append(error.at(place(event).description))
      // Stands for a value that is unknown, so that it causes no second problem.
      return OptionNode(.scalar("", isPlain: isPlain), at: place(event), isSecret: true)
    }
  }

  private mutating func resolve(_ name: String, _ event: YAMLEvent, depth: Int, total: Int) throws(Failure) -> Composed
  {
    aliases += 1
    guard aliases <= NodeReader.aliasLimit else {
      throw Failure(.configuration, "a pipeline file has at most \(NodeReader.aliasLimit) aliases", at: place(event))
    }
    guard let known = anchors[name] else {
      throw Failure(
        .configuration, "the alias stands for nothing: no \"&\" before it gives it a value", at: place(event),
        hint: "a text that begins with \"*\" needs quotes")
    }
    try check(depth: depth + known.depth - 1, count: total + known.count, at: event)
    return known
  }

  private func check(depth: Int, count: Int, at event: YAMLEvent) throws(Failure) {
    guard depth <= NodeReader.depthLimit else {
      throw Failure(.configuration, "blocks and lists nest at most \(NodeReader.depthLimit) deep", at: place(event))
    }
    guard count <= NodeReader.nodeLimit else {
      throw Failure(
        .configuration, "a pipeline file has at most \(NodeReader.nodeLimit) values, aliases written out",
        at: place(event))
    }
  }

  /// The tag itself is not printed: what looks like one may be a password that begins with an exclamation mark.
  private mutating func refuse(tag: String?, _ event: YAMLEvent) {
    guard tag != nil else { return }
    problems.append(
      Failure(
        .configuration, "a tag (\"!…\") is not understood here", at: place(event),
        hint: "a text that begins with \"!\" needs quotes"))
  }

  private func place(_ event: YAMLEvent) -> Place {
    Place(file: file, line: event.place.line, column: event.place.column)
  }

  private func next() throws(Failure) -> YAMLEvent {
    do { return try events.next() } catch { throw NodeReader.failure(error, file: file, text: text) }
  }

  private static func failure(_ error: YAMLSyntaxError, file: String, text: [UInt8]) -> Failure {
    let place = Place(file: file, line: error.place.line, column: error.place.column)
    if byte(at: error.place, in: text) == UInt8(ascii: "\t") {
      return Failure(.configuration, "a tab stands where YAML wants spaces", at: place)
    }
    if error.problem.contains("nesting level") {
      return Failure(.configuration, "blocks and lists nest at most \(depthLimit) deep", at: place)
    }
    let hint =
      if error.problem.contains("a tag") {
        "a text that begins with \"!\" needs quotes"
      } else if error.problem.contains("an alias") {
        "a text that begins with \"*\" needs quotes"
      } else {
        ""
      }
    return Failure(.configuration, "not YAML: \(error.problem)", at: place, hint: hint)
  }

  private static func byte(at place: YAMLPlace, in text: [UInt8]) -> UInt8? {
    let lines = text.split(separator: UInt8(ascii: "\n"), maxSplits: place.line, omittingEmptySubsequences: false)
    guard lines.indices.contains(place.line - 1) else { return nil }
    let characters = String(decoding: lines[place.line - 1], as: UTF8.self).unicodeScalars.dropFirst(place.column - 1)
    return characters.first.flatMap { UInt8(exactly: $0.value) }
  }
}

enum UTF8Check {
  /// Offset of the first byte that is not part of valid UTF-8; nil when all of it is.
  static func firstInvalidByte(_ bytes: [UInt8]) -> Int? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): offset += UTF8.width(scalar)
      case .emptyInput: return nil
      case .error: return offset
      }
    }
  }
}
