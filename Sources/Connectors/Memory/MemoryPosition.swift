package import Change
import Pipeline

/// Positions of a log that counts its transactions: the number of transactions that lie before.
package enum MemoryPosition {
  package static func position(behind transactions: Int) -> Position {
    Position(text: "\(transactions)", token: #"{"transactions":\#(transactions)}"#)
  }

  package static func transactions(in position: Position) throws(Failure) -> Int {
    let prefix = #"{"transactions":"#
    guard position.token.hasPrefix(prefix), position.token.hasSuffix("}"),
      let count = Int(position.token.dropFirst(prefix.count).dropLast()), count >= 0
    else {
      throw Failure(
        .corruptState, "the checkpoint is not one of a memory log", at: position.text,
        hint: "reset the sink, or read from the source that the checkpoint was made from")
    }
    return count
  }

  /// Where to begin for sinks with these checkpoints: at the smallest.
  static func start(of checkpoints: [Position?]) throws(Failure) -> Int {
    var start: Int?
    for checkpoint in checkpoints {
      guard let checkpoint else { return 0 }
      let count = try transactions(in: checkpoint)
      start = min(start ?? count, count)
    }
    return start ?? 0
  }

  /// The count that `until` names as a position; nil when it names none.
  static func end(of until: Until) throws(Failure) -> Int? {
    guard case .position(let text) = until else { return nil }
    guard let count = Int(text), count >= 0 else {
      throw Failure(.usage, "a position of a memory log is a count of transactions", at: text)
    }
    return count
  }
}

/// The arithmetic of counted positions: a transaction's mark carries its number, counted from 1.
struct MemoryCoverage: PositionCoverage {
  /// What is read; nil: a log without snapshots.
  var log: MemoryLog?

  func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool {
    try mark.sequence <= UInt64(MemoryPosition.transactions(in: checkpoint))
  }

  func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool {
    try MemoryPosition.transactions(in: position) >= MemoryPosition.transactions(in: checkpoint)
  }

  func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool {
    let next = try MemoryPosition.transactions(in: position)
    guard let log, next < log.count else { return false }
    return log[next].isSnapshot
  }
}
