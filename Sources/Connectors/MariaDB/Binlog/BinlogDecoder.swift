package import Change
internal import Compression

/// Turns the events of a binary log into the changes of a batch, one event a call, without a socket, a file or a clock.
///
/// *Ordering*: events are given in log order, each once. *Thread*: one at a time. *Memory*: table maps, prepared XA
/// transactions up to `Options.heldByteLimit`, one event while it is decompressed. *Errors*: every failure names the place
/// `file:offset`; after one the decoder is of no more use.
package final class BinlogDecoder {
  /// Where events come from, which decides how their offsets are known.
  package enum Origin: Sendable {
    /// One after the other from a file: offsets are the sum of sizes.
    case file
    /// From a server, which leaves out what it was asked to: offsets are the low 32 bits in each header.
    case network
  }

  /// What the owner must do after an event.
  package enum Action: Hashable, Sendable {
    case none
    /// The event holds more than a batch does, or what it defines must not be in one batch with what came before: take the
    /// batch, then call `continueDecoding` until it says otherwise.
    case more
    /// A transaction ended, and `position` is behind it: a cut here loses and repeats nothing.
    case transactionEnded
    /// The same, of a transaction with a definition: cut here, so that it stands alone (`Source`).
    case definitionEnded
    /// What follows comes from another file, or from another place.
    case rotated(file: String, offset: UInt64)
    /// The server is alive and has nothing to send.
    case heartbeat
    /// The server was shut down here.
    case stopped
  }

  package struct Options: Sendable {
    /// Which tables' rows are wanted; asked once for each table map and statement.
    package var isWanted: @Sendable (TableName) -> Bool = { _ in true }
    /// The charset of text in logs that name none.
    package var charset = "utf8mb4"
    /// Whether columns of a log without names are called `@1`, `@2`… For files without a server.
    package var allowsUnnamedColumns = false
    /// The memory that all prepared XA transactions may hold together.
    package var heldByteLimit = 64 << 20
    /// The size past which an event, or what it decompresses to, is refused.
    package var eventByteLimit = 1 << 30
    /// Transactions in this set are read but not emitted: they lie before the place to resume at.
    package var emitted = GTIDSet()
    /// Transactions that end at or before this place in the named file are read but not emitted.
    package var emittedUntil: (file: String, offset: UInt64)?
    /// Whether the server sends the beginning of the file before the transactions behind the start position: a dump by
    /// GTID that goes on at a known place. Where such events stand says nothing of where the transactions do.
    package var joinsAtTransaction = false

    package init() {}
  }

  let options: Options
  let provider: (any SchemaProvider)?
  // What every event touches is exempt from run-time exclusivity checks, which took a seventh of the time of small
  // transactions: one thread runs one call at a time, and no call hands any of it to code that calls back.
  @exclusivity(unchecked) var origin = Origin.file
  @exclusivity(unchecked) private(set) var file: String
  /// The number in the file's name.
  @exclusivity(unchecked) private(set) var fileNumber: UInt32
  /// Behind the last event.
  @exclusivity(unchecked) var offset: UInt64
  /// Where the current event begins.
  @exclusivity(unchecked) var eventOffset: UInt64
  @exclusivity(unchecked) var format: FormatDescription? { didSet { layout = format?.layout } }
  /// What events are read by, of the format.
  @exclusivity(unchecked) private(set) var layout: FormatDescription.Layout?
  @exclusivity(unchecked) var transaction: OpenTransaction? { didSet { phase = OpenTransaction.Phase(transaction) } }
  /// What each event asks of the open transaction.
  @exclusivity(unchecked) private(set) var phase = OpenTransaction.Phase(nil)
  @exclusivity(unchecked) var pending: PendingEvents?
  /// Whether the first transaction behind the start position is still to come (`Options.joinsAtTransaction`).
  @exclusivity(unchecked) private var awaitsJoin: Bool
  @exclusivity(unchecked) var tables = MappedTables()
  /// The place of `position`.
  @exclusivity(unchecked) private var settled: (file: String, number: UInt32, offset: UInt64)
  var held = HeldTransactions()
  var catalog = TableCatalog()
  /// Temporary tables that statements in the log have made; statements on them change nothing that is replicated.
  var temporaries: Set<TableName> = []
  var latestCommit = EventTime.distantPast
  var zlib: ZlibDecoder?
  var inflated: [UInt8] = []
  let scratch = RowScratch()

  /// Every transaction that was decoded, emitted or not, and those that the start position covers.
  @exclusivity(unchecked) package internal(set) var gtids: GTIDSet
  /// Rows events of tables that are not wanted, passed over without a look at their rows.
  package internal(set) var skippedRowsEvents = 0
  package internal(set) var skippedBytes = 0

  /// - Parameters:
  ///   - position: where the first event stands; for a whole file, offset 4 and the set of what came before, if known.
  ///   - provider: who knows the definitions of tables.
  package init(position: BinlogPosition, provider: (any SchemaProvider)? = nil, options: Options = Options()) {
    self.options = options
    self.provider = provider
    settled = (position.file, position.fileNumber, position.offset)
    file = position.file
    fileNumber = position.fileNumber
    offset = position.offset
    eventOffset = position.offset
    gtids = position.gtids
    awaitsJoin = options.joinsAtTransaction
  }

  /// The place behind the last transaction that ended, and behind what stands between transactions.
  ///
  /// The set of transactions changes only as one ends, so that it need not be kept twice.
  package var position: BinlogPosition {
    BinlogPosition(file: settled.file, offset: settled.offset, gtids: gtids)
  }

  /// The place behind the event at hand.
  var eventEnd: LogPlace { LogPlace(file: file, offset: offset) }

  /// Whether `position` is at or behind a place in one server's run of log files, without a copy of its set.
  func isPosition(atOrBehind offset: UInt64, inFileNumber number: UInt32) -> Bool {
    guard !settled.file.isEmpty else { return false }
    return settled.number != number ? settled.number > number : settled.offset >= offset
  }

  /// The prepared XA transactions that are neither committed nor rolled back. The owner's position must keep the place of
  /// the first one: a restart reads again from there, and `Options.emitted` or `emittedUntil` keeps what was emitted away.
  package var preparedTransactions: [PreparedTransaction] { held.prepared }

  /// The version of the server that wrote the log, once it is known.
  package var serverVersion: String? { format?.serverVersion }

  /// Decodes one event as it stands in the log: header, body and checksum.
  package func decode(
    _ event: UnsafeRawBufferPointer, from origin: Origin, into builder: BatchBuilder
  ) throws(Failure) -> Action {
    eventOffset = offset
    self.origin = origin
    do {
      let header = try EventHeader(event)
      guard header.byteCount == event.count, event.count <= options.eventByteLimit else {
        throw Failure(.corruptLog, "an event says that it has \(header.byteCount) bytes; it has \(event.count)")
      }
      locate(header, origin)
      let body = try verifiedBody(event, header)
      builder.count(logBytes: event.count)
      let action = try dispatch(header, body, builder)
      if !phase.isOpen, pending == nil { settle() }
      return action
    } catch { throw failure(error) }
  }

  /// Goes on with the event that `decode` answered `.more` for.
  package func continueDecoding(into builder: BatchBuilder) throws(Failure) -> Action {
    do {
      let action = try resumePending(builder)
      if !phase.isOpen, pending == nil { settle() }
      return action
    } catch { throw failure(error) }
  }

  /// Tells the decoder that the next event comes from the start of another file, or from elsewhere in this one.
  package func enter(file: String, offset: UInt64 = 4) {
    self.file = file
    fileNumber = LogPlace.number(of: file)
    self.offset = offset
    eventOffset = offset
    awaitsJoin = false
    tables.removeAll()
    if transaction == nil { settle() }
  }

  /// Tells the decoder that the log ends here for good: a transaction that is open never committed.
  package func finish(into builder: BatchBuilder) throws(Failure) {
    do { try abandonTransaction(builder, why: "the log ends") } catch { throw failure(error) }
  }

  private func settle() { settled = (file, fileNumber, offset) }

  var place: String { "\(file):\(eventOffset)" }

  private func failure(_ error: any Error) -> Failure {
    switch error {
    case let failure as Failure: failure.at(place)
    case let truncated as Truncated:
      Failure(
        .corruptLog, "an event ends early: \(truncated.wanted) bytes were expected at its byte \(truncated.offset)",
        at: place)
    default: Failure(.corruptLog, "an event cannot be read", at: place, cause: "\(error)")
    }
  }

  /// Finds where the event begins and ends. An artificial event stands nowhere and moves nothing.
  private func locate(_ header: EventHeader, _ origin: Origin) {
    switch origin {
    case .file:
      // Read from the middle, a file's description comes first all the same.
      if format == nil, header.type == .formatDescription, offset > 4 { return }
      offset += UInt64(header.byteCount)
    case .network:
      guard header.endPosition != 0, !header.flags.contains(.artificial) else { return }
      if awaitsJoin {
        guard header.type.beginsTransaction else { return }
        awaitsJoin = false
      }
      // A heartbeat stands nowhere, and tells its place in its body, too.
      if header.type == .heartbeat || header.type == .heartbeatV2 { return }
      offset = end(at: header.endPosition)
      eventOffset = offset - min(offset, UInt64(header.byteCount))
    }
  }

  /// The header has 32 bits; a file past 4 GiB wraps them.
  private func end(at low: UInt32) -> UInt64 {
    let end = offset & ~0xffff_ffff | UInt64(low)
    return end < offset ? end + 1 << 32 : end
  }

  /// A server that has nothing more to send tells how far it has read: what it passed over is behind us, too.
  ///
  /// Source: MariaDB's sql/sql_repl.cc, `send_heartbeat_event`; MySQL's sql/rpl_binlog_sender.cc.
  func heartbeat(_ header: EventHeader, _ body: UnsafeRawBufferPointer) throws -> Action {
    // MySQL sends heartbeats also while it passes over what lies before the start position.
    guard header.type == .heartbeat, !awaitsJoin || layout?.isMariaDB == true else { return .heartbeat }
    var cursor = ByteCursor(body.bytes)
    // Behind 4 GiB MariaDB's header has no place, and eight bytes before the name do.
    let far = header.endPosition == 0 && cursor.remaining > 8 ? try cursor.uint64() : 0
    guard String(validating: cursor.rest()) == file, far > 0 || header.endPosition > 0 else { return .heartbeat }
    let place = far > 0 ? far : end(at: header.endPosition)
    // In 32 bits a place before this one looks like one 4 GiB behind it.
    if place >= offset, far > 0 || place - offset < 1 << 31 { offset = place }
    return .heartbeat
  }
}

/// A place in a binary log between two transactions.
package struct BinlogPosition: Hashable, Sendable {
  package var file: String
  package var offset: UInt64
  /// What was read up to here; empty in logs without GTIDs.
  package var gtids: GTIDSet

  package init(file: String, offset: UInt64 = 4, gtids: GTIDSet = GTIDSet()) {
    self.file = file
    self.offset = offset
    self.gtids = gtids
  }

  /// The number behind the last point of the file's name; 0: there is none.
  package var fileNumber: UInt32 {
    LogPlace.number(of: file)
  }
}
