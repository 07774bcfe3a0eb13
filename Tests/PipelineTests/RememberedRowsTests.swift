import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// What a window remembers of rows of many lengths, in memory and in files.
@Suite(.timeLimit(.minutes(5))) struct RememberedRowsTests {
  /// Rows that come, grow, shrink, move to other keys and go while most of them lie in files.
  @Test func manyRowsInFilesAreEachFoundAgain() throws {
    var random = SeededRandom(seed: 31)
    var held: [Int64: [MemoryValue]] = [:]
    func row(_ id: Int64) -> [MemoryValue] {
      WindowTrial.order(
        id, String(repeating: "s", count: .random(in: 0...400, using: &random)), .random(in: 0...999, using: &random),
        at: nil)
    }
    let log = (Int64(0)..<300).map { number in
      WindowTrial.transaction(
        number,
        (0..<50).map { (_: Int) -> MemoryChange in
          let id = Int64.random(in: 0..<6000, using: &random)
          guard let old = held.removeValue(forKey: id) else {
            let new = row(id)
            held[id] = new
            return .insert(WindowTrial.orders, new)
          }
          if Int.random(in: 0..<4, using: &random) == 0 { return .delete(WindowTrial.orders, old) }
          let other = Int64.random(in: 0..<6000, using: &random)
          let key = held[other] == nil ? other : id
          let new = row(key)
          held[key] = new
          return .update(WindowTrial.orders, before: old, after: new)
        })
    }
    let block = WindowTrial.block(
      "window: { cumulative: { size: 10m, every: 1m } }, aggregate: { n: count(), total: sum(amount),"
        + " letters: sum(length(status)) }")
    let whole = try RememberTests.run(block, log, until: 10_000)
    #expect(whole.rows.count > 3)
    let reduced = RememberTests.reduced(log, .minimal)
    try SpilledWindowTests.withDirectory { directory in
      let limit = 1 << 18
      let windows = WindowSet(
        try WindowTrial.definitions(RememberTests.remembering(block)), memoryLimit: limit, directory: directory)
      var output = WindowTrial.Output()
      try RememberTests.run(windows, reduced, into: &output)
      #expect(windows.byteCount > 3 * limit && windows.residentByteCount < limit + 100_000)
      for batch in try windows.advance(to: EventTime(microseconds: 10_000_000_000)) { output.take(batch) }
      #expect(RememberTests.panes(output) == RememberTests.panes(whole))
    }
  }

  /// Keys and values of many lengths, that come, change, move and go.
  @Test func rowsOfManyLengthsAreKeptWhileTheyComeChangeAndGo() throws {
    let words = TableSchema(
      name: WindowTrial.orders.name,
      columns: [
        ColumnSchema(name: "id", type: .text(length: 0), isNullable: false),
        ColumnSchema(name: "status", type: .text(length: 0)), ColumnSchema(name: "amount", type: .float64),
      ], key: [0])
    var random = SeededRandom(seed: 77)
    var held: [[MemoryValue]] = []
    var log: [MemoryTransaction] = []
    func text(_ most: Int) -> MemoryValue {
      .text(
        String(repeating: "w", count: .random(in: 0...most, using: &random))
          + "\(Int.random(in: 0..<9, using: &random))")
    }
    for number in 0..<6000 {
      let place = held.indices.randomElement(using: &random)
      let growing = number % 2000 < 1400
      if let place, Int.random(in: 0..<10, using: &random) < (growing ? 2 : 8) {
        log.append(WindowTrial.transaction(Int64(number), [.delete(words, held.remove(at: place))]))
      } else if let place, Int.random(in: 0..<3, using: &random) == 0 {
        let before = held[place]
        if Int.random(in: 0..<4, using: &random) == 0 { held[place][0] = .text("moved \(number)") }
        held[place][1] = text(300)
        log.append(WindowTrial.transaction(Int64(number), [.update(words, before: before, after: held[place])]))
      } else {
        guard case .text(let start) = text(40) else { continue }
        held.append([.text("\(start) \(number)"), text(300), .double(Double(number) / 8)])
        log.append(WindowTrial.transaction(Int64(number), [.insert(words, held[held.count - 1])]))
      }
    }
    let block = WindowTrial.block(
      "window: { tumbling: 500s }, aggregate: { n: count(), different: count(distinct status), most: max(status),"
        + " total: sum(amount) }")
    let whole = try RememberTests.run(block, log, until: 10_000)
    #expect(whole.rows.count > 10)
    for images in [RememberTests.Images.minimal, .identity] {
      let output = try RememberTests.run(
        RememberTests.remembering(block), RememberTests.reduced(log, images), until: 10_000)
      #expect(RememberTests.panes(output) == RememberTests.panes(whole))
    }
  }

  /// Rows that grow in waves leave room that none of the next has the length of.
  @Test func rowsThatGrowInWavesTakeLittleMoreThanTheirLength() throws {
    let words = TableSchema(
      name: WindowTrial.orders.name,
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
        ColumnSchema(name: "status", type: .text(length: 0)),
      ], key: [0])
    func row(_ id: Int64, _ length: Int) -> [MemoryValue] { [.int(id), .text(String(repeating: "w", count: length))] }
    let rows: Int64 = 1000
    var log = [WindowTrial.transaction(1, (0..<rows).map { .insert(words, row($0, 10)) })]
    for wave in 1...60 {
      log.append(
        WindowTrial.transaction(
          Int64(wave + 1),
          (0..<rows).map { id in
            .update(words, before: row(id, 0).without([1], .absent), after: row(id, 10 + 40 * wave))
          }))
    }
    let windows = WindowSet(
      try WindowTrial.definitions(
        WindowTrial.block("window: { tumbling: 1h }, aggregate: { last: max(status) }, remember: true")))
    var output = WindowTrial.Output()
    try WindowTrial.run(windows, log, until: 7200, into: &output)
    let longest = 10 + 40 * 60
    #expect(output.rows.count == 1 && WindowTrial.told(output.rows[0]).contains(String(repeating: "w", count: longest)))
    #expect(windows.byteCount < 2 * Int(rows) * longest)
  }

  @Test func aRowOfAnyLengthIsRemembered() throws {
    let row = WindowTrial.order(1, String(repeating: "x", count: 3_000_000), 100, at: nil)
    #expect(
      RememberTests.failing([
        .insert(WindowTrial.orders, row), .delete(WindowTrial.orders, row.without([1, 2, 3], .absent)),
      ]) == nil)
  }
}
