import Change
import ConnectorConformance
import MemoryConnector
import Pipeline
import Testing

struct WrongSinkHarness: SinkHarness {
  struct Target: SinkTarget {
    let memory: MemoryTarget
    let wrong: WrongSinkDefinition

    var definition: any SinkDefinition { wrong }

    func rows(of schema: TableSchema) async throws -> [[String?]]? {
      memory.content.tables[schema.name]?.rows.map { row in row.map { "\($0)" } }
    }

    func changes(of schema: TableSchema) async throws -> [ConformanceChange] {
      memory.content.journal.filter { $0.table == schema.name && $0.operation != .schema }.map { record in
        ConformanceChange(
          record.operation, before: record.before?.map { "\($0)" }, after: record.after?.map { "\($0)" })
      }
    }

    func block() async throws -> (@Sendable () async throws -> Void)? {
      memory.faults.block(.commit)
      let release = Task {
        try await Task.sleep(nanoseconds: 6_000_000_000)
        memory.faults.lift(.commit)
      }
      return { try await release.value }
    }
  }

  let defect: SinkDefect
  let isMirror: Bool
  var name: String { "memory that \(defect)" }
  var capabilities: SinkCapabilities { SinkCapabilities(isMirror: isMirror) }

  func makeTarget() async throws -> Target {
    let memory = MemoryTarget()
    return Target(memory: memory, wrong: WrongSinkDefinition(target: memory, defect: defect))
  }

  func text(of value: MemoryValue, in column: ColumnSchema) -> String? { "\(value)" }
}

/// The suite itself: a sink that is wrong in one way does not pass.
@Suite(.timeLimit(.minutes(1))) struct ConformanceSuiteTests {
  @Test(arguments: SinkDefect.allCases)
  func theSuiteFindsAMirrorThat(_ defect: SinkDefect) async throws {
    await find(defect, isMirror: true)
  }

  @Test(arguments: SinkDefect.allCases)
  func theSuiteFindsAJournalThat(_ defect: SinkDefect) async throws {
    await find(defect, isMirror: false)
  }

  private func find(_ defect: SinkDefect, isMirror: Bool) async {
    await withKnownIssue {
      try await SinkConformance(WrongSinkHarness(defect: defect, isMirror: isMirror)).check(defect.conformanceCase)
    }
  }
}
