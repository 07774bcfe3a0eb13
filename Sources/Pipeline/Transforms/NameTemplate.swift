import Change

/// `warehouse.$1`: literal text and the numbers of captures, for both halves of a name.
struct NameTemplate: Sendable {
  private enum Piece: Sendable {
    case text(String)
    case capture(Int)
  }

  private let namespace: [Piece]
  private let table: [Piece]

  /// Nil when the text has not exactly one dot, an empty half, or a `$` before anything but a digit.
  init?(_ text: String) {
    guard text.count(where: { $0 == "." }) == 1 else { return nil }
    self.init(text, captures: [:])
  }

  /// The same with names of captures as well, `${name}`, and with dots in the table's half.
  /// - Parameter captures: the numbers of the captures that have names.
  init?(_ text: String, captures: [String: Int]) {
    guard let dot = text.firstIndex(of: "."), dot > text.startIndex, text.index(after: dot) < text.endIndex,
      let first = NameTemplate.pieces(text[..<dot], captures),
      let second = NameTemplate.pieces(text[text.index(after: dot)...], captures)
    else { return nil }
    (namespace, table) = (first, second)
  }

  var highestCapture: Int? {
    (namespace + table).compactMap { if case .capture(let number) = $0 { number } else { nil } }.max()
  }

  func name(_ captures: [Substring]) -> TableName {
    TableName(namespace: NameTemplate.text(namespace, captures), table: NameTemplate.text(table, captures))
  }

  private static func pieces(_ text: Substring, _ captures: [String: Int]) -> [Piece]? {
    var pieces: [Piece] = []
    var rest = text
    while let dollar = rest.firstIndex(of: "$") {
      if dollar > rest.startIndex { pieces.append(.text(String(rest[..<dollar]))) }
      rest = rest[rest.index(after: dollar)...]
      if rest.first == "{", !captures.isEmpty {
        guard let close = rest.firstIndex(of: "}"), let number = captures[String(rest[..<close].dropFirst())] else {
          return nil
        }
        pieces.append(.capture(number))
        rest = rest[rest.index(after: close)...]
        continue
      }
      guard let digit = rest.first, digit.isASCII, let number = digit.wholeNumberValue else { return nil }
      pieces.append(.capture(number))
      rest = rest.dropFirst()
    }
    if !rest.isEmpty { pieces.append(.text(String(rest))) }
    return pieces
  }

  private static func text(_ pieces: [Piece], _ captures: [Substring]) -> String {
    pieces.map { piece in
      switch piece {
      case .text(let text): text
      case .capture(let number): captures.indices.contains(number) ? String(captures[number]) : ""
      }
    }.joined()
  }
}
