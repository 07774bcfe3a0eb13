import Change
import Foundation
import MariaDBClient
import MariaDBConnector
import Pipeline
import Testing

struct PositionTests {
  private func position(
    _ gtids: String, _ file: String, _ offset: UInt64, server: UInt32 = 1, uuid: String = "",
    snapshot: SnapshotState? = nil
  ) throws -> MariaDBPosition {
    MariaDBPosition(
      gtids: try GTIDSet(gtids), log: LogPlace(file: file, offset: offset),
      server: ServerIdentity(id: server, uuid: uuid, logCreated: 1_700_000_000), snapshot: snapshot)
  }

  @Test func `a token reads back as the position that wrote it, hostile names included`() throws {
    let name = TableName(namespace: "a\"b\\\n\u{1}", table: "t`;😀")
    let state = SnapshotState(
      step: 7, levelStep: 2, rows: .max, doneThrough: name,
      tables: [
        SnapshotState.Table(
          name: name, keyColumns: ["k\"", "l"],
          ranges: [.init(after: nil, through: ["1", "2"]), .init(after: ["5", "\\"], through: nil)]),
        SnapshotState.Table(name: TableName(namespace: "s", table: "done"), keyColumns: [], isDone: true),
      ])
    let position = try position("0-1-42,7-3-9", "bin\"log.000004", 5 << 32, snapshot: state)
    #expect(try MariaDBPosition(token: position.token) == position)
    #expect(!position.token.contains("\n"))
  }

  @Test func `prepared XA transactions are kept with the place where each begins`() throws {
    let token =
      #"{"v":1,"gtid":"0-1-42","file":"b.000002","offset":99,"server":1,"uuid":"","created":7,"#
      + #""prepared":[{"id":"X'61',X'',1","file":"b.000001","offset":4,"gtid":"0-1-3"}]}"#
    let position = try MariaDBPosition(token: token)
    #expect(position.token == token)
    #expect(position.prepared.first?.start.gtids == (try GTIDSet("0-1-3")))
  }

  @Test func `a stored commit time is one that a clock shows`() throws {
    let token = try position("0-1-42", "binlog.000004", 1234).token
    for (time, isOne) in [
      ("1700000000000000", true), ("253402300799999999", true), ("253402300800000000", false), ("-1", false),
      ("\(Int64.max)", false),
    ] {
      let text = token.replacingOccurrences(of: "\"v\":1", with: "\"v\":1,\"committed\":\"\(time)\"")
      if isOne {
        #expect(try MariaDBPosition(token: text).committed.microseconds == Int64(time))
      } else {
        let failure = #expect(throws: Failure.self) { try MariaDBPosition(token: text) }
        #expect(failure?.code == .corruptState)
      }
    }
  }

  @Test func `a damaged or foreign token is refused`() throws {
    let token = try position("0-1-42", "binlog.000004", 1234).token
    for end in 0..<token.utf8.count {
      #expect(throws: Failure.self) { try MariaDBPosition(token: String(token.utf8.prefix(end)) ?? "") }
    }
    #expect(throws: Failure.self) {
      try MariaDBPosition(token: token.replacingOccurrences(of: "\"v\":1", with: "\"v\":2"))
    }
    #expect(throws: Failure.self) { try MariaDBPosition(token: "{\"lsn\":4}") }
    #expect(throws: Failure.self) { try MariaDBPosition(token: String(repeating: " ", count: 2 << 20)) }
  }

  @Test func `on one server the file's number and the 64-bit offset decide, past 4 GiB, too`() throws {
    let coverage = MariaDBPositions()
    let checkpoint = try position("0-1-42", "binlog.000009", 5_000_000_000).position
    func mark(_ file: UInt32, _ end: UInt64) -> LogMark { LogMark(sequence: 50, file: file, endOffset: end, server: 1) }
    #expect(try coverage.covers(mark(9, 5_000_000_000), isSnapshot: false, in: checkpoint))
    #expect(try !coverage.covers(mark(9, 5_000_000_001), isSnapshot: false, in: checkpoint))
    #expect(try coverage.covers(mark(9, 705_032_704), isSnapshot: false, in: checkpoint))
    #expect(try !coverage.covers(mark(10, 4), isSnapshot: false, in: checkpoint))
    #expect(try coverage.covers(mark(8, 9_000_000_000), isSnapshot: false, in: checkpoint))
  }

  @Test func `a gap in a MySQL set is never taken for covered`() throws {
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    let coverage = MariaDBPositions()
    let gapped = try position("\(uuid):1-7:9-10", "", 0, uuid: uuid)
    let whole = try position("\(uuid):1-10", "", 0, uuid: "another")
    let flat = try position("\(uuid):1-7", "", 0, uuid: "another")
    #expect(try !coverage.hasReached(whole.position, at: gapped.position))
    #expect(try coverage.hasReached(gapped.position, at: whole.position))
    #expect(try coverage.hasReached(flat.position, at: gapped.position))
  }

  @Test func `a domain or a server that was never seen is not covered at another server`() throws {
    let coverage = MariaDBPositions()
    let old = try position("0-1-42", "binlog.000009", 100, server: 1)
    let new = try position("0-2-50", "binlog.000001", 9, server: 2)
    #expect(try coverage.hasReached(old.position, at: new.position))
    #expect(try !coverage.hasReached(try position("0-1-42,1-9-1", "binlog.000009", 100).position, at: new.position))
    #expect(
      try !coverage.hasReached(
        try position("", "binlog.000009", 100).position, at: try position("", "x.000010", 5, server: 2).position))
  }

  @Test func `the url takes several hosts, escapes, IPv6 and a socket, and never repeats itself in an error`() throws {
    let url = try MariaDBURL("mariadb://u%40x:p%3A%2F@one:3307,[::1]:3308,two/db")
    #expect(url.addresses.map(\.description) == ["one:3307", "[::1]:3308", "two:3306"])
    #expect(url.credentials.user == "u@x" && url.credentials.password?.reveal() == "p:/")
    #expect(try MariaDBURL("mysql://root@localhost/?socket=/tmp/s").addresses == [.socket(path: "/tmp/s")])
    for text in [
      "http://secret", "mariadb://u:secret@", "mariadb://u:secret@h:0", "mariadb://u:secret@h:1x",
      "mariadb://u:%zsecret@h",
    ] {
      let failure = #expect(throws: Failure.self) { try MariaDBURL(text) }
      #expect(failure?.code == .configuration && !(failure?.description.contains("secret") ?? true))
    }
  }
}
