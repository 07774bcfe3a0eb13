import Change
import Foundation
import MemoryConnector
import Pipeline
import Testing

/// Pipelines whose list of windows changes from one run to the next.
@Suite(.timeLimit(.minutes(1))) struct ChangedWindowsTests {
  private static func window(_ name: String, _ aggregate: String = "n: count()") -> String {
    "{ name: \(name), from: shop.orders, event_time: happened, window: { tumbling: 10s }, aggregate: { \(aggregate) },"
      + " trigger: { early: 1 } }"
  }

  /// One row a second.
  private static func log(_ seconds: ClosedRange<Int64>) -> [MemoryTransaction] {
    seconds.map { WindowTrial.transaction($0, [.insert(WindowTrial.orders, WindowTrial.order($0, "a", 1, at: $0))]) }
  }

  private static func run(
    _ windows: [String], _ end: Int64, into target: MemoryTarget, _ directory: String
  ) async throws {
    try await Shop.run(
      MemorySourceDefinition(log: MemoryLog(log(1...end)), transactionsPerBatch: 3),
      into: [("copy", MemorySinkDefinition(target: target))],
      windows: try WindowTrial.definitions(windows.joined(separator: ", ")), stateDirectory: directory
    ).run(until: .now)
  }

  /// The counts that were told of a window, in their order.
  private static func counts(_ name: String, _ target: MemoryTarget) -> [Int64] {
    target.content.journal.filter { $0.table == TableName(namespace: "shop", table: name) }.compactMap { record in
      record.after?.lazy.compactMap { if case .int(let number) = $0 { number } else { nil } }.first
    }
  }

  @Test func windowsComeAndGoWhereThePipelineRests() async throws {
    try await withStateDirectory { directory in
      let (target, alone) = (MemoryTarget(), MemoryTarget())
      let (w, v, u) = (
        ChangedWindowsTests.window("w"), ChangedWindowsTests.window("v"),
        ChangedWindowsTests.window("u", "s: sum(id), d: count(distinct status)")
      )
      try await ChangedWindowsTests.run([w], 14, into: target, directory)
      try await ChangedWindowsTests.run([v, w], 26, into: target, directory)
      try await ChangedWindowsTests.run([w, u, v], 28, into: target, directory)
      let before = ChangedWindowsTests.counts("v", target)
      try await ChangedWindowsTests.run([w], 38, into: target, directory)
      try await ChangedWindowsTests.run([w], 45, into: alone, directory + "-alone")
      try await ChangedWindowsTests.run([w], 45, into: target, directory)
      try FileManager.default.removeItem(atPath: directory + "-alone")
      // One that stays is not disturbed.
      #expect(ChangedWindowsTests.counts("w", target) == ChangedWindowsTests.counts("w", alone))
      // One that comes counts what comes behind: the rows from 15 on, early and at the end.
      #expect(before == [1, 2, 3, 4, 5, 1, 5, 2, 3, 4, 5, 6, 7, 8, 9])
      // One that has gone tells nothing more.
      #expect(ChangedWindowsTests.counts("v", target) == before)
      #expect(ChangedWindowsTests.counts("u", target).count == 2)
      #expect(target.content.tables[WindowTrial.orders.name]?.rows.count == 45)
    }
  }

  @Test func aWindowOfTheSameNameMustBeTheSame() async throws {
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      try await ChangedWindowsTests.run([ChangedWindowsTests.window("w")], 14, into: target, directory)
      let failure = await #expect(throws: Failure.self) {
        try await ChangedWindowsTests.run(
          [ChangedWindowsTests.window("v"), ChangedWindowsTests.window("w", "n: sum(id)")], 20, into: target, directory)
      }
      #expect(failure?.code == .configuration && failure?.message.contains("window \"w\" has changed") == true)
    }
  }

  /// A sink has results that the stored state has not told: they must be told again as they were.
  @Test func aPipelineThatWasKilledGoesOnWithItsOwnWindowsFirst() async throws {
    try await withStateDirectory { directory in
      let target = MemoryTarget()
      let (w, v) = (ChangedWindowsTests.window("w"), ChangedWindowsTests.window("v"))
      try await ChangedWindowsTests.run([w], 14, into: target, directory)
      let kept = directory + "-kept"
      try FileManager.default.copyItem(atPath: directory, toPath: kept)
      try await ChangedWindowsTests.run([w], 26, into: target, directory)
      try FileManager.default.removeItem(atPath: directory)
      try FileManager.default.moveItem(atPath: kept, toPath: directory)
      let failure = await #expect(throws: Failure.self) {
        try await ChangedWindowsTests.run([w, v], 30, into: target, directory)
      }
      #expect(failure?.code == .configuration && failure?.hint.contains("as they were") == true)
      try await ChangedWindowsTests.run([w], 30, into: target, directory)
      try await ChangedWindowsTests.run([w, v], 33, into: target, directory)
      #expect(ChangedWindowsTests.counts("v", target) == [1, 2, 3])
    }
  }
}
