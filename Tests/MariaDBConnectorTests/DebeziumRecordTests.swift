import Change
import DebeziumFixtures
import Foundation
import MariaDBConnector
import Testing

/// The fixture's log, read as a file and encoded, beside every record that Debezium made of the same log.
@Suite(.enabled(if: DebeziumFixture.isPresent, "the reference records do not lie beside the package"))
struct DebeziumRecordTests {
  @Test(
    "every record of the log is the one that Debezium made of it, byte for byte but for the listed differences",
    arguments: DebeziumSetting.all)
  func recordsAreEqual(setting: DebeziumSetting) throws {
    let batches = try DebeziumComparison.batches()
    let ours = try DebeziumComparison.encoded(batches, setting.options).map(DebeziumFixture.comparable)
    let (theirs, unmet) = try DebeziumComparison.expected(setting.name)
    #expect(unmet.isEmpty, "differences that are listed and not there")
    #expect(theirs.count == setting.records)
    #expect(ours.count == theirs.count)
    for (our, their) in zip(ours, theirs) { #expect(our == their) }
  }

  @Test(
    "the log gives as many changes of each table and kind as the server's own tool lists",
    .enabled(if: BinlogListing.isPresent, "mariadb-binlog is not installed"))
  func countsAreThoseOfTheServersTool() throws {
    let listed = try BinlogListing.rowCounts(of: DebeziumComparison.log)
    let decoded = BinlogListing.rowCounts(of: try DebeziumComparison.batches())
    #expect(listed.values.reduce(0, +) > 100)
    #expect(decoded == listed)
  }
}
