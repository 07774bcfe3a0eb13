internal import Change

/// A binary log file and an offset in it, 64 bits wide although the log's own field has 32.
package struct LogPlace: Hashable, Sendable, CustomStringConvertible {
  package var file: String
  package var offset: UInt64

  package init(file: String, offset: UInt64) {
    self.file = file
    self.offset = offset
  }

  /// The number behind the last dot of the file's name; 0 when there is none.
  package var number: UInt32 { LogPlace.number(of: file) }

  package static func number(of file: String) -> UInt32 {
    guard let dot = file.lastIndex(of: ".") else { return 0 }
    return UInt32(file[file.index(after: dot)...]) ?? 0
  }

  /// Whether this place is at or behind `other` in one server's run of log files.
  package func isAtOrAfter(_ other: LogPlace) -> Bool {
    let (mine, theirs) = (number, other.number)
    return mine != theirs ? mine > theirs : offset >= other.offset
  }

  package var description: String { "\(file):\(offset)" }

  /// Reads `binlog.000004:1234`.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let offset = UInt64(text[text.index(after: colon)...]),
      colon != text.startIndex
    else { return nil }
    self.init(file: String(text[..<colon]), offset: offset)
  }
}
