import Change
import Flow
import Logging

/// One sink's task: takes what its channel holds, groups whole transactions, writes them, and commits them with their checkpoint.
///
/// *Grouping*: a lone transaction is committed at once; while a commit runs the channel fills, and what it holds is the next
/// group. So groups grow with the load by themselves. Batches of a snapshot and of the log share no group: a sink may treat
/// a snapshot's rows in its own way. *Bound*: a transaction that is larger than `heldBytes` is passed on
/// in pieces without a commit between them; the sink keeps it uncommitted at its target.
struct Delivery: ~Copyable {
  private let channel: BatchChannel
  private let sink: any Sink
  private let meter: SinkMeter
  private let delays: LagSamples
  /// Whether a commit time promises that no earlier one comes: with several sources, or windows, only the watermark does.
  private let isOneLog: Bool
  private var catchUp: CatchUp?
  /// Whether somebody may wait for the next place to be stored: the sink has come to where the others are, or a snapshot has
  /// ended.
  private var isAwaited = false

  private var counts = ChangeCounts()
  private var groupBytes = 0
  private var position: Position?
  private var watermark = EventTime.distantPast
  /// What the sink was promised before, until the sources have promised it again: where sinks begin at several places, those
  /// that were ahead have been promised more. Nil: nothing comes behind it.
  private var promised: EventTime?
  private var samples: [LagSamples.Sample] = []
  /// Parts of the transaction at the end of what came, which has not ended yet and was not given to the sink.
  private var held: [(batch: Batch, part: Int)] = []
  private var heldBytes = 0
  /// The sink has the beginning of a transaction whose end has not come.
  private var isInsideTransaction = false
  /// Whether the last batch has rows of a snapshot.
  private var isSnapshot = false
  private var lastCommit: UInt64 = 0
  /// When the first change of the group came.
  private var groupBegan: UInt64 = 0

  /// A transaction is kept back up to this many bytes, and not beyond a group's, before its pieces go to the sink.
  private static let heldLimit = 8 << 20
  /// A group that is this old is committed although more is coming, in nanoseconds.
  private static let groupAgeLimit: UInt64 = 1_000_000_000
  /// How long to wait before the channel is emptied again, while a sink asks for a pause between commits, in nanoseconds.
  private static let pause: UInt64 = 2_000_000
  /// Nanoseconds between two commits that move only the checkpoint.
  private static let emptyCommitInterval: UInt64 = 1_000_000_000

  /// - Parameter watermark: what the sink has stored, and does not go back behind.
  init(
    channel: BatchChannel, sink: any Sink, meter: SinkMeter, delays: LagSamples, isOneLog: Bool, catchUp: CatchUp?,
    watermark: EventTime = .distantPast
  ) {
    self.watermark = watermark
    promised = isOneLog ? nil : watermark
    self.isOneLog = isOneLog
    self.channel = channel
    self.sink = sink
    self.meter = meter
    self.delays = delays
    self.catchUp = catchUp
    let isCatchingUp = catchUp != nil
    meter.update { $0.isCatchingUp = isCatchingUp }
  }

  /// Delivers until the channel ends. What does not belong to a whole transaction by then is not delivered.
  mutating func run() async throws {
    while true {
      guard let reception = try await receive() else {
        try await commit()
        continue
      }
      var isLast = try await take(reception)
      while !isLast, hasGroup, let more = try await moreWithinInterval() { isLast = try await take(more) }
      let isDue = MonotonicTime.now() &- lastCommit >= Delivery.emptyCommitInterval
      if isLast || counts.rows > 0 || isAwaited || isDue { try await commit() }
      if isLast { return }
    }
  }

  /// What has come; nil when nothing has, and a place without changes has waited long enough for something to be stored with.
  private func receive() async throws -> BatchChannel.Reception? {
    guard hasGroup else { return try await channel.receiveAll() }
    let elapsed = MonotonicTime.now() &- lastCommit
    return try await channel.receiveAll(
      within: Delivery.emptyCommitInterval - min(elapsed, Delivery.emptyCommitInterval))
  }

  /// Whether something was written that waits for its commit, and nothing that cannot be committed.
  private var hasGroup: Bool { position != nil && !isInsideTransaction }

  /// What has arrived meanwhile; where the sink asks for a pause between commits, waits for it until the pause is over.
  /// Nil when nothing has, or when the group is old enough.
  private func moreWithinInterval() async throws -> BatchChannel.Reception? {
    let interval = sink.traits.commitInterval
    while true {
      let now = MonotonicTime.now()
      if now &- groupBegan >= max(interval, Delivery.groupAgeLimit) { return nil }
      if let more = try channel.takeAll() { return more }
      let elapsed = now &- lastCommit
      guard elapsed < interval else { return nil }
      try await Task.sleep(nanoseconds: min(Delivery.pause, interval - elapsed))
    }
  }

  private mutating func take(_ reception: BatchChannel.Reception) async throws -> Bool {
    for batch in reception.batches {
      try await take(batch)
      if groupBytes >= sink.traits.groupBytes { try await commit() }
    }
    if let known = promised, reception.watermark >= known { promised = nil }
    if held.isEmpty, !isInsideTransaction, catchUp == nil { watermark = max(watermark, reception.watermark) }
    return reception.isLast
  }

