import Change
import Logging

/// Sets aside the changes of transactions that came behind the watermark (`late: quarantine`): each becomes a row of the table
/// that holds what was set aside of its table, in the place that its transaction gets.
///
/// Changes of schemas are none of them: rows behind them have the new shape. *Thread*: one at a time.
struct LateChanges {
  private struct Entry {
    var part: Int
    var committed: EventTime
    var behind: Int64
  }

  /// The names of the sources.
  private let names: [String]
  /// Transforms follow: they lead what is set aside to the table that it belongs to, and hide of it what they hide.
  private let hasTransforms: Bool
  private let logger: Logger
  private var rejections = RejectionTable()
  private let draft = BatchDraft()
  /// Parts of the batch that is being made, in their order.
  private var entries: [Entry] = []

  init(names: [String], hasTransforms: Bool, logger: Logger) {
    self.names = names
    self.hasTransforms = hasTransforms
    self.logger = logger
  }

  /// - Parameter part: its index in the batch that is being made, with the time that its source has given it.
  mutating func note(_ part: Int, committed: EventTime, watermark: EventTime) {
    let (behind, isFar) = watermark.microseconds.subtractingReportingOverflow(committed.microseconds)
    entries.append(Entry(part: part, committed: committed, behind: (isFar ? .max : behind) / 1000))
  }

  /// The batch that was made, as it goes on.
  /// - Throws: `.configuration` when a table of the source has the name of one that tells what was set aside.
  mutating func setAside(from batch: consuming Batch) throws(Failure) -> Batch {
    if !hasTransforms { try rejections.claimNames(batch.schemas) }
    if entries.isEmpty { return batch }
    draft.begin(batch)
    draft.rejected.removeAll()
    var isLate = [Bool](repeating: false, count: draft.changes.count)
    for entry in entries {
      for index in draft.transactions[entry.part].range { isLate[index] = draft.changes[index].operation != .schema }
      reject(entry)
    }
    entries.removeAll()
    draft.judge { _, index in isLate[index] ? .setAside : .keep }
    if hasTransforms {
      swap(&draft.accounts.rejected, &draft.rejected)
    } else if !draft.rejected.isEmpty {
      try rejections.claimNames(draft)
      rejections.append(to: draft)
    }
    return draft.finish()
  }

  private func reject(_ entry: Entry) {
    let part = draft.transactions[entry.part]
    let name = names.indices.contains(Int(part.source)) ? names[Int(part.source)] : "\(part.source)"
    let failure = Failure(
      .limit, "a transaction of source \"\(name)\" came \(entry.behind) ms behind the watermark")
    for index in part.range where draft.changes[index].operation != .schema {
      draft.reject(index, of: draft.schemas[Int(draft.changes[index].schema)], failure)
      draft.rejected[draft.rejected.count - 1].committed = entry.committed
    }
    guard part.begins else { return }
    logger.warning(
      "a transaction that came behind the watermark was set aside",
      metadata: ["source": "\(name)", "behind_ms": "\(entry.behind)"])
  }
}
