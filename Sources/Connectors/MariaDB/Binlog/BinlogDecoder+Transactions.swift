internal import Change

extension BinlogDecoder {
  /// Source: mariadb.com/kb/en/gtid_event.
  func beginMariaDB(_ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws -> Action {
    var cursor = ByteCursor(body.bytes)
    let sequence = try cursor.uint64()
    let domain = try cursor.uint32()
    let flags = try cursor.uint8()
    let isStandalone = flags & 1 != 0
    if flags & 2 != 0 { _ = try cursor.uint64() }
    let isPrepared = flags & 0x40 != 0
    var identifier = ""
    if flags & 0xc0 != 0 { identifier = try XAIdentifier.read(&cursor) }
    try open(
      header, .mariadb(domain: domain, server: header.server, sequence: sequence), isGroup: !isStandalone, builder)
    if isPrepared, let transaction {
      self.transaction?.xa = HeldEvents(identifier: identifier, start: start(of: transaction))
    }
    return .none
  }

  /// Source: MySQL's libbinlogevents, `Gtid_event`; the tagged form is a field list of its own (`mysql::serialization`).
  func beginMySQL(_ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws -> Action {
    if header.type == .gtidTagged {
      let tagged = try TaggedGTID(body)
      try open(header, tagged.gtid, isGroup: false, builder)
      transaction?.commitTime = tagged.immediateCommit
      return .none
    }
    var cursor = ByteCursor(body.bytes)
    _ = try cursor.uint8()
    let high = try cursor.bigEndian(bytes: 8)
    let source = GTIDSource(high: high, low: try cursor.bigEndian(bytes: 8))
    let number = try cursor.uint64()
    var commitTime: EventTime?
    // Type 2 says that logical timestamps follow; behind them, since 8.0, the commit's time in microseconds.
    if cursor.remaining >= 24, try cursor.uint8() == 2 {
      _ = try cursor.uint64()
      _ = try cursor.uint64()
      if cursor.remaining >= 7 {
        let immediate = try cursor.littleEndian(bytes: 7)
        commitTime = EventTime(microseconds: Int64(immediate & ~(1 << 55)))
      }
    }
    let gtid: GTID? = header.type == .gtidMySQL && number > 0 ? .mysql(source, number: number) : nil
    try open(header, gtid, isGroup: false, builder)
    transaction?.commitTime = commitTime
    return .none
  }

  func open(_ header: EventHeader, _ gtid: GTID?, isGroup: Bool, _ builder: BatchBuilder) throws {
    if transaction != nil {
      throw Failure(.corruptLog, "a transaction begins inside another one")
    }
    transaction = OpenTransaction(
      gtid: gtid, server: header.server, time: EventTime(seconds: header.time), startFile: file,
      startOffset: eventOffset, isGroup: isGroup, isSuppressed: wasEmitted(gtid))
  }

  private func wasEmitted(_ gtid: GTID?) -> Bool {
    if let gtid, options.emitted.contains(gtid) { return true }
    guard let until = options.emittedUntil else { return false }
    return file == until.file ? eventOffset < until.offset : fileNumber < LogPlace.number(of: until.file)
  }

  /// Where the open transaction begins, and what was read before it: the set does not change while one is open.
  func start(of open: OpenTransaction) -> BinlogPosition {
    BinlogPosition(file: open.startFile, offset: open.startOffset, gtids: gtids)
  }

  /// Tells the batch of the transaction before its first change.
  func ensureBegun(_ builder: BatchBuilder) {
    guard phase.isOpen, !phase.isBegun, !phase.isSuppressed, let open = transaction else { return }
    let start = builder.arena.count
    open.gtid?.write(to: &builder.arena)
    let identifier = Range32(offset: start, length: builder.arena.count - start)
    builder.begin(
      commitTime: max(latestCommit, open.commitTime ?? open.time), mark: mark(open), identifier: identifier)
    transaction?.isBegun = true
  }

  private func mark(_ open: OpenTransaction) -> LogMark {
    var mark = LogMark(file: fileNumber, endOffset: offset, server: open.server)
    switch open.gtid {
    case .mariadb(let domain, _, let sequence):
      mark.streamLow = UInt64(domain)
      mark.sequence = sequence
    case .mysql(let source, let number):
      mark.streamHigh = source.high
      mark.streamLow = source.low
      mark.sequence = number
    case nil: break
    }
    return mark
  }

  /// Ends the transaction, with or without changes.
  func finishTransaction(at time: EventTime, _ builder: BatchBuilder) -> Action {
    ensureBegun(builder)
    guard let open = transaction else { return .none }
    if open.isBegun {
      latestCommit = max(latestCommit, open.commitTime ?? time)
      builder.end(commitTime: latestCommit, mark: mark(open))
    }
    if let gtid = open.gtid { gtids.insert(gtid) }
    transaction = nil
    return open.holdsDefinition ? .definitionEnded : .transactionEnded
  }

  /// An XID event: the commit of a transactional engine.
  func commit(_ header: EventHeader, _ builder: BatchBuilder) throws -> Action {
    guard transaction != nil else { throw Failure(.corruptLog, "a commit comes outside a transaction") }
    return finishTransaction(at: EventTime(seconds: header.time), builder)
  }

  /// ROLLBACK, or a log that breaks off: what was collected must not reach anybody.
  func abandonTransaction(_ builder: BatchBuilder, why: String) throws {
    guard let open = transaction else { return }
    pending = nil
    if open.isBegun {
      guard builder.discardChanges(keeping: 0) else {
        throw Failure(
          .unsupportedLog, "\(why) in a transaction of which a part was already handed on",
          hint: "resume from the checkpoint; the part was never committed at a target")
      }
      builder.abandon()
    }
    transaction = nil
  }
}

extension BinlogDecoder {
  /// Puts the XA transaction aside until it is known how it ends.
  func prepare(_ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws -> Action {
    var cursor = ByteCursor(body.bytes)
    let isOnePhase = try cursor.uint8() != 0
    let identifier = try XAIdentifier.readWide(&cursor)
    guard let events = transaction?.xa else {
      throw Failure(.corruptLog, "an XA transaction is prepared that did not begin")
    }
    transaction?.xa = nil
    if isOnePhase {
      return try replay(events, time: EventTime(seconds: header.time), builder)
    }
    var kept = events
    kept.identifier = identifier
    held.insert(kept)
    return finishTransaction(at: EventTime(seconds: header.time), builder)
  }

  func hold(_ body: UnsafeRawBufferPointer, _ header: EventHeader) throws {
    let size = held.byteCount + (transaction?.xa?.bytes.count ?? 0) + body.count
    guard size <= options.heldByteLimit else {
      throw Failure(
        .limit, "prepared XA transactions hold more than \(options.heldByteLimit) bytes of log",
        hint: "commit or roll back the transactions that XA RECOVER lists, or raise limits.memory")
    }
    transaction?.xa?.append(body, header, offset: eventOffset)
  }
}
