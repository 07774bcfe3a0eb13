internal import Change
internal import Flow
internal import Glibc
internal import Logging
internal import MariaDBClient
internal import Pipeline

/// Reads a server's log from a start point and sends it as batches: the loop of a source.
///
/// *Latency*: a batch leaves when it is full, when the log is dry behind a transaction, or when it is 5 ms old.
/// *Thread*: the source's own; it blocks in the socket and is woken by stop and cancellation.
final class LogReader {
  private let server: LogServer
  private let stream: LogStream
  private let decoder: BinlogDecoder
  private let builder: BatchBuilder
  private let start: StartPoint
  private let output: any SourceOutput
  private let end: StreamEnd
  /// The number in the name of the log file that `end` names.
  private let endNumber: UInt32
  private let stop: StopSignal
  /// What happens to each batch before it is sent; nil: nothing of it is left.
  private let refine: (Batch) throws -> Batch
  private let catalog: Catalog
  private let store: CatalogFile
  /// What a snapshot had read when the stream began; part of every position.
  private let snapshot: SnapshotState?
  private(set) var watermark = EventTime.distantPast

  /// A batch is not kept longer than this many nanoseconds while more is coming.
  private static let patience: UInt64 = 5_000_000
  /// Microseconds.
  private static let clockDifference: Int64 = 1_000_000

  init(
    _ server: LogServer, stream: LogStream, decoder: BinlogDecoder, start: StartPoint, end: StreamEnd,
    output: any SourceOutput, stop: StopSignal, builder: BatchBuilder, catalog: Catalog,
    snapshot: SnapshotState?, store: CatalogFile, refine: @escaping (Batch) throws -> Batch
  ) {
    self.catalog = catalog
    self.snapshot = snapshot
    self.store = store
    self.server = server
    self.stream = stream
    self.decoder = decoder
    self.start = start
    self.end = end
    endNumber = if case .place(let place) = end { place.number } else { 0 }
    self.output = output
    self.stop = stop
    self.builder = builder
    self.refine = refine
    // `run` replaces it before the decoder goes: the catalog outlives this reader.
    catalog.locate = { [unowned decoder] in (LogReader.place(of: decoder), decoder.eventEnd) }
  }

  private static func place(of decoder: BinlogDecoder) -> LogPlace {
    let position = decoder.position
    return LogPlace(file: position.file, offset: position.offset)
  }

  /// Reads until the end, a stop or a cancellation.
  func run() async throws {
    let wake = stream.wake
    let id = stop.whenRequested(wake)
    defer {
      stop.forget(id)
      let last = LogReader.place(of: decoder)
      catalog.locate = { (last, last) }
    }
    try await withTaskCancellationHandler {
      try await loop()
    } onCancel: {
      wake()
    }
  }

  /// Why the reading of events pauses.
  private enum Due {
    /// A batch is to be sent, and the reading goes on.
    case batch
    /// The event holds more than a batch.
    case rest
    /// A transaction ended, and the stream may end at its time.
    case transaction
    /// The stream ends here.
    case end
  }

  private func loop() async throws {
    var due = try read()
    while true {
      switch due {
      case .end: return try await flush()
      case .batch:
        try await flush()
        due = try read()
      case .rest:
        try await flush()
        builder.readAt = MonotonicTime.now()
        due = try self.due(after: continueDecoding()) ?? read()
      case .transaction:
        if try await isPastTime() { return }
        due = try read()
      }
    }
  }

  /// Decodes events until something is due: a plain loop, since an asynchronous call per event costs more than the event.
  private func read() throws -> Due {
    while true {
      guard let event = try next() else { return .end }
      if !builder.hasBegunReading { builder.readAt = MonotonicTime.now() }
      if let due = due(after: try decode(event)) { return due }
    }
  }

  /// The next event; nil when a stop woke the socket.
  private func next() throws -> UnsafeRawBufferPointer? {
    do { return try stream.next() } catch {
      try Task.checkCancellation()
      guard stop.isRequested else { throw error }
      return nil
    }
  }

