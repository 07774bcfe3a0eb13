import Change
import Flow
import Foundation
import MemoryConnector
import Pipeline
import Testing

/// The suite that every sink passes: a case writes through the sink, and compares what readers of its target see with the
/// memory target that was given the same.
package struct SinkConformance<Harness: SinkHarness>: Sendable {
  package let harness: Harness

  package init(_ harness: Harness) { self.harness = harness }

  /// Checks one case; records an issue with the harness's name for each thing that is wrong.
  package func check(_ conformanceCase: SinkConformanceCase) async throws {
    let target = try await harness.makeTarget()
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-conformance-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let thread = DedicatedThread(name: "conformance")
    defer { thread.stop() }
    let trial = SinkTrial(
      harness: harness, target: target, oracle: MemoryTarget(), thread: thread, stateDirectory: directory.path,
      title: "\(harness.name): \(conformanceCase.rawValue)")
    let outcome: Result<Void, any Error>
    do {
      try await withTaskExecutorPreference(thread) { try await trial.run(conformanceCase) }
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    try await target.remove()
    try FileManager.default.removeItem(at: directory)
    try outcome.get()
  }
}

/// One case on one target.
struct SinkTrial<Harness: SinkHarness>: Sendable {
  let harness: Harness
  let target: Harness.Target
  let oracle: MemoryTarget
  let thread: DedicatedThread
  let stateDirectory: String
  let title: String

  var context: ConnectorContext {
    .conformance(thread: thread, stateDirectory: stateDirectory, memoryLimit: 8 << 20)
  }

  func run(_ conformanceCase: SinkConformanceCase) async throws {
    switch conformanceCase {
    case .changesOfAKeyApplyInOrder: try await changesOfAKeyApplyInOrder()
    case .everyTypeComesBackExactly: try await everyTypeComesBackExactly()
    case .nothingIsVisibleBeforeItsCommit: try await nothingIsVisibleBeforeItsCommit()
    case .aSinkResumesAtItsLastCommit: try await aSinkResumesAtItsLastCommit()
    case .whatWasNotCommittedIsGone: try await whatWasNotCommittedIsGone()
    case .twoOpensReturnTheSamePosition: try await twoOpensReturnTheSamePosition()
    case .aSecondWriterFencesTheFirst: try await aSecondWriterFencesTheFirst()
    case .aTransactionLargerThanMemoryStreamsThrough: try await aTransactionLargerThanMemoryStreamsThrough()
    case .emptyTransactionsMoveTheCheckpoint: try await emptyTransactionsMoveTheCheckpoint()
    case .tablesWithoutAKeyKeepTheirDuplicates: try await tablesWithoutAKeyKeepTheirDuplicates()
    case .keysMayChangeAndSwap: try await keysMayChangeAndSwap()
    case .schemaChangesReachTheTarget: try await schemaChangesReachTheTarget()
    case .absentValuesStayAsTheyAre: try await absentValuesStayAsTheyAre()
    case .hostileNamesAreOnlyNames: try await hostileNamesAreOnlyNames()
    case .everyChangeIsAccountedFor: try await everyChangeIsAccountedFor()
    case .aPipelineDrainsIntoTheTarget: try await aPipelineDrainsIntoTheTarget()
    case .aPipelineResumesExactlyOnce: try await aPipelineResumesExactlyOnce()
    case .cancellationReachesABlockedWriter: try await cancellationReachesABlockedWriter()
    }
  }

  func open() async throws -> SinkSession {
    try await SinkSession(target.definition, oracle: oracle, context: context)
  }

  /// Runs `body` with a fresh writer and closes it.
  func session(_ body: (SinkSession) async throws -> Void) async throws {
    let session = try await open()
    do {
      try await body(session)
      await session.close()
    } catch {
      await session.close()
      throw error
    }
  }

  /// What readers see is what the memory target holds.
  func expectSameContent(
    _ schemas: [TableSchema]? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let content = oracle.content
    let tables = schemas ?? content.tables.values.map(\.schema)
    for schema in tables {
      if harness.capabilities.isMirror {
        let seen = try await target.rows(of: schema) ?? []
        let right = (content.tables[schema.name]?.rows ?? []).map { text(of: $0, schema) }
        expect(
          counted(seen) == counted(right), "table \(schema.name) has rows \(sample(seen)) and not \(sample(right))",
          sourceLocation)
      } else {
        let seen = try await target.changes(of: schema)
        let right = content.journal.filter { $0.table == schema.name && $0.operation != .schema }.map { record in
          ConformanceChange(
            record.operation, before: record.before.map { text(of: $0, schema) },
            after: record.after.map { text(of: $0, schema) })
        }
        expect(seen == right, "changes of \(schema.name) are \(sample(seen)) and not \(sample(right))", sourceLocation)
      }
    }
  }

  func expect(
    _ condition: Bool, _ message: @autoclosure () -> String, _ sourceLocation: SourceLocation = #_sourceLocation
  ) {
    if !condition { Issue.record("\(title): \(message())", sourceLocation: sourceLocation) }
  }

  private func text(of row: [MemoryValue], _ schema: TableSchema) -> [String?] {
    zip(row, schema.columns).map { harness.text(of: $0, in: $1) }
  }

  private func counted(_ rows: [[String?]]) -> [[String?]: Int] {
    rows.reduce(into: [:]) { $0[$1, default: 0] += 1 }
  }

  private func sample<Element>(_ list: [Element]) -> String {
    "(\(list.count)) \(list.prefix(4))"
  }
}
