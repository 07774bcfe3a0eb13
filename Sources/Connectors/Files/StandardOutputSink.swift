package import Change
import Flow
package import Formats
import Glibc
package import Pipeline

/// Writes changes as lines to a file descriptor, by default standard output.
///
/// It keeps no checkpoint: a run begins where the source is told to, and what a run wrote before it ended may be
/// written again by the next. Lines appear with each commit; those of a transaction larger than a few megabytes
/// appear before.
package final class StandardOutputSink: Sink {
  private static let chunk = 1 << 20

  package let traits = SinkTraits(groupBytes: 4 << 20, commitInterval: 0)
  private let descriptor: Int32
  private let encoder: any ChangeEncoder
  private var lines = ByteWriter(capacity: 64 << 10)
  private var outcomes: [TableName: Outcome] = [:]

  package init(_ encoder: any ChangeEncoder, to descriptor: Int32 = STDOUT_FILENO) {
    self.encoder = encoder
    self.descriptor = descriptor
  }

  /// Whether a failure means that whoever read the lines has gone, as `head` does: nothing is wrong.
  package static func isReaderGone(_ failure: Failure) -> Bool {
    failure.code == .inputOutput && failure.cause == "errno \(EPIPE)"
  }

  package func open() async throws -> Position? {
    // A reader that goes away is told by `write`, not by a signal that kills.
    _ = signal(SIGPIPE, SIG_IGN)
    return nil
  }

  package func write(_ batch: Batch, parts: Range<Int>) async throws {
    encoder.start(batch, processingTime: WallClock.microseconds() * 1000)
    for part in batch.transactions[parts] {
      encoder.encodeBegin(of: part, in: batch, into: &lines)
      do throws(UnencodableChange) {
        try encoder.encode(part.range, of: part, in: batch, into: &lines)
      } catch {
        throw error.failure
      }
      encoder.encodeEnd(of: part, in: batch, into: &lines)
      count(part, batch)
      if lines.count >= StandardOutputSink.chunk { try flush() }
    }
  }

  package func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    try flush()
    defer { outcomes.removeAll(keepingCapacity: true) }
    return Receipt(outcomes: outcomes)
  }

  package func close() async {}

  private func count(_ part: TransactionPart, _ batch: Batch) {
    var index = part.range.lowerBound
    while index < part.range.upperBound {
      let change = batch.changes[index]
      if change.operation == .schema {
        outcomes[batch.schemaChanges[Int(change.row)].table, default: Outcome()].delivered += 1
        index += 1
        continue
      }
      let begin = index
      while index < part.range.upperBound, batch.changes[index].schema == change.schema,
        batch.changes[index].operation != .schema
      {
        index += 1
      }
      outcomes[batch.schemas[Int(change.schema)].name, default: Outcome()].delivered += UInt64(index - begin)
    }
  }

  private func flush() throws(Failure) {
    try SystemCall.write(lines, toStream: descriptor, "standard output")
    lines.removeAll()
  }
}