  private func decode(_ event: UnsafeRawBufferPointer) throws(Failure) -> BinlogDecoder.Action {
    // Definitions that the event may ask for must not be newer than it.
    if event.count > EventHeader.byteCount {
      catalog.eventTime = UInt32(littleEndian: event.loadUnaligned(as: UInt32.self))
    }
    let action: BinlogDecoder.Action
    do throws(Failure) {
      action = try decoder.decode(event, from: .network, into: builder)
    } catch {
      // That no definition could be had says more than that none was there.
      try catalog.checkFailure()
      throw error
    }
    try catalog.checkFailure()
    return action
  }

  private func continueDecoding() throws(Failure) -> BinlogDecoder.Action {
    let action = try decoder.continueDecoding(into: builder)
    try catalog.checkFailure()
    return action
  }

  /// What must be done before the next event; nil: nothing.
  private func due(after action: BinlogDecoder.Action) -> Due? {
    switch action {
    case .more: return .rest
    case .transactionEnded:
      if case .time = end { return .transaction }
      if isAtEnd { return .end }
      if builder.isFull || !stream.hasBufferedInput { return .batch }
      return MonotonicTime.now() &- builder.readAt > LogReader.patience ? .batch : nil
    case .definitionEnded:
      if case .time = end { return .transaction }
      return isAtEnd ? .end : .batch
    case .heartbeat:
      if builder.isInsideTransaction { return nil }
      switch end {
      // The heartbeat told how far the server has read: it may still be passing over what is not asked for.
      case .place: return isAtEnd ? .end : .batch
      // Nothing is left to send, and what is committed from now on is later than the end.
      case .time(let time) where isPast(time): return .end
      default: return .batch
      }
    default:
      if !builder.isInsideTransaction, isAtEnd { return .end }
      return builder.isFull ? .batch : nil
    }
  }

  /// Whether `end` was reached, where it is a place or a set.
  private var isAtEnd: Bool {
    let isReached =
      switch end {
      case .never, .time: false
      case .place(let place): decoder.isPosition(atOrBehind: place.offset, inFileNumber: endNumber)
      case .gtids(let set): decoder.gtids.contains(set) && !decoder.position.file.isEmpty
      }
    // Before the log's description came it is not known whether this is the log that was meant.
    return isReached && stream.logCreated != 0
  }

  /// Only the end of a transaction tells when it was committed: with a time to stop at, each is looked at alone.
  private func isPastTime() async throws -> Bool {
    guard case .time(let time) = end else { return false }
    let batch = try take()
    if let last = batch.transactions.last, last.commitTime > time { return true }
    try await send(batch)
    return false
  }

  /// Whether this machine's clock is past `time` by more than two clocks usually differ.
  private func isPast(_ time: EventTime) -> Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 > time.microseconds + LogReader.clockDifference
  }

  private func flush() async throws {
    guard !builder.isEmpty else { return }
    try await send(try take())
  }

  private func send(_ batch: consuming Batch) async throws {
    // A definition is durable before a checkpoint can lie behind it.
    if catalog.isChanged {
      try store.write(catalog.tables)
      catalog.markSaved()
    }
    let committed = batch.transactions.last(where: \.ends)?.commitTime
    try await output.send(batch)
    guard let committed else { return }
    watermark = max(watermark, EventTime(microseconds: committed.microseconds - 1))
    output.advance(to: watermark)
  }

  private func take() throws -> Batch {
    let batch = try refine(builder.take(position: position.position))
    guard let last = batch.transactions.last(where: \.ends), last.commitTime > decoder.latestCommit else {
      return batch
    }
    // A heartbeat tells the time better than the log does; what follows is not before it, also after a restart.
    decoder.latestCommit = last.commitTime
    return Batch.relabel(batch, transactions: batch.transactions, position: position.position)
  }

  /// The place behind the last transaction that ended.
  var position: MariaDBPosition {
    let place = decoder.position
    var identity = server.facts.identity
    identity.logCreated = stream.logCreated
    return MariaDBPosition(
      gtids: start.tracksGTIDs ? place.gtids : GTIDSet(), log: LogPlace(file: place.file, offset: place.offset),
      server: identity, prepared: decoder.preparedTransactions, snapshot: snapshot,
      committed: decoder.latestCommit)
  }
}
