internal import Change
internal import Compression

extension BinlogDecoder {
  /// Checks the event's checksum and returns the body between header and checksum.
  func verifiedBody(_ event: UnsafeRawBufferPointer, _ header: EventHeader) throws -> UnsafeRawBufferPointer {
    let start = EventHeader.byteCount
    if header.type == .formatDescription { return try verifiedDescription(event) }
    guard let layout else {
      // Only an artificial rotate comes before the description; its own bytes tell whether it carries a checksum.
      let hasChecksum = event.count >= start + 4 && matchesChecksum(event)
      return UnsafeRawBufferPointer(rebasing: event[start..<(event.count - (hasChecksum ? 4 : 0))])
    }
    guard layout.hasChecksums else { return UnsafeRawBufferPointer(rebasing: event[start...]) }
    guard event.count >= start + 4 else { throw Truncated(offset: event.count, wanted: 4) }
    guard matchesChecksum(event) else { throw checksumFailure(header.type) }
    return UnsafeRawBufferPointer(rebasing: event[start..<(event.count - 4)])
  }

  private func matchesChecksum(_ event: UnsafeRawBufferPointer) -> Bool {
    let end = event.count - 4
    let stored = UInt32(littleEndian: event.loadUnaligned(fromByteOffset: end, as: UInt32.self))
    return Checksum.crc32(UnsafeRawBufferPointer(rebasing: event[0..<end])) == stored
  }

  private func checksumFailure(_ type: EventType) -> Failure {
    Failure(
      .corruptLog, "the checksum of a \(type) event does not match its bytes",
      hint: "the log is damaged; compare it with the server's by mariadb-binlog --verify-binlog-checksum")
  }

