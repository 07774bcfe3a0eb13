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

  @Test("with schemas on, the records of a table are Debezium's, schemas included, byte for byte")
  func recordsWithSchemasAreEqual() throws {
    let options = ["key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true"]
    let ours = try DebeziumComparison.encoded(DebeziumComparison.batches(), options).map(DebeziumFixture.comparable)
      .filter { $0.hasPrefix(#"{"topic":"golden.golden.small","#) }
    let theirs = try DebeziumFixture.lines("schemas").map(DebeziumFixture.comparable)
    #expect(theirs.count == 17)
    #expect(ours.count == theirs.count)
    for (our, their) in zip(ours, theirs) { #expect(our == their) }
  }

  @Test(
    "every schema of a key and of a row is the one that Debezium gives it, under each handling mode",
    arguments: DebeziumSetting.all.prefix(3))
  func schemasAreEqual(setting: DebeziumSetting) throws {
    let ours = try DebeziumComparison.schemas(DebeziumComparison.batches(), setting.options)
    let (theirs, unmet) = try DebeziumComparison.expectedSchemas(setting.name)
    #expect(unmet.isEmpty, "differences that are listed and not there")
    #expect(theirs.count == 37)
    #expect(ours.count == theirs.count)
    for (our, their) in zip(ours, theirs) { #expect(our == their) }
  }
}
