import Change
import Foundation
import MariaDBConnector
import Testing

/// What each fixture must decode to, or how it must be refused.
struct ExpectedLog: Sendable, CustomTestStringConvertible {
  var name: String
  var rows = 0
  var failure: Failure.Code?
  var place = ""
  var testDescription: String { name }
}

@Suite(.enabled(if: Fixtures.arePresent, "the fixtures lie beside the package"))
struct FixtureLogTests {
  static let expected: [ExpectedLog] = [
    ExpectedLog(name: "binlog_savepoint.000001"),
  ]

  @Test("every log of another server is decoded, or refused by name at the right offset", arguments: expected)
  func decodesOrRefuses(_ expected: ExpectedLog) throws {
    do {
      let log = try DecodedLog.read(Fixtures.binlog(expected.name))
      #expect(expected.failure == nil)
      #expect(log.rows.count == expected.rows)
    } catch let failure as Failure {
      #expect(failure.code == expected.failure, "\(failure)")
      #expect(failure.place == expected.place, "\(failure)")
    }
  }

  @Test func survey() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: Fixtures.directory + "/binlog").sorted() {
      do {
        let log = try DecodedLog.read(Fixtures.binlog(name))
        print(name, "rows", log.rows.count, "tx", log.transactions.count, log.position.offset, log.position.gtids, log.endsInsideEvent)
        if let row = log.rows.last { print("   ", row) }
      } catch { print(name, error) }
    }
    let log = try DecodedLog.read(Fixtures.debezium)
    print("debezium", log.rows.count, log.schemaChanges.count)
  }
}
