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
    self.output = output
    self.stop = stop
    self.builder = builder
    self.refine = refine
  }

  /// Reads until the end, a stop or a cancellation.
  func run() async throws {
    let wake = stream.wake
    let id = stop.whenRequested(wake)
    defer { stop.forget(id) }
    try await withTaskCancellationHandler {
      try await loop()
    } onCancel: {
      wake()
    }
  }

  private func loop() async throws {
    while true {
      let event: UnsafeRawBufferPointer?
      do {
        event = try stream.next()
      } catch {
        try Task.checkCancellation()
        guard stop.isRequested else { throw error }
        return try await flush()
      }
      guard let event else { return try await flush() }
      if builder.readAt == 0 { builder.readAt = MonotonicTime.now() }
      var action = try decode(event)
      while action == .more {
        try await flush()
        builder.readAt = MonotonicTime.now()
        action = try decoder.continueDecoding(into: builder)
      }
      if try await isFinished(after: action) { return }
    }
  }

  private func decode(_ event: UnsafeRawBufferPointer) throws(Failure) -> BinlogDecoder.Action {
    if event.count > EventHeader.byteCount {
      let type = EventType(rawValue: event[4])
      if type == .tableMap || type == .query || type == .queryCompressed { place(event) }
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

  /// Tells the catalog where and when the definitions are needed that the event may ask for.
  private func place(_ event: UnsafeRawBufferPointer) {
    catalog.eventTime = UInt32(littleEndian: event.loadUnaligned(as: UInt32.self))
    let position = decoder.position
    if catalog.place.offset == position.offset, catalog.place.file == position.file { return }
    catalog.place = LogPlace(file: position.file, offset: position.offset)
  }

  /// Sends what is due, and tells whether the stream ends here.
  private func isFinished(after action: BinlogDecoder.Action) async throws -> Bool {
    switch action {
    case .transactionEnded:
      if case .time = end { return try await isPastTime() }
      if isAtEnd {
        try await flush()
        return true
      }
      let isOld = MonotonicTime.now() &- builder.readAt > LogReader.patience
      if builder.isFull || isOld || !stream.hasBufferedInput { try await flush() }
    case .heartbeat:
      if !builder.isInsideTransaction { try await flush() }
      switch end {
      case .place where !builder.isInsideTransaction: return true
      // Nothing is left to send, and what is committed from now on is later than the end.
      case .time(let time): return !builder.isInsideTransaction && isPast(time)
      default: break
      }
    default:
      if builder.isFull { try await flush() }
      if !builder.isInsideTransaction, isAtEnd {
        try await flush()
        return true
      }
    }
    return false
  }

  private var isAtEnd: Bool {
    let position = decoder.position
    // Before the log's description came it is not known whether this is the log that was meant.
    guard !position.file.isEmpty, stream.logCreated != 0 else { return false }
    return end.isReached(at: LogPlace(file: position.file, offset: position.offset), decoder.gtids)
  }

  /// Only the end of a transaction tells when it was committed: with a time to stop at, each is looked at alone.
  private func isPastTime() async throws -> Bool {
    guard case .time(let time) = end else { return false }
    let batch = try refine(take())
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
    try await send(try refine(take()))
  }

  private func send(_ batch: Batch) async throws {
    // A definition is durable before a checkpoint can lie behind it.
    if catalog.isChanged {
      try store.write(catalog.tables)
      catalog.markSaved()
    }
    try await output.send(batch)
    guard let last = batch.transactions.last(where: \.ends) else { return }
    watermark = max(watermark, EventTime(microseconds: last.commitTime.microseconds - 1))
    output.advance(to: watermark)
  }

  private func take() -> Batch { builder.take(position: position.position) }

  /// The place behind the last transaction that ended.
  var position: MariaDBPosition {
    let place = decoder.position
    var identity = server.facts.identity
    identity.logCreated = stream.logCreated
    return MariaDBPosition(
      gtids: start.tracksGTIDs ? place.gtids : GTIDSet(), log: LogPlace(file: place.file, offset: place.offset),
      server: identity, prepared: decoder.preparedTransactions, snapshot: snapshot)
  }
}
