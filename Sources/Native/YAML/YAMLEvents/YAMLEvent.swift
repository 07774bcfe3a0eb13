/// One step of a YAML text: what begins, ends or stands here.
package struct YAMLEvent: Sendable {
  package enum Content: Sendable, Hashable {
    case streamStart, streamEnd
    case documentStart, documentEnd
    case scalar(String, isPlain: Bool, anchor: String?, tag: String?)
    case alias(String)
    case listStart(anchor: String?, tag: String?)
    case listEnd
    case mapStart(anchor: String?, tag: String?)
    case mapEnd
  }

  package let content: Content
  package let place: YAMLPlace
  /// Right behind the last character; behind a closing quote.
  package let end: YAMLPlace

  init(_ content: Content, at place: YAMLPlace, to end: YAMLPlace) {
    self.content = content
    self.place = place
    self.end = end
  }
}

/// A place in a text: lines and columns in characters, both counted from 1.
package struct YAMLPlace: Sendable, Hashable {
  package let line: Int
  package let column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// The place of a byte of UTF-8 text; a byte behind the end counts as the end.
  package init(ofByte offset: Int, in text: [UInt8]) {
    var line = 1
    var column = 1
    for byte in text.prefix(max(offset, 0)) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xc0 != 0x80 {
        // Continuation bytes belong to the character before.
        column += 1
      }
    }
    self.init(line: line, column: column)
  }
}

/// The text is not YAML from this place on.
package struct YAMLSyntaxError: Error, Sendable, Hashable {
  /// What was expected or found, lower case; never the text itself.
  package let problem: String
  package let place: YAMLPlace
}
