import Change
import FilesConnector
import Formats
import Foundation
import Pipeline
import Testing

@Suite struct FormatTests {
  let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func lines(in prefix: String) throws -> [String] {
    var lines: [String] = []
    try ManifestReader(folder.root).read { record, line in
      if record.path.hasPrefix(prefix) { lines.append(String(decoding: line, as: UTF8.self)) }
    }
    return lines
  }

  private func addColumn(_ table: TableSchema, _ work: Workload) -> TableSchema {
    let wider = Sample.table(table.name.table, columns: ["id", "note", "more"])
    work.transaction += 1
    work.begin()
    work.builder.append(
      SchemaChange(
        kind: .alter, table: table.name, before: table, after: wider, statement: "ALTER TABLE t ADD more TEXT"),
      time: work.time, logOffset: 7)
    work.end()
    return wider
  }

  @Test func aChangeOfTheHeaderBeginsANewCSVFileAndIsKeptAsJSON() async throws {
    let sink = try FilesSink(Sample.settings(folder.root, .csv(CSVOptions())), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    let table = Sample.table("t")
    work.insert(into: [table], note: "one, \"two\"\r\nthree")
    let wider = addColumn(table, work)
    work.insert(into: [wider])
    work.insert(into: [wider])
    let receipt = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    #expect(receipt.outcomes == [table.name: Outcome(delivered: 4)])
    #expect(
      try lines(in: "shop/") == [
        "op,id,note\r", "c,1,\"one, \"\"two\"\"\r\nthree\"\r", "op,id,note,more\r", "c,2,x,x\r", "c,3,x,x\r",
      ])
    let schemas = try lines(in: "@schemas/")
    #expect(schemas.count == 1 && schemas[0].hasPrefix("{\"op\":\"ddl\",\"kind\":\"alter\""))
    #expect(folder.files().filter { $0.hasSuffix(".csv") }.count == 2)
  }

  @Test func aChangeOfASchemaStandsInItsTablesSegment() async throws {
    let sink = try FilesSink(Sample.settings(folder.root), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    let table = Sample.table("t")
    work.insert(into: [table])
    work.insert(into: [addColumn(table, work)])
    let receipt = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    #expect(receipt.outcomes == [table.name: Outcome(delivered: 3)])
    #expect(
      try lines(in: "shop/t/").map { String($0.prefix(9)) } == ["{\"op\":\"c\"", "{\"op\":\"dd", "{\"op\":\"c\""])
  }

  @Test func debeziumsTransactionsAndSkippedOperationsAreCountedAndApart() async throws {
    var options = DebeziumOptions()
    options.providesTransactionMetadata = true
    options.skippedOperations = ["c"]
    let sink = try FilesSink(Sample.settings(folder.root, .debezium(options)), pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    let table = Sample.table("t")
    work.insert(into: [table])
    work.transaction += 1
    work.begin()
    work.append(table, "x")
    let first = UInt32(work.builder.cells.count)
    work.builder.cells += [.int(9), work.builder.text("gone")]
    work.builder.append(
      RowChange(operation: .delete, schema: work.builder.index(of: table), before: first, time: work.time, logOffset: 1)
    )
    work.end()
    let receipt = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    #expect(receipt.outcomes == [table.name: Outcome(delivered: 1, filtered: 2)])
    let changes = try lines(in: "shop/t/")
    #expect(changes.count == 1 && changes[0].contains("\"op\":\"d\""))
    let transactions = try lines(in: "@transactions/")
    #expect(transactions.filter { $0.contains("\"BEGIN\"") }.count == 2)
    // The format has no END for a transaction without rows.
    #expect(transactions.filter { $0.contains("\"END\"") }.count == 1)
  }

  @Test func debeziumRecordsAreWritten() async throws {
    let settings = Sample.settings(folder.root, .debezium(DebeziumOptions()))
    let sink = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await sink.open()
    let work = Workload()
    for _ in 0..<200 { work.insert(into: [Sample.table("t")]) }
    let receipt = try await sink.deliver(work.take(), Sample.checkpoint(1))
    await sink.close()
    #expect(receipt.outcomes.values.first == Outcome(delivered: 200))
    let lines = try lines(in: "shop/t/")
    #expect(lines.count == 200)
    let record = try #require(JSONSerialization.jsonObject(with: Data(lines[4].utf8)) as? [String: Any])
    #expect((record["after"] as? [String: Any])?["id"] as? Int == 5)
    #expect(record["op"] as? String == "c")
    #expect((record["source"] as? [String: Any])?["name"] as? String == "shop")
  }

  private func batchWithABadRow(_ table: TableSchema) -> Batch {
    let work = Workload()
    work.insert(into: [table])
    work.transaction += 1
    work.begin()
    let first = UInt32(work.builder.cells.count)
    work.builder.cells += [.int(77), Cell.absent]
    work.append(table, "a")
    work.builder.append(
      RowChange(operation: .insert, schema: work.builder.index(of: table), after: first, time: work.time, logOffset: 1))
    work.append(table, "b")
    work.end()
    return work.take()
  }

  @Test func aRowThatTheFormatCannotCarryStopsTheSinkOrIsSetAside() async throws {
    let table = Sample.table("t")
    let batch = batchWithABadRow(table)
    let settings = Sample.settings(folder.root, .csv(CSVOptions()))
    let strict = try FilesSink(settings, pipeline: "shop", badRows: .stop)
    _ = try await strict.open()
    let failure = await #expect(throws: Failure.self) { _ = try await strict.deliver(batch, Sample.checkpoint(1)) }
    #expect(failure?.code == .badValue)
    await strict.close()
    #expect(try committedLines(folder.root).isEmpty)

    let patient = try FilesSink(settings, pipeline: "shop", badRows: .quarantine)
    #expect(try await patient.open() == nil)
    let receipt = try await patient.deliver(batch, Sample.checkpoint(1))
    await patient.close()
    #expect(receipt.outcomes == [table.name: Outcome(delivered: 3, quarantined: 1)])
    #expect(try lines(in: "shop/") == ["op,id,note\r", "c,1,x\r", "c,2,a\r", "c,3,b\r"])
    let kept = try lines(in: "@quarantine/")
    #expect(kept.count == 1)
    struct Kept: Decodable {
      struct Change: Decodable {
        struct Row: Decodable { var id: Int }
        var table: String
        var after: Row
      }
      var code: String
      var reason: String
      var change: Change
    }
    let line = try JSONDecoder().decode(Kept.self, from: Data(kept[0].utf8))
    #expect(line.code == "badValue" && line.change.table == "t" && line.change.after.id == 77 && !line.reason.isEmpty)
  }
}
