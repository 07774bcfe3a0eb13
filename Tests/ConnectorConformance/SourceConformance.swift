import Change
import Flow
import Foundation
import Pipeline
import Testing

/// The suite that every source passes: a case writes to the log, runs the source by hand, and looks at what it emits.
package struct SourceConformance<Harness: SourceHarness>: Sendable {
  package let harness: Harness

  package init(_ harness: Harness) { self.harness = harness }

  /// Checks one case; records an issue with the harness's name for each thing that is wrong.
  package func check(_ conformanceCase: SourceConformanceCase) async throws {
    let log = try await harness.makeLog()
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-conformance-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let trial = SourceTrial(
      log: log, stateDirectory: directory.path, title: "\(harness.name): \(conformanceCase.rawValue)")
    let outcome: Result<Void, any Error>
    do {
      try await trial.run(conformanceCase)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    try await log.remove()
    try FileManager.default.removeItem(at: directory)
    try outcome.get()
  }
}

/// One case on one log.
struct SourceTrial<Log: SourceLog>: Sendable {
  let log: Log
  let stateDirectory: String
  let title: String

  func run(_ conformanceCase: SourceConformanceCase) async throws {
    switch conformanceCase {
    case .everythingComesInLogOrder: try await everythingComesInLogOrder()
    case .theRunEndsAtTheLogsEndOfItsStart: try await theRunEndsAtTheLogsEndOfItsStart()
    case .aRunCutAfterAnyBatchResumesExactly: try await aRunCutAfterAnyBatchResumesExactly()
    case .aSourceStartsAtTheSmallestCheckpoint: try await aSourceStartsAtTheSmallestCheckpoint()
    case .checkpointsTellWhatIsCovered: try await checkpointsTellWhatIsCovered()
    case .aSlowReceiverHoldsTheSourceBack: try await aSlowReceiverHoldsTheSourceBack()
    case .stopEndsTheRunAndKeepsWhatWasSent: try await stopEndsTheRunAndKeepsWhatWasSent()
    case .cancellationReachesASourceThatWaitsForMore: try await cancellationReachesASourceThatWaitsForMore()
    case .cancellationReachesASourceThatIsHeldBack: try await cancellationReachesASourceThatIsHeldBack()
    case .watermarksArePromises: try await watermarksArePromises()
    }
  }

  /// Runs a fresh source on a thread of its own, as a pipeline does.
  func read(
    from checkpoints: [Position?] = [nil], until: Until = .now, stop: StopSignal = StopSignal(),
    into output: CollectingOutput
  ) async throws {
    let thread = DedicatedThread(name: "conformance")
    defer { thread.stop() }
    try await withTaskExecutorPreference(thread) {
      let context = ConnectorContext.conformance(thread: thread, stateDirectory: stateDirectory)
      let source = try log.definition.makeSource(context)
      try await source.run(from: checkpoints, into: output, control: SourceControl(until: until, stop: stop))
    }
  }

  func readAll(from position: Position?) async throws -> CollectingOutput {
    let output = CollectingOutput()
    try await read(from: [position], into: output)
    return output
  }

  func expect(
    _ condition: Bool, _ message: @autoclosure () -> String, _ sourceLocation: SourceLocation = #_sourceLocation
  ) {
    if !condition { Issue.record("\(title): \(message())", sourceLocation: sourceLocation) }
  }

  func expectNoComplaints(_ output: CollectingOutput, _ sourceLocation: SourceLocation = #_sourceLocation) {
    for complaint in output.content.complaints { expect(false, complaint, sourceLocation) }
  }

  /// Returns once `condition` holds; false after 20 seconds.
  func eventually(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<20_000 {
      if condition() { return true }
      try await Task.sleep(nanoseconds: 1_000_000)
    }
    return false
  }
}
