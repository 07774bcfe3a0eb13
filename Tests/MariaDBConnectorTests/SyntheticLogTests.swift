import Change
import Foundation
import MariaDBConnector
import Testing

/// Events that were made by hand: no server at hand writes them.
struct SyntheticLogTests {
  private typealias Log = SyntheticLog

  private func transaction(_ log: inout SyntheticLog, _ values: Range<Int>) {
    log.append(34, Log.anonymousGTID())
    log.append(2, Log.query("BEGIN"))
    log.append(19, Log.tableMap())
    log.append(30, Log.integers(values))
    log.append(16, Log.xid)
  }

  private func keys(_ log: DecodedLog) -> [String] { log.rows.compactMap { $0.after["@1"] } }

  @Test func `a payload of many batches gives every row once in one transaction`() throws {
    var log = Log()
    var inner = [Log.inner(2, Log.query("BEGIN"))]
    for index in 0..<40 {
      inner.append(Log.inner(19, Log.tableMap()))
      inner.append(Log.inner(30, Log.integers((index * 50)..<(index * 50 + 50))))
    }
    inner.append(Log.inner(16, Log.xid))
    log.append(34, Log.anonymousGTID())
    log.append(40, Log.payload(inner))
    let decoded = try log.decoded(byteLimit: 1500)
    #expect(keys(decoded) == (0..<2000).map(String.init))
    #expect(decoded.transactions.count > 10)
    #expect(decoded.transactions.filter(\.begins).count == 1 && decoded.transactions.filter(\.ends).count == 1)
  }

  @Test(arguments: [512 << 10, 600])
  func `an XA transaction of one phase in a payload does not lose what follows it`(byteLimit: Int) throws {
    var log = Log()
    var inner = [Log.inner(2, Log.query("XA START X'61',X'',1"))]
    for index in 0..<10 {
      inner.append(Log.inner(19, Log.tableMap()))
      inner.append(Log.inner(30, Log.integers((index * 20)..<(index * 20 + 20))))
    }
    inner.append(Log.inner(2, Log.query("XA END X'61',X'',1")))
    inner.append(Log.inner(38, Log.xaPrepare(onePhase: true)))
    // No server writes more behind it; that it would be read shows that the payload is read to its end.
    inner += [
      Log.inner(2, Log.query("BEGIN")), Log.inner(19, Log.tableMap()), Log.inner(30, Log.integers(200..<203)),
      Log.inner(16, Log.xid),
    ]
    log.append(34, Log.anonymousGTID())
    log.append(40, Log.payload(inner))
    transaction(&log, 300..<301)
    let decoded = try log.decoded(byteLimit: byteLimit)
    #expect(keys(decoded) == (Array(0..<203) + [300]).map(String.init))
    #expect(decoded.transactions.filter(\.ends).count == 3)
    #expect(decoded.prepared.isEmpty)
  }

  @Test func `a prepared XA transaction larger than a batch is emitted whole at its commit`() throws {
    var log = Log()
    log.append(34, Log.anonymousGTID())
    log.append(2, Log.query("XA START X'61',X'',1"))
    for index in 0..<10 {
      log.append(19, Log.tableMap())
      log.append(30, Log.integers((index * 20)..<(index * 20 + 20)))
    }
    log.append(2, Log.query("XA END X'61',X'',1"))
    log.append(38, Log.xaPrepare(onePhase: false))
    transaction(&log, 900..<901)
    log.append(34, Log.anonymousGTID())
    log.append(2, Log.query("XA COMMIT X'61',X'',1"))
    let decoded = try log.decoded(byteLimit: 600)
    #expect(keys(decoded) == ([900] + Array(0..<200)).map(String.init))
    #expect(decoded.mostPrepared == 1 && decoded.prepared.isEmpty)
  }

  @Test func `a savepoint that is rolled back to takes back only what came behind it`() throws {
    var log = Log()
    log.append(34, Log.anonymousGTID())
    for (type, body) in [
      (2, Log.query("BEGIN")), (19, Log.tableMap()), (30, Log.integers(0..<3)), (2, Log.query("SAVEPOINT `s``1`")),
      (30, Log.integers(3..<6)), (2, Log.query("ROLLBACK TO `s``1`")), (30, Log.integers(6..<7)), (16, Log.xid),
    ] { log.append(UInt8(type), body) }
    #expect(keys(try log.decoded()) == ["0", "1", "2", "6"])
  }

