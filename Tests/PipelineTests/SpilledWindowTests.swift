import Change
import Foundation
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Windows whose state does not fit the memory that they may use: what they tell does not change.
@Suite(.timeLimit(.minutes(5))) struct SpilledWindowTests {
  static func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-spill-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer {
      // What is left in the directory for temporary files hurts no one.
      try? FileManager.default.removeItem(at: directory)
    }
    try body(directory.path)
  }

  @Test(arguments: 0..<12)
  func aStateInFilesTellsWhatOneInMemoryTellsWhereverItIsRestored(_ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 12000)
    let shape = RandomWindowTests.Shape.allCases[seed % 4]
    let work = RandomWindowTests.Workload(seed: UInt64(seed) + 700, transactions: 80, disorder: 40)
    let accumulation = ["accumulating", "retracting"][seed / 4 % 2]
    let block = RandomWindowTests.block(shape, accumulation, &random)
      .split(separator: "first_time: min(happened)").joined(
        separator: "first_status: min(status), oldest: first(status)")
    let whole = try WindowTrial.run(block, work.log, until: work.commit + 10_000)
    try SpilledWindowTests.withDirectory { directory in
      let limit = seed % 3 == 0 ? 1 : 1 << 15
      let empty = { WindowSet(try WindowTrial.definitions(block), memoryLimit: limit, directory: directory) }
      var output = WindowTrial.Output()
      var windows = try empty()
      windows.resultLimit = seed % 2
      var first = 0
      while first < work.log.count {
        let end = min(work.log.count, first + Int.random(in: 1...40, using: &random))
        try WindowTrial.run(
          windows, Array(work.log[..<end]), RandomWindowTests.cutting(&random), from: first, into: &output)
        #expect(windows.residentByteCount < windows.byteCount + 200_000)
        let next = try empty()
        try next.decode(windows.encode([]), panes: windows.panes, log: windows.log)
        windows = next
        windows.resultLimit = seed % 2 == 0 ? 1 : 1000
        first = end
      }
      try WindowTrial.run(windows, [], until: work.commit + 10_000, into: &output)
      #expect(output.panes == whole.panes, "\(block)")
      #expect(output.numbers == whole.numbers)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
  }

  /// A window's places grow while they lie in files, and what was written there is found again.
  @Test(arguments: [1 << 17, 1 << 20]) func manyGroupsInFilesAreEachFoundAgain(_ limit: Int) throws {
    let block = WindowTrial.block(
      "event_time: happened, max_delay: 10m, idle_after: 100s, window: { tumbling: 1m }, group_by: [id], "
        + "aggregate: { n: count() }")
    let log = (Int64(0)..<60).map { number in
      WindowTrial.transaction(
        number * 3,
        (Int64(0)..<500).map { row in
          .insert(WindowTrial.orders, WindowTrial.order((number * 7919 + row * 131) % 9973, "a", 1, at: number * 3))
        })
    }
    let whole = try WindowTrial.run(block, log, until: 100_000)
    try SpilledWindowTests.withDirectory { directory in
      let windows = WindowSet(try WindowTrial.definitions(block), memoryLimit: limit, directory: directory)
      var output = WindowTrial.Output()
      try WindowTrial.run(windows, log, until: 100_000, into: &output)
      #expect(windows.residentByteCount <= limit + 100_000)
      #expect(output.panes == whole.panes)
      #expect(output.rows.count > 10_000)
    }
  }

  /// What comes too late is written while its transaction goes on; the file that results wait in is not emptied under it.
  @Test func resultsOfATransactionThatGoesOnWaitUntilItEnds() throws {
    let block = WindowTrial.block(
      "event_time: happened, window: { hopping: { size: 10m, every: 1m } }, aggregate: { n: count() }")
    let late = (Int64(0)..<300).map { WindowTrial.order($0 + 2, "late \($0)", 1, at: $0) }
    let log = [
      WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTrial.order(1, "a", 1, at: 100_000))]),
      WindowTrial.transaction(20, late.map { .insert(WindowTrial.orders, $0) }),
    ]
    let whole = try WindowTrial.run(block, log, until: 200_000)
    #expect(whole.rows.count >= 3000)
    try SpilledWindowTests.withDirectory { directory in
      let windows = WindowSet(try WindowTrial.definitions(block), memoryLimit: 1 << 20, directory: directory)
      windows.resultLimit = 1
      var output = WindowTrial.Output()
      try WindowTrial.run(windows, log, WindowTrial.Cutting(bytes: 8192), until: 200_000, into: &output)
      #expect(output.panes == whole.panes)
    }
  }
}