  private mutating func take(_ batch: Batch) async throws {
    let parts = batch.transactions
    // Asked once: what is kept back counts, and is not kept back any more at the end.
    let isSeparate = separates(batch)
    if isSeparate { try await commit() }
    if let first = parts.first, first.isSnapshot != isSnapshot {
      try await commit()
      isSnapshot = first.isSnapshot
    }
    guard let lastEnd = parts.lastIndex(where: \.ends) else {
      if parts.isEmpty { try reach(batch.position) } else { try await hold(batch, part: 0) }
      return
    }
    try await release()
    try await write(batch, parts: 0..<(lastEnd + 1))
    isInsideTransaction = false
    try reach(batch.position)
    isAwaited = isAwaited || batch.endsSnapshot
    if isOneLog, let last = parts[...lastEnd].last, !last.isSnapshot, last.commitTime > .distantPast {
      watermark = max(watermark, EventTime(microseconds: last.commitTime.microseconds - 1))
    }
    if isSeparate { try await commit() }
    if lastEnd + 1 < parts.count { try await hold(batch, part: lastEnd + 1) }
  }

  /// Whether the sink wants a schema change of this batch, or of what is kept back, in a group of its own.
  private func separates(_ batch: Batch) -> Bool {
    guard sink.traits.separatesSchemaChanges else { return false }
    return !batch.schemaChanges.isEmpty || held.contains { !$0.batch.schemaChanges.isEmpty }
  }

  /// Moves the place that the next commit stores, unless a transaction is unfinished: then its end brings the place along.
  private mutating func reach(_ position: Position) throws {
    guard held.isEmpty, !isInsideTransaction else { return }
    if let isDone = try catchUp?.isDone(at: position), isDone {
      (catchUp, isAwaited) = (nil, true)
      meter.update { $0.isCatchingUp = false }
    }
    // Until the log has passed the sink's checkpoint, a commit of its place would move the checkpoint back.
    self.position = if let catchUp { try catchUp.place(at: position) } else { try keepingPromise(position) }
  }

  /// Keeps the piece of an unfinished transaction back, or, when it has grown too large for that, gives it to the sink.
  private mutating func hold(_ batch: Batch, part: Int) async throws {
    if !isInsideTransaction {
      held.append((batch, part))
      heldBytes += batch.byteCount
      guard heldBytes > min(Delivery.heldLimit, sink.traits.groupBytes) else { return }
      try await commit()
      try await release()
      isInsideTransaction = true
    } else {
      try await write(batch, parts: part..<(part + 1))
    }
  }

  private mutating func release() async throws {
    let pieces = held
    held.removeAll()
    heldBytes = 0
    for piece in pieces { try await write(piece.batch, parts: piece.part..<(piece.part + 1)) }
  }

  private mutating func write(_ batch: Batch, parts: Range<Int>) async throws {
    var begin = parts.lowerBound
    while begin < parts.upperBound {
      // A transaction that the sink already has is left out; without a catch-up everything is one run.
      let run = try catchUp?.nextRun(in: batch, parts: begin..<parts.upperBound) ?? (begin..<parts.upperBound)
      let skipped = run.lowerBound - begin
      if skipped > 0 { meter.update { $0.skippedTransactions += UInt64(skipped) } }
      if !run.isEmpty {
        let started = MonotonicTime.now()
        if groupBytes == 0 { groupBegan = started }
        try await sink.write(keepingPromise(batch, run), parts: run)
        let busy = MonotonicTime.now() &- started
        meter.update { $0.busyNanoseconds += busy }
        let rows = counts.add(batch, parts: run)
        if let sample = delays.sample(of: batch, rows: rows) { samples.append(sample) }
      }
      begin = max(run.upperBound, begin + 1)
    }
    groupBytes += batch.byteCount
  }

  /// Gives what comes behind a promise the time right behind it, as the order does with what comes late.
  private func keepingPromise(_ batch: Batch, _ run: Range<Int>) -> Batch {
    guard let promised, batch.transactions[run].contains(where: { !$0.isSnapshot && $0.commitTime <= promised }) else {
      return batch
    }
    let time = EventTime(microseconds: promised.microseconds == .max ? .max : promised.microseconds + 1)
    var parts = batch.transactions
    for index in run where !parts[index].isSnapshot { parts[index].commitTime = max(parts[index].commitTime, time) }
    return Batch.relabel(copy batch, transactions: parts, position: batch.position)
  }

  /// A place is stored with what was promised, also where all sinks together were promised less.
  private func keepingPromise(_ position: Position) throws -> Position {
    guard let promised else { return position }
    guard var vector = try VectorPosition(WindowPosition(position).log), vector.watermark < promised else {
      return position
    }
    vector.watermark = promised
    return WindowPosition.replacingLog(of: position, with: vector.position)
  }

  /// Makes the group durable. Does nothing when nothing was written since the last commit.
  private mutating func commit() async throws {
    guard let position, !isInsideTransaction else { return }
    let started = MonotonicTime.now()
    let receipt = try await sink.commit(Checkpoint(position: position, watermark: watermark))
    let now = MonotonicTime.now()
    for sample in samples { meter.lag.record(sample.lag(at: now), count: sample.count) }
    let counts = self.counts
    let outcomes = counts.outcomes(receipt)
    let watermark = self.watermark
    let idle = channel.gauges.idleNanoseconds
    meter.update { reading in
      reading.read.merge(counts.read) { $0 + $1 }
      for (table, outcome) in outcomes { reading.outcomes[table, default: Outcome()] += outcome }
      reading.position = position
      reading.watermark = watermark
      reading.commits += 1
      reading.busyNanoseconds += now &- started
      reading.idleNanoseconds = idle
    }
    self.position = nil
    isAwaited = false
    self.counts.reset()
    samples.removeAll(keepingCapacity: true)
    groupBytes = 0
    lastCommit = now
  }
}