  @Test func `an incident, an unknown event and an encrypted file stop the reader at their place`() throws {
    for (type, code) in [(UInt8(26), Failure.Code.corruptLog), (200, .unsupportedLog), (164, .unsupportedLog)] {
      for origin in [BinlogDecoder.Origin.file, .network] {
        var log = Log()
        transaction(&log, 0..<2)
        let place = 4 + log.events.reduce(0) { $0 + $1.count }
        log.append(type, [1, 0, 1, 0x78])
        let failure = log.failure(from: origin)
        #expect(
          failure?.code == code && failure?.place == "made.000001:\(place)", "\(type): \(String(describing: failure))")
        #expect(!(failure?.hint.isEmpty ?? true))
      }
    }
  }

  @Test func `the ignorable flag passes over an unknown event, and never over an incident or an encryption`() throws {
    var log = Log()
    log.append(200, [1, 2, 3], flags: 0x80)
    transaction(&log, 0..<2)
    #expect(keys(try log.decoded()) == ["0", "1"])
    for type in [UInt8(26), 164, 39] {
      var log = Log()
      log.append(34, Log.anonymousGTID())
      log.append(2, Log.query("BEGIN"))
      log.append(type, [1, 0, 1, 0x78], flags: 0x80)
      #expect(log.failure() != nil, "type \(type)")
    }
  }

  @Test(arguments: [BinlogDecoder.Origin.file, .network])
  func `checksums may begin and end in the middle`(_ origin: BinlogDecoder.Origin) throws {
    var log = Log(checksum: true)
    transaction(&log, 0..<1)
    log.describe("8.0.36", checksum: false)
    transaction(&log, 1..<2)
    log.describe("8.0.36", checksum: true)
    transaction(&log, 2..<3)
    #expect(keys(try log.decoded(from: origin)) == ["0", "1", "2"])
  }

  @Test func `offsets from a server go on past 4 GiB, and past 8`() throws {
    var log = Log()
    var place: UInt64 = 0xffff_ff00
    func event(_ type: UInt8, _ body: [UInt8], _ log: inout SyntheticLog) {
      place += UInt64(19 + body.count)
      log.append(type, body, end: UInt32(truncatingIfNeeded: place))
    }
    func made(_ values: Range<Int>, _ log: inout SyntheticLog) {
      event(34, Log.anonymousGTID(), &log)
      event(2, Log.query("BEGIN"), &log)
      event(19, Log.tableMap(), &log)
      event(30, Log.integers(values), &log)
      event(16, Log.xid, &log)
    }
    made(0..<20, &log)
    let first = place
    #expect(first > 1 << 32)
    let start = BinlogPosition(file: "made.000001", offset: 0xffff_ff00)
    var once = try log.decodedFromServer(at: start)
    #expect(once.position.offset == first)
    #expect(once.transactions.last?.mark.endOffset == first)
    place = 0x1_ffff_ff80
    var next = Log()
    made(0..<20, &next)
    once = try next.decodedFromServer(at: BinlogPosition(file: "made.000001", offset: 0x1_ffff_ff80))
    #expect(once.position.offset == place && place > 2 << 32)
  }

  @Test func `a resume behind 4 GiB by GTID keeps its place while the beginning of the file comes again`() throws {
    var place: UInt64 = 0x1_4000_0000
    var options = DecodedLog.unnamed
    options.joinsAtTransaction = true
    var log = Log()
    // What stands at the file's beginning comes first.
    log.append(35, Log.little(0, 8))
    for (type, body) in [
      (34, Log.anonymousGTID()), (2, Log.query("BEGIN")), (19, Log.tableMap()), (30, Log.integers(0..<2)),
      (16, Log.xid),
    ] {
      place += UInt64(19 + body.count)
      log.append(UInt8(type), body, end: UInt32(truncatingIfNeeded: place))
    }
    let start = BinlogPosition(file: "made.000001", offset: 0x1_4000_0000)
    let decoded = try log.decoded(from: .network, position: start, options: options)
    #expect(keys(decoded) == ["0", "1"])
    #expect(decoded.position.offset == place && decoded.transactions.last?.mark.endOffset == place)
  }

  @Test func `a heartbeat tells how far the server has read in the same file`() throws {
    func offset(_ name: String, _ end: UInt32, far: UInt64? = nil) throws -> UInt64 {
      var log = Log()
      log.append(27, (far.map { Log.little($0, 8) } ?? []) + Array(name.utf8), end: far == nil ? end : 0)
      return try log.decodedFromServer(at: BinlogPosition(file: "made.000001", offset: 5000)).position.offset
    }
    #expect(try offset("made.000001", 7000) == 7000)
    #expect(try offset("made.000002", 7000) == 5000)
    #expect(try offset("made.000001", 4000) == 5000)
    #expect(try offset("made.000001", 0, far: 0x1_4000_0000) == 0x1_4000_0000)
    #expect(try offset("made.000001", 0, far: 4000) == 5000)
  }

  @Test func `transactions up to the place to resume at are read and not emitted`() throws {
    var log = Log()
    var ends: [Int] = []
    for number in 0..<4 {
      transaction(&log, number..<(number + 1))
      ends.append(4 + log.events.reduce(0) { $0 + $1.count })
    }
    for (index, end) in ends.enumerated() {
      var options = DecodedLog.unnamed
      options.emittedUntil = ("made.000001", UInt64(end))
      #expect(keys(try log.decoded(options: options)) == ((index + 1)..<4).map(String.init))
    }
    var later = DecodedLog.unnamed
    later.emittedUntil = ("made.000002", 4)
    #expect(try log.decoded(options: later).rows.isEmpty)
  }

  @Test func `a tagged GTID and a list of previous ones are read`() throws {
    // mysql::serialization: a number of up to 7 bits stands doubled in its byte; the uuid is 16 numbers.
    var body: [UInt8] = [1 << 1, 0, 0]
    body += [0 << 1, 0]
    body += [1 << 1] + (0..<16).map { _ in 0x11 << 1 }
    body += [2 << 1, 5 << 2]
    body += [3 << 1, 3 << 1] + Array("tag".utf8)
    var log = Log("8.4.0")
    // A list of one source without a tag: 1 to 4.
    log.append(
      35,
      Log.little(1, 8) + [UInt8](repeating: 0x22, count: 16) + Log.little(1, 8) + Log.little(1, 8) + Log.little(5, 8))
    log.append(42, body)
    for (type, body) in [
      (2, Log.query("BEGIN")), (19, Log.tableMap()), (30, Log.integers(0..<1)), (16, Log.xid),
    ] { log.append(UInt8(type), body) }
    let decoded = try log.decoded()
    #expect(decoded.identifiers == ["11111111-1111-1111-1111-111111111111:tag:5"])
    let set = decoded.position.gtids.description
    #expect(set.contains("22222222-2222-2222-2222-222222222222:1-4") && set.contains("tag:5"), "\(set)")
  }

  @Test func `a tagged GTID with a commit time that no clock shows is damage`() throws {
    var body: [UInt8] = [1 << 1, 0, 0]
    body += [1 << 1] + (0..<16).map { _ in 0x11 << 1 }
    body += [2 << 1, 5 << 2]
    // A number of eight bytes behind the first.
    body += [6 << 1, 0xff] + [UInt8](repeating: 0xff, count: 7) + [0x7f]
    var log = Log("8.4.0")
    log.append(42, body)
    let failure = #expect(throws: Failure.self) { try log.decoded() }
    #expect(failure?.code == .corruptLog && failure?.message.contains("commit time") == true, "\(failure as Any)")
  }

  @Test func `temporal types of before MySQL 5.6 are read`() throws {
    let noon = (12 * 3600 + 34 * 60 + 56) * 1_000_000
    let longest = (838 * 3600 + 59 * 60 + 59) * 1_000_000
    var cases: [(UInt8, [UInt8], String)] = []
    cases.append((7, Log.little(1_700_000_000, 4), "1700000000000000"))
    cases.append((7, Log.little(0, 4), "civil 0-0-0 0:0:0"))
    cases.append((11, Log.little(123_456, 3), "\(noon)"))
    cases.append((11, Log.little(UInt64(bitPattern: -8_385_959), 3), "\(-longest)"))
    cases.append((12, Log.little(20_240_229_123_456, 8), "1709210096000000"))
    cases.append((12, Log.little(0, 8), "civil 0-0-0 0:0:0"))
    for (type, bytes, expected) in cases {
      var log = Log()
      for (kind, body) in [
        (2, Log.query("BEGIN")), (19, Log.tableMap(type)), (30, Log.write([bytes])), (16, Log.xid),
      ] { log.append(UInt8(kind), body) }
      #expect(try log.decoded().rows.first?.after["@1"] == expected, "type \(type)")
    }
  }
}

extension SyntheticLog {
  /// Decodes what a server sends from a place in the middle: its description is artificial and moves nothing.
  fileprivate func decodedFromServer(at start: BinlogPosition) throws -> DecodedLog {
    var log = self
    log.makeDescriptionArtificial()
    return try log.decoded(from: .network, position: start)
  }
}
