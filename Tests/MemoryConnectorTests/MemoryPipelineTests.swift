import Change
import Foundation
import Logging
import MemoryConnector
import Pipeline
import Testing

@Suite struct MemoryPipelineTests {
  let schema = TableSchema(
    name: TableName(namespace: "shop", table: "orders"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "state", type: .text(length: 16)),
    ], key: [0])

  @Test(.timeLimit(.minutes(1)))
  func aPipelineCopiesALogIntoATargetAndBalances() async throws {
    let log = MemoryLog()
    for id in 1...100 {
      log.append(
        MemoryTransaction(
          at: EventTime(microseconds: Int64(id)), [.insert(schema, [.int(Int64(id)), .text("new")])]))
    }
    log.append(
      MemoryTransaction(
        at: EventTime(microseconds: 101),
        [
          .update(schema, before: [.int(1), .text("new")], after: [.int(1), .text("paid")]),
          .delete(schema, [.int(2), .text("new")]),
        ]))
    let target = MemoryTarget()
    let run = PipelineRun(
      definition: PipelineDefinition(
        name: "copy", source: .init(name: "source", definition: MemorySourceDefinition(log: log)),
        sinks: [.init(name: "copy", definition: MemorySinkDefinition(target: target))],
        stateDirectory: FileManager.default.temporaryDirectory.appending(path: "freshet-\(UUID())").path),
      logger: Logger(label: "test"))
    try await run.run(until: .now)
    let content = target.content
    let table = try #require(content.tables[schema.name])
    #expect(table.rowCount == 99)
    #expect(table.keyed[[.int(1)]] == [.int(1), .text("paid")])
    #expect(content.journal.map(\.sequence) == content.journal.map(\.sequence).sorted())
    #expect(content.checkpoint?.position.text == "101")
    #expect(run.report.state == "finished")
    #expect(run.report.sinks["copy"]?.accounting.delivered == 102)
    #expect(run.report.sinks["copy"]?.accounting.unaccounted == 0)
    try FileManager.default.removeItem(atPath: run.definition.stateDirectory)
  }
}
