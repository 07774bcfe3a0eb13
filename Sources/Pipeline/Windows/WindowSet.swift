package import Change

/// The windows of a pipeline: a batch in, the batch and the results that it brings about out, in the order in which sinks
/// must get them.
///
/// *Ordering*: results come behind the transactions that they follow from, and never inside another one. *Determinism*: the
/// same log gives the same transactions of results, with the same numbers, however it is cut into batches, with or without
/// watermarks between them: the clock moves to right before each commit, and what is due until then is told first.
/// *Thread*: one at a time.
package final class WindowSet {
  let operators: [WindowOperator]
  private let budget: StateBudget
  /// What is to follow what was returned last, for which there was no room in memory; the next one at the end.
  private(set) var following: [ResultSpool.Result] = []
  /// Results that belong to the state that was restored, or follow from it alone, for when the log has come to its place;
  /// the next one at the end. Few of them are in memory.
  var held: [ResultSpool.Result] = []
  /// How many transactions these are.
  package internal(set) var heldCount: UInt64 = 0
  let writer: PaneWriter
  var clock = Int64.min
  private let draft = BatchDraft()
  private var tables: WindowTables
  /// Tables whose rows are not delivered.
  private let replaced: Set<TableName>
  /// How many changes of the transaction that is open the sinks got.
  private var kept: UInt64 = 0
  package private(set) var isInsideTransaction = false
  /// Nothing is told: see `beginSnapshot`.
  package internal(set) var isInsideSnapshot = false

  /// The names of the pipeline's sources.
  let sources: [String]

  /// - Parameters:
  ///   - memoryLimit: how many bytes of the state may be in memory; the rest lies in files.
  ///   - directory: where these files are.
  package init(
    _ definitions: [WindowDefinition], sources: [String] = ["source"], memoryLimit: Int = .max, directory: String = ""
  ) {
    self.sources = sources
    let budget = StateBudget(limit: memoryLimit, directory: directory)
    self.budget = budget
    writer = PaneWriter(ResultSpool(budget))
    operators = definitions.map { WindowOperator($0, sources: sources.count, budget) }
    tables = WindowTables(definitions)
    // A table is left out only where each of its windows says so.
    replaced = Set(definitions.filter(\.replaces).map(\.from)).subtracting(
      definitions.filter { !$0.replaces }.map(\.from))
  }

  /// The tables that windows write to, for `plan`.
  /// - Throws: `.configuration` when a window does not fit its table, or there is none.
  package static func tables(
    of definitions: [WindowDefinition], over tables: [TableSchema]
  ) throws(Failure) -> [TableSchema] {
    var results: [TableSchema] = []
    for table in try PlannedWindow.plans(of: definitions, over: tables).flatMap(\.tables)
    where !results.contains(where: { $0.name == table.name }) {
      results.append(table)
    }
    return results
  }

  /// How many transactions of results there were.
  package var panes: UInt64 { writer.count }
  /// The place behind the last transaction that was taken in.
  package var log: Position? { writer.log }
  /// What each window has come to.
  var readings: [TransformMeter.Window] {
    operators.map { window in
      TransformMeter.Window(
        name: window.definition.name, watermark: window.clock.watermark == .min ? nil : window.clock.watermark,
        kept: window.state?.entryCount ?? 0, late: UInt64(max(0, window.lateCount)), bytes: window.byteCount)
    }
  }
  /// Bytes of the state, in memory and in files.
  package var byteCount: Int { operators.reduce(0) { $0 + $1.byteCount } }
  /// Bytes in memory.
  package var residentByteCount: Int { budget.resident + budget.fixed }

  /// Brings what the state has in memory down to the limit.
  private func settle() throws(Failure) {
    budget.fixed = operators.reduce(0) { $0 + ($1.state?.fixedByteCount ?? 0) }
    try budget.settle()
  }

  func restore(clock: Int64, panes: UInt64, log: Position?, latestCommit: Int64) {
    self.clock = clock
    writer.resume(behind: panes)
    writer.log = log
    writer.latestCommit = EventTime(microseconds: latestCommit)
  }

  /// How many bytes of results may wait in memory; what is more comes one by one, with `next`. A caller that sets it takes
  /// these before anything else.
  package var resultLimit: Int {
    get { writer.spool.limit }
    set { writer.spool.limit = newValue }
  }

  /// What follows the batches that were returned last; nil: nothing more does.
  package func next() throws(Failure) -> Batch? {
    if let result = following.popLast() { return try writer.spool.load(result) }
    // A transaction that goes on may have results there already, and so may the state that was restored.
    if writer.isEmpty, held.isEmpty { try writer.spool.empty() }
    return nil
  }

  /// From the first result on that does not lie in memory, all follow later.
  func pass(_ results: [ResultSpool.Result], into batches: inout [Batch]) {
    var later: [ResultSpool.Result] = []
    for result in results {
      if following.isEmpty, later.isEmpty, case .batch(let batch) = result {
        batches.append(batch)
      } else {
        later.append(result)
      }
    }
    following = later.reversed() + following
  }

  package func take(_ batch: consuming Batch) throws(Failure) -> [Batch] {
    var results: [Batch] = []
    for piece in WindowSet.pieces(of: batch) { results += try takePiece(piece) }
    return results
  }

  /// A batch in pieces of which either every transaction ends, or none does: what follows from the transactions that end
  /// goes between them and the one that goes on in the next batch.
  static func pieces(of batch: consuming Batch) -> [Batch] {
    let parts = batch.transactions
    guard let last = parts.lastIndex(where: \.ends), last < parts.count - 1 else { return [batch] }
    let (head, tail) = batch.split(behind: last)
    return [head, tail]
  }

  /// Takes a batch in of which either every transaction ends, or none does.
  func takePiece(_ batch: consuming Batch) throws(Failure) -> [Batch] {
    writer.log = WindowPosition(batch.position).log
    try tables.check(batch)
    for window in operators { try window.prepare(batch) }
    var results: [Batch] = []
    var panes = writer.count
    for part in batch.transactions {
      if part.begins {
        try advance(beyond: part)
        if !part.ends {
          pass(writer.take(), into: &results)
          panes = writer.count
        }
        writer.begin(at: part.commitTime.microseconds)
      }
      for window in operators { try window.take(part, batch, to: writer) }
      isInsideTransaction = !part.ends
      if part.ends { try end(part) }
    }
    try settle()
    let isOpen = isInsideTransaction
    pass([.batch(passedOn(batch, panes: panes - heldCount))], into: &results)
    if !isOpen { pass(writer.take(), into: &results) }
    return results
  }

  /// The clock comes to right before a transaction: others with the same time may follow.
  private func advance(beyond part: TransactionPart) throws(Failure) {
    guard part.commitTime.microseconds > Int64.min + 1 else { return }
    if !isInsideSnapshot { try moveClock(to: part.commitTime.microseconds - 1) }
    writer.latestCommit = max(writer.latestCommit, part.commitTime)
  }

  private func end(_ part: TransactionPart) throws(Failure) {
    for window in operators {
      try window.endTransaction(part, to: writer)
    }
    writer.end()
  }

  /// No change committed at or before this time will come any more.
  package func advance(to watermark: EventTime) throws(Failure) -> [Batch] {
    guard !isInsideTransaction, !isInsideSnapshot, watermark > .distantPast else { return [] }
    try moveClock(to: watermark.microseconds)
    var results: [Batch] = []
    pass(writer.take(), into: &results)
    return results
  }

  /// Tells everything that is due until `limit`, instant by instant; what is due at one instant is one transaction.
  private func moveClock(to limit: Int64) throws(Failure) {
    guard limit > clock else { return }
    while true {
      var next = Int64.max
      for window in operators { if let instant = window.nextInstant { next = min(next, instant) } }
      guard next <= limit else { break }
      clock = max(clock, next)
      writer.begin(at: clock)
      for window in operators {
        window.clock.advance(to: clock)
        try window.fire(to: writer)
      }
      writer.end()
    }
    clock = limit
    for window in operators { window.clock.advance(to: limit) }
  }

  /// The batch with a position that counts results, without the rows of tables that windows replace.
  func passedOn(_ batch: consuming Batch, panes: UInt64) -> Batch {
    draft.begin(batch)
    draft.position = WindowPosition(log: WindowPosition(draft.position).log, panes: panes).position
    if !replaced.isEmpty {
      let isReplaced = draft.schemas.map { replaced.contains($0.name) }
      let isReplacedChange = draft.schemaChanges.map { replaced.contains($0.table) }
      draft.filter { change in
        change.operation == .schema ? !isReplacedChange[Int(change.row)] : !isReplaced[Int(change.schema)]
      }
      for index in draft.transactions.indices {
        if draft.transactions[index].begins { kept = 0 }
        draft.transactions[index].preceding = kept
        kept += UInt64(draft.transactions[index].count)
      }
    }
    return draft.finish()
  }
}
