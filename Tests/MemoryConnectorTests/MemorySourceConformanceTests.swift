import Change
import ConnectorConformance
import MemoryConnector
import Pipeline
import Testing

struct MemorySourceHarness: SourceHarness {
  struct Log: SourceLog {
    let log = MemoryLog()

    var definition: any SourceDefinition {
      MemorySourceDefinition(log: log, batchBytes: 1024, transactionsPerBatch: 2)
    }

    func append(_ transactions: [[Int64]]) async throws {
      let schema = TableSchema(
        name: TableName(namespace: "memory", table: "rows"),
        columns: [ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false))], key: [0])
      for keys in transactions {
        log.append(
          MemoryTransaction(
            at: EventTime(microseconds: 1_700_000_000_000_000 + Int64(log.count)),
            keys.map { .insert(schema, [.int($0)]) }))
      }
    }
  }

  var name: String { "memory" }
  func makeLog() async throws -> Log { Log() }
}

@Suite(.timeLimit(.minutes(1))) struct MemorySourceConformanceTests {
  @Test(arguments: SourceConformanceCase.allCases)
  func theMemorySourceConforms(_ conformanceCase: SourceConformanceCase) async throws {
    try await SourceConformance(MemorySourceHarness()).check(conformanceCase)
  }
}
