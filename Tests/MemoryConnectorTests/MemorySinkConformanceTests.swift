import Change
import ConnectorConformance
import MemoryConnector
import Pipeline
import Testing

struct MemorySinkHarness: SinkHarness {
  struct Target: SinkTarget {
    let memory = MemoryTarget()

    var definition: any SinkDefinition { MemorySinkDefinition(target: memory) }

    func rows(of schema: TableSchema) async throws -> [[String?]]? {
      memory.content.tables[schema.name]?.rows.map { row in row.map { "\($0)" } }
    }

    func block() async throws -> (@Sendable () async throws -> Void)? {
      memory.faults.block(.commit)
      return { memory.faults.lift(.commit) }
    }
  }

  var name: String { "memory" }
  var capabilities: SinkCapabilities { SinkCapabilities(isMirror: true) }
  func makeTarget() async throws -> Target { Target() }
  func text(of value: MemoryValue, in column: ColumnSchema) -> String? { "\(value)" }
}

/// The same target, seen through its journal.
struct MemoryJournalHarness: SinkHarness {
  struct Target: SinkTarget {
    let memory = MemoryTarget()

    var definition: any SinkDefinition { MemorySinkDefinition(target: memory) }

    func changes(of schema: TableSchema) async throws -> [ConformanceChange] {
      memory.content.journal.filter { $0.table == schema.name && $0.operation != .schema }.map { record in
        ConformanceChange(
          record.operation, before: record.before?.map { "\($0)" }, after: record.after?.map { "\($0)" })
      }
    }
  }

  var name: String { "memory journal" }
  var capabilities: SinkCapabilities { SinkCapabilities(isMirror: false) }
  func makeTarget() async throws -> Target { Target() }
  func text(of value: MemoryValue, in column: ColumnSchema) -> String? { "\(value)" }
}

@Suite(.timeLimit(.minutes(1))) struct MemorySinkConformanceTests {
  @Test(arguments: SinkConformanceCase.allCases)
  func theMemorySinkConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(MemorySinkHarness()).check(conformanceCase)
  }

  @Test(arguments: SinkConformanceCase.allCases)
  func theMemoryJournalConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(MemoryJournalHarness()).check(conformanceCase)
  }
}