  /// A description is checksummed as it was before the server marked the file as being in use, and it is even where the
  /// log's other events are not. A server that sends a log without checksums does not keep this one right, either.
  private func verifiedDescription(_ event: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer {
    let body = UnsafeRawBufferPointer(rebasing: event[EventHeader.byteCount...])
    if origin == .file, body.count >= BinlogDecoder.checksummedDescription, !matchesMaskedChecksum(event) {
      throw checksumFailure(.formatDescription)
    }
    var cursor = ByteCursor(body.bytes)
    let description = try FormatDescription(&cursor)
    if description.checksum == .crc32, event.count > 23, !matchesMaskedChecksum(event) {
      throw checksumFailure(.formatDescription)
    }
    return body
  }

  /// Servers that know no checksums know at most 27 types of events, each a byte; those that do know at least 35.
  private static let checksummedDescription = 57 + 35 + 5

  private func matchesMaskedChecksum(_ event: UnsafeRawBufferPointer) -> Bool {
    let end = event.count - 4
    let stored = UInt32(littleEndian: event.loadUnaligned(fromByteOffset: end, as: UInt32.self))
    let flag = [event[17] & 0xfe]
    var sum = Checksum.crc32(UnsafeRawBufferPointer(rebasing: event[0..<17]))
    sum = flag.withUnsafeBytes { Checksum.crc32($0, seed: sum) }
    return Checksum.crc32(UnsafeRawBufferPointer(rebasing: event[18..<end]), seed: sum) == stored
  }

  /// Does what the event says.
  func dispatch(_ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws -> Action {
    switch header.type {
    case .tableMap, .writeRowsV1, .updateRowsV1, .deleteRowsV1, .writeRowsV2, .updateRowsV2, .deleteRowsV2,
      .writeRowsCompressedV1, .updateRowsCompressedV1, .deleteRowsCompressedV1, .writeRowsCompressedV2,
      .updateRowsCompressedV2, .deleteRowsCompressedV2, .partialUpdateRows:
      guard layout != nil else { throw missingFormat(header.type) }
      try rowEvent(header, body, builder)
      return .none
    case .formatDescription: return try readDescription(header, body, builder)
    case .rotate: return try rotate(body)
    default:
      guard layout != nil else { throw missingFormat(header.type) }
      return try controlEvent(header, body, builder)
    }
  }

  private func missingFormat(_ type: EventType) -> Failure {
    if type == .startV3 {
      return Failure(
        .unsupportedLog, "the log has a format before version 4, of MySQL 4.1 or older, which cannot hold rows")
    }
    return Failure(.corruptLog, "a \(type) event comes before the log's format description")
  }

  private func controlEvent(
    _ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder
  ) throws -> Action {
    switch header.type {
    case .gtidMariaDB: return try beginMariaDB(header, body, builder)
    case .gtidMySQL, .anonymousGTID, .gtidTagged: return try beginMySQL(header, body, builder)
    case .query, .queryCompressed: return try query(header, body, builder)
    case .xid: return try commit(header, builder)
    case .xaPrepare: return try prepare(header, body, builder)
    case .gtidList: return try adoptList(body)
    case .previousGTIDs: return try adoptPrevious(body)
    case .transactionPayload: return try openPayload(body, builder)
    case .heartbeat, .heartbeatV2: return try heartbeat(header, body)
    case .stop: return .stopped
    case .annotateRows, .binlogCheckpoint, .rowsQuery, .ignorable, .viewChange, .transactionContext: return .none
    // They set what a following statement reads; that statement says itself whether it can be passed over.
    case .intvar, .rand, .userVariable: return .none
    // Known types are never passed over for their flag; of those that are not known, Aurora's padding is one.
    case let type
    where header.flags.contains(.ignorable) && !type.isStatementData && type != .incident
      && type != .startEncryption:
      return .none
    default: throw refusal(header)
    }
  }

  private func refusal(_ header: EventHeader) -> Failure {
    switch header.type {
    case .incident:
      return Failure(
        .corruptLog, "the server logged an incident: changes are missing from the log",
        hint: "take a new snapshot; the server's error log says what happened")
    case .startEncryption:
      return Failure(
        .unsupportedLog, "the log file is encrypted",
        hint: "read it from the server, which sends it decrypted, instead of from the file")
    case let type where type.isStatementData:
      return statementFailure("a LOAD DATA statement")
    default:
      return Failure(
        .unsupportedLog, "\(header.type) is not known, and passing over it could lose changes",
        hint: "a newer version may know it")
    }
  }

  func statementFailure(_ what: String) -> Failure {
    Failure(
      .serverSetting, "the log holds \(what) as a statement instead of rows",
      hint: "SET GLOBAL binlog_format=ROW at the server, reconnect its clients, and take a new snapshot")
  }

  private func readDescription(
    _ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder
  ) throws -> Action {
    var cursor = ByteCursor(body.bytes)
    let description = try FormatDescription(&cursor)
    // A server that starts has rolled back what its log left open.
    if description.beginsServerRun, !header.flags.contains(.artificial), format != nil {
      try abandonTransaction(builder, why: "the server started anew")
    }
    format = description
    tables.removeAll()
    return .none
  }

  /// From a server the next events come from there. A file goes on to its own end, and a relay log's rotate events name the
  /// files of its master: there the owner says where it goes on, by `enter`.
  private func rotate(_ body: UnsafeRawBufferPointer) throws -> Action {
    var cursor = ByteCursor(body.bytes)
    let target = try cursor.uint64()
    guard let name = String(validating: cursor.rest()), !name.isEmpty, name.utf8.count <= 512 else {
      throw Failure(.corruptLog, "a rotate event names no file")
    }
    if origin == .network { enter(file: name, offset: target) }
    return .rotated(file: name, offset: target)
  }

  /// The list at a file's start is what was committed before it; it counts where the owner does not know better.
  private func adoptList(_ body: UnsafeRawBufferPointer) throws -> Action {
    var cursor = ByteCursor(body.bytes)
    let count = Int(try cursor.uint32() & 0x0fff_ffff)
    guard count <= cursor.remaining / 16 else { throw Truncated(offset: cursor.offset, wanted: count * 16) }
    var list = GTIDSet()
    for _ in 0..<count {
      let domain = try cursor.uint32()
      let server = try cursor.uint32()
      list.insert(.mariadb(domain: domain, server: server, sequence: try cursor.uint64()))
    }
    if gtids.isEmpty { gtids = list }
    return .none
  }

  private func adoptPrevious(_ body: UnsafeRawBufferPointer) throws -> Action {
    var cursor = ByteCursor(body.bytes)
    let set = try GTIDSet(encoded: &cursor)
    if gtids.isEmpty { gtids = set }
    return .none
  }
}
