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

  package let traits = SinkTraits(groupBytes: 4 << 20, commitInterval: 0, keepsCheckpoint: false)
  private let descriptor: Int32
  private let errors: Int32
  private let badRows: BadRowPolicy
  private let encoder: any ChangeEncoder
  private var lines = ByteWriter(capacity: 64 << 10)
  private var outcomes: [TableName: Outcome] = [:]

  /// - Parameter errors: where a row that the format cannot carry is told of, as one line; its values stay out of it.
  package init(
    to descriptor: Int32 = STDOUT_FILENO, errors: Int32 = STDERR_FILENO, badRows: BadRowPolicy = .stop,
    _ encoder: any ChangeEncoder
  ) {
    self.descriptor = descriptor
    self.errors = errors
    self.badRows = badRows
    self.encoder = encoder
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
      try write(part, of: batch, with: encoder)
      encoder.encodeEnd(of: part, in: batch, into: &lines)
      if lines.count >= StandardOutputSink.chunk { try flush() }
    }
  }

  /// Each change by itself: a format may leave it out, or be unable to carry it.
  private func write(_ part: TransactionPart, of batch: Batch, with encoder: any ChangeEncoder) throws(Failure) {
    for index in part.range {
      let change = batch.changes[index]
      let table =
        change.operation == .schema
        ? batch.schemaChanges[Int(change.row)].table : batch.schemas[Int(change.schema)].name
      let before = lines.count
      do throws(UnencodableChange) {
        try encoder.encode(index..<index + 1, of: part, in: batch, into: &lines)
        let isLeftOut = lines.count == before
        outcomes[table, default: Outcome()] += isLeftOut ? Outcome(filtered: 1) : Outcome(delivered: 1)
      } catch {
        guard badRows == .quarantine else { throw error.failure }
        try tell(error.failure, batch.identifier(of: part))
        outcomes[table, default: Outcome()] += Outcome(quarantined: 1)
      }
    }
  }

  private func tell(_ failure: Failure, _ transaction: String) throws(Failure) {
    var line = ByteWriter(capacity: 256)
    line.append("{\"code\":")
    line.append(jsonString: failure.code.rawValue)
    line.append(",\"reason\":")
    line.append(jsonString: failure.message)
    line.append(",\"place\":")
    line.append(jsonString: failure.place)
    line.append(",\"tx\":")
    line.append(jsonString: transaction)
    line.append("}\n")
    try SystemCall.write(line, toStream: errors, "standard error")
  }

  package func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    try flush()
    defer { outcomes.removeAll(keepingCapacity: true) }
    return Receipt(outcomes: outcomes)
  }

  package func close() async {}

  private func flush() throws(Failure) {
    try SystemCall.write(lines, toStream: descriptor, "standard output")
    lines.removeAll()
  }
}
