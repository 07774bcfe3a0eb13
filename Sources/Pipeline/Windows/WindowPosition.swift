package import Change

/// A place in what a pipeline with windows gives its sinks: a place in the source's log, and how many transactions of
/// results came until there.
///
/// Results are numbered by the log alone: a run that begins again gives each the same number, however the log is cut into
/// batches, and with or without heartbeats. So a sink's checkpoint says which results it has.
package struct WindowPosition: Hashable, Sendable {
  package var log: Position
  package var panes: UInt64

  package init(log: Position, panes: UInt64) {
    self.log = log
    self.panes = panes
  }

  private static let head = #"{"panes":"#
  private static let middle = #","log":"#

  /// Reads a checkpoint; one of a pipeline that had no windows has none of their results.
  package init(_ position: Position) {
    let token = position.token
    if token.hasPrefix(WindowPosition.head), token.hasSuffix("}") {
      let rest = token.dropFirst(WindowPosition.head.count)
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      let inner = rest.dropFirst(digits.count)
      if let panes = UInt64(digits), inner.hasPrefix(WindowPosition.middle) {
        let log = inner.dropFirst(WindowPosition.middle.count).dropLast()
        self.init(log: Position(text: position.text, token: String(log)), panes: panes)
        return
      }
    }
    self.init(log: position, panes: 0)
  }

  /// Whether a checkpoint was made by a pipeline with windows.
  static func isOne(_ position: Position) -> Bool { position.token.hasPrefix(head) }

  /// A sink's place with another one in the log.
  static func replacingLog(of position: Position, with log: Position) -> Position {
    isOne(position) ? WindowPosition(log: log, panes: WindowPosition(position).panes).position : log
  }

  package var position: Position {
    Position(text: log.text, token: "\(WindowPosition.head)\(panes)\(WindowPosition.middle)\(log.token)}")
  }

  /// The mark of a transaction of results; no log has such a stream.
  static func mark(of number: UInt64) -> LogMark {
    LogMark(streamHigh: .max, streamLow: .max, sequence: number, endOffset: number)
  }

  static func isPane(_ mark: LogMark) -> Bool { mark.streamHigh == .max && mark.streamLow == .max }
}

/// A source's arithmetic of positions, with the results of windows.
package struct WindowCoverage: PositionCoverage {
  let log: any PositionCoverage

  package init(log: any PositionCoverage) { self.log = log }

  package func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool {
    let checkpoint = WindowPosition(checkpoint)
    if WindowPosition.isPane(mark) { return mark.sequence <= checkpoint.panes }
    return try log.covers(mark, isSnapshot: isSnapshot, in: checkpoint.log)
  }

  package func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool {
    let checkpoint = WindowPosition(checkpoint)
    let position = WindowPosition(position)
    guard position.panes >= checkpoint.panes else { return false }
    return try log.hasReached(checkpoint.log, at: position.log)
  }

  package func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool {
    try log.isInsideSnapshot(WindowPosition(position).log)
  }
}
