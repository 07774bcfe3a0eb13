import Change
import Synchronization

/// A source's arithmetic of positions, which is that of the object that reads now: a source that is tried again is another
/// object, with what it has learned of its server. *Thread*: any.
final class CurrentCoverage: PositionCoverage {
  private let current: Mutex<any PositionCoverage>

  init(_ coverage: any PositionCoverage) { current = Mutex(coverage) }

  /// From here on another object reads. Nothing has come of the one before.
  func follow(_ coverage: any PositionCoverage) { current.withLock { $0 = coverage } }

  private var coverage: any PositionCoverage { current.withLock(\.self) }

  func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool {
    try coverage.covers(mark, isSnapshot: isSnapshot, in: checkpoint)
  }

  func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool {
    try coverage.hasReached(checkpoint, at: position)
  }

  func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool { try coverage.isInsideSnapshot(position) }

  var mayBeginWithSnapshot: Bool { coverage.mayBeginWithSnapshot }
}
