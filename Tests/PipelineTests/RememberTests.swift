import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// Windows over logs that do not hold the whole row before a change, against the same logs with whole rows.
@Suite(.timeLimit(.minutes(5))) struct RememberTests {
  /// What a log holds of the rows of an update and a delete.
  enum Images: CaseIterable {
    case full
    /// MariaDB's MINIMAL: before it the key, after it what has changed.
    case minimal
    /// MariaDB's NOBLOB, where the status is one: it is there when it has changed.
    case noBlob
    /// PostgreSQL's REPLICA IDENTITY DEFAULT: before it nothing, or a key that has changed; long texts when they have changed.
    case identity

    func reduced(_ change: MemoryChange) -> MemoryChange {
      switch change {
      case .update(let schema, let before, let after):
        let same = after.indices.filter { before[$0] == after[$0] }
        switch self {
        case .full: return change
        case .minimal: return .update(schema, before: key(before), after: after.without(same, .absent))
        case .noBlob:
          return .update(
            schema, before: before.without([1], .absent), after: after.without(same.filter { $0 == 1 }, .absent))
        case .identity:
          let old = before[0] == after[0] ? before.map { _ in .absent } : key(before)
          return .update(schema, before: old, after: after.without(same.filter { $0 == 1 }, .unavailable))
        }
      case .delete(let schema, let row):
        switch self {
        case .full: return change
        case .minimal, .identity: return .delete(schema, key(row))
        case .noBlob: return .delete(schema, row.without([1], .absent))
        }
      case .insert, .read, .schema: return change
      }
    }

    private func key(_ row: [MemoryValue]) -> [MemoryValue] { row.without(Array(1..<row.count), .absent) }
  }

  /// The log with keys that change now and then, and texts of many lengths.
  private static func log(_ work: RandomWindowTests.Workload, seed: UInt64) -> [MemoryTransaction] {
    var random = SeededRandom(seed: seed)
    var keys: [MemoryValue: MemoryValue] = [:]
    var next: Int64 = 1_000_000
    let renamed = { (row: [MemoryValue]) -> [MemoryValue] in
      var row = row
      row[0] = keys[row[0]] ?? row[0]
      return row
    }
    return work.log.map { transaction in
      var transaction = transaction
      transaction.changes = transaction.changes.map { change in
        guard case .update(let schema, let before, let after) = change else {
          if case .delete(let schema, let row) = change { return .delete(schema, renamed(row)) }
          return change
        }
        let old = renamed(before)
        if Int.random(in: 0..<5, using: &random) == 0 {
          keys[before[0]] = .int(next)
          next += 1
        }
        return .update(schema, before: old, after: renamed(after))
      }
      return transaction
    }
  }

  /// Batches in which a row before a change that holds nothing is none.
  private static func batches(_ log: [MemoryTransaction], _ cutting: WindowTrial.Cutting, from first: Int = 0)
    -> [Batch]
  {
    WindowTrial.batches(log, cutting, from: first).map { batch in
      let draft = BatchDraft()
      draft.begin(batch)
      for index in draft.changes.indices where draft.changes[index].hasBefore {
        let row = Int(draft.changes[index].before)
        let columns = draft.schemas[Int(draft.changes[index].schema)].columns.count
        if draft.cells[row..<(row + columns)].allSatisfy({ $0.tag == .absent }) {
          draft.changes[index].before = RowChange.noCells
        }
      }
      return draft.finish()
    }
  }

  static func run(
    _ windows: WindowSet, _ log: [MemoryTransaction], _ cutting: WindowTrial.Cutting = WindowTrial.Cutting(),
    from first: Int = 0, until end: Int64? = nil, into output: inout WindowTrial.Output
  ) throws {
    for batch in batches(log, cutting, from: first) {
      for result in try windows.take(batch) { output.take(result) }
    }
    guard let end else { return }
    for result in try windows.advance(to: EventTime(microseconds: end * 1_000_000)) { output.take(result) }
  }

  static func run(
    _ block: String, _ log: [MemoryTransaction], _ cutting: WindowTrial.Cutting = WindowTrial.Cutting(),
    until end: Int64?
  ) throws -> WindowTrial.Output {
    var output = WindowTrial.Output()
    try run(WindowSet(try WindowTrial.definitions(block)), log, cutting, until: end, into: &output)
    return output
  }

  static func panes(_ output: WindowTrial.Output) -> [[TransformedRow]] {
    output.panes.map { $0.sorted { WindowTrial.told($0) < WindowTrial.told($1) } }
  }

  private static func block(_ seed: Int, _ random: inout SeededRandom) -> String {
    let shape = RandomWindowTests.Shape.allCases[seed % 4]
    let aggregates =
      "aggregate: { n: count(), total: sum(amount), doubled: sum(amount * 2), least: min(amount), oldest: first(status),"
      + " newest: last(status), different: \"count(distinct upper(status))\" }"
    if seed % 8 >= 4 {
      return WindowTrial.block("window: \(shape.text), group_by: [status], \(aggregates), trigger: { early: 7s }")
    }
    return WindowTrial.block(
      "event_time: happened, max_delay: 5s, idle_after: 20s, allowed_lateness: 15s, window: \(shape.text),"
        + " group_by: [status], \(aggregates), \(RandomWindowTests.trigger(&random))")
  }

  static func remembering(_ block: String) -> String { String(block.dropLast(2)) + ", remember: true }" }

  @Test(arguments: Images.allCases, 0..<16)
  func aLogWithoutWholeRowsGivesTheSamePanes(_ images: Images, _ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 11_000)
    let work = RandomWindowTests.Workload(seed: UInt64(seed) + 900, transactions: 100, disorder: 40)
    let log = RememberTests.log(work, seed: UInt64(seed))
    let block = RememberTests.block(seed, &random)
    let end = work.commit + 10_000
    let whole = try RememberTests.run(block, log, until: end)
    #expect(!whole.panes.isEmpty)
    let reduced = RememberTests.reduced(log, images)
    let output = try RememberTests.run(
      RememberTests.remembering(block), reduced, RandomWindowTests.cutting(&random), until: end)
    #expect(RememberTests.panes(output) == RememberTests.panes(whole), "\(block)")
    #expect(output.plain == (try RememberTests.run(block.replaceFrom, reduced, until: nil)).plain)
  }

  static func reduced(_ log: [MemoryTransaction], _ images: Images) -> [MemoryTransaction] {
    log.map { transaction in
      var transaction = transaction
      transaction.changes = transaction.changes.map(images.reduced)
      return transaction
    }
  }

  @Test(arguments: 0..<16) func whatIsRememberedGoesOnWithTheStoredState(_ seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) + 12_000)
    let work = RandomWindowTests.Workload(seed: UInt64(seed) + 1300, transactions: 80, disorder: 40)
    let log = RememberTests.log(work, seed: UInt64(seed))
    let block = RememberTests.block(seed, &random)
    let end = work.commit + 10_000
    let whole = try RememberTests.run(block, log, until: end)
    let reduced = RememberTests.reduced(log, Images.allCases[seed % 4])
    let definition = RememberTests.remembering(block)
    try SpilledWindowTests.withDirectory { directory in
      // Wherever it lies.
      let limit = [Int.max, 1, 1 << 15][seed % 3]
      let empty = { WindowSet(try WindowTrial.definitions(definition), memoryLimit: limit, directory: directory) }
      var output = WindowTrial.Output()
      var windows = try empty()
      var first = 0
      while first < reduced.count {
        let last = min(reduced.count, first + Int.random(in: 1...20, using: &random))
        try RememberTests.run(
          windows, Array(reduced[..<last]), RandomWindowTests.cutting(&random), from: first, into: &output)
        let next = try empty()
        try next.decode(windows.encode([]), panes: windows.panes, log: windows.log)
        windows = next
        first = last
      }
      for batch in try windows.advance(to: EventTime(microseconds: end * 1_000_000)) { output.take(batch) }
      #expect(RememberTests.panes(output) == RememberTests.panes(whole), "\(block)")
    }
  }

  @Test func aStoredStateWithRowsThatIsCutOffOrChangedIsRefusedAndNeverTraps() throws {
    var random = SeededRandom(seed: 5)
    let block = RememberTests.remembering(RememberTests.block(0, &random))
    let work = RandomWindowTests.Workload(seed: 6, transactions: 10, disorder: 40)
    var output = WindowTrial.Output()
    let windows = WindowSet(try WindowTrial.definitions(block))
    try RememberTests.run(windows, work.log, into: &output)
    let bytes = try windows.encode([])
    for end in stride(from: 0, to: bytes.count, by: 3) {
      let other = WindowSet(try WindowTrial.definitions(block))
      #expect(failure { try other.decode(Array(bytes[..<end]), panes: 0, log: nil) }?.code == .corruptState)
    }
    for place in stride(from: bytes.count / 2, to: bytes.count, by: 1) {
      var damaged = bytes
      damaged[place] = damaged[place] &+ 0x85
      let other = WindowSet(try WindowTrial.definitions(block))
      // Some bytes are values, of which any is as good as another: then it only must not trap.
      let failure = PipelineTests.failure { try other.decode(damaged, panes: 0, log: nil) }
      #expect(failure == nil || failure?.code == .corruptState || failure?.code == .limit)
    }
  }

  private static let sums =
    "window: { tumbling: 1m }, group_by: [status], aggregate: { n: count(), total: sum(amount) }"

  static func failing(_ changes: [MemoryChange], _ more: String = ", remember: true") -> Failure? {
    let block = WindowTrial.block(sums + more)
    return failure { _ = try RememberTests.run(block, [WindowTrial.transaction(10, changes)], until: nil) }
  }

  @Test func aChangeOfARowThatWasThereBeforeTheWindowSaysWhatToDo() throws {
    let row = WindowTrial.order(1, "a", 100, at: nil)
    let key = row.without([1, 2, 3], .absent)
    for change: MemoryChange in [
      .delete(WindowTrial.orders, key), .update(WindowTrial.orders, before: key, after: row),
    ] {
      let failure = RememberTests.failing([change])
      #expect(failure?.code == .badValue)
      #expect(failure?.message.contains("does not remember") == true)
      #expect(failure?.hint.contains("snapshot") == true)
      #expect(failure?.place == "table \"shop.orders\"")
    }
    // With whole rows it is not needed.
    #expect(RememberTests.failing([.delete(WindowTrial.orders, row)]) == nil)
  }

  /// A window that reads nothing but the key must not take a row back that it never got: a filter may have left it out.
  @Test func aKeyAloneIsNotTheRowThatGoes() throws {
    let key = WindowTrial.order(1, "a", 100, at: nil).without([1, 2, 3], .absent)
    let block = WindowTrial.block("window: { tumbling: 1m }, aggregate: { n: count() }, remember: true")
    let failure = PipelineTests.failure {
      _ = try RememberTests.run(
        block, [WindowTrial.transaction(10, [.delete(WindowTrial.orders, key)])], until: nil)
    }
    #expect(failure?.message.contains("does not remember") == true)
    #expect(failure?.hint.contains("filter") == true)
  }

  @Test func aKeyWhoseValuesAreWrittenInAnotherWayIsRefused() throws {
    let old = WindowTrial.orders
    var columns = old.columns
    columns[0].type = .integer(bits: 64, unsigned: true)
    let other = TableSchema(name: old.name, columns: columns, key: [0])
    var after = WindowTrial.order(2, "b", 100, at: nil)
    after[0] = .uint(2)
    let failure = RememberTests.failing([.insert(old, WindowTrial.order(1, "a", 100, at: nil)), .insert(other, after)])
    #expect(failure?.code == .schemaChange)
  }

  @Test func withoutRememberTheHintNamesBothRemedies() throws {
    let row = WindowTrial.order(1, "a", 100, at: nil)
    let failure = RememberTests.failing([.delete(WindowTrial.orders, row.without([1, 2, 3], .absent))], "")
    #expect(failure?.hint.contains("remember: true") == true)
    #expect(failure?.hint.contains("binlog_row_image=FULL") == true)
  }

  @Test func anInsertedRowWithoutAColumnThatIsReadAndAKeyThatIsThereAreRefused() throws {
    let row = WindowTrial.order(1, "a", 100, at: nil)
    #expect(RememberTests.failing([.insert(WindowTrial.orders, row.without([1], .absent))])?.code == .badValue)
    #expect(RememberTests.failing([.read(WindowTrial.orders, row.without([2], .absent))])?.code == .badValue)
    // What the window does not read need not be there.
    #expect(RememberTests.failing([.insert(WindowTrial.orders, row.without([3], .absent))]) == nil)
    let twice = RememberTests.failing([.insert(WindowTrial.orders, row), .insert(WindowTrial.orders, row)])
    #expect(twice?.message.contains("whose key another row has") == true)
  }

  @Test func anInsertedRowHasTheConstantDefaultsOfWhatItLeavesOut() throws {
    var columns = WindowTrial.orders.columns
    columns[1].defaultValue = .literal("new")
    columns[2].defaultValue = .literal("-2.5")
    columns.append(ColumnSchema(name: "pieces", type: .integer(bits: 32, unsigned: true), defaultValue: .literal("7")))
    columns.append(
      ColumnSchema(
        name: "weight", type: .decimal(precision: 30, scale: 3, unsigned: false), defaultValue: .literal("0.5")))
    columns.append(ColumnSchema(name: "factor", type: .float64, nativeType: "double"))
    let schema = TableSchema(name: WindowTrial.orders.name, columns: columns, key: [0])
    let log = [
      WindowTrial.transaction(
        10,
        [
          .insert(schema, [.int(1)] + Array(repeating: .absent, count: 6)),
          .insert(schema, [.int(2), .absent, .decimal("1.00"), .null, .null, .null, .double(1)]),
        ])
    ]
    let block = WindowTrial.block(
      "window: { tumbling: 1m }, group_by: [status], remember: true, aggregate: { n: count(), total: sum(amount),"
        + " pieces: sum(pieces), weight: sum(weight), factors: count(factor) }")
    let output = try RememberTests.run(block, log, until: 100)
    #expect(output.rows.map(WindowTrial.told) == ["insert 0 60 new 2 -1.50 7 0.500 1 on_time 0 true"])
  }

  @Test func aTableWithoutAKeyCannotBeRemembered() throws {
    let schema = TableSchema(name: WindowTrial.orders.name, columns: WindowTrial.orders.columns, key: [])
    let failure = RememberTests.failing([.insert(schema, WindowTrial.order(1, "a", 100, at: nil))])
    #expect(failure?.code == .configuration)
    #expect(failure?.place.hasPrefix("p.yaml:4:") == true)
  }

  @Test func columnsThatMoveAreFollowedAndAnotherKeyIsRefused() throws {
    let old = WindowTrial.orders
    let wider = TableSchema(
      name: old.name,
      columns: [ColumnSchema(name: "note", type: .text(length: 9))] + [old.columns[2], old.columns[1], old.columns[0]]
        + [old.columns[3]],
      key: [3])
    let row = WindowTrial.order(1, "a", 100, at: nil)
    let log = [
      WindowTrial.transaction(
        10,
        [
          .insert(old, row), .insert(old, WindowTrial.order(2, "a", 400, at: nil)),
          .schema(SchemaChange(kind: .alter, table: old.name, before: old, after: wider, statement: "")),
          .update(
            wider, before: [.absent, .absent, .absent, .int(1), .absent],
            after: [.text("x"), .decimal("7.00"), .absent, .absent, .absent]),
          .delete(wider, [.absent, .absent, .absent, .int(2), .absent]),
        ])
    ]
    let block = WindowTrial.block(RememberTests.sums + ", remember: true")
    let output = try RememberTests.run(block, log, until: 100)
    #expect(output.rows.map(WindowTrial.told) == ["insert 0 60 a 1 7.00 on_time 0 true"])
    let other = TableSchema(name: old.name, columns: old.columns, key: [1])
    let failure = RememberTests.failing([.insert(old, row), .insert(other, WindowTrial.order(2, "b", 100, at: nil))])
    #expect(failure?.code == .schemaChange || failure?.code == .schemaMismatch)
  }

  @Test func rowsOfOtherTablesInTheSameBatchPassAsTheyAre() throws {
    let other = TableSchema(
      name: TableName(namespace: "shop", table: "notes"), columns: [ColumnSchema(name: "note", type: .text(length: 9))],
      key: [])
    let row = WindowTrial.order(1, "a", 100, at: nil)
    let log = [
      WindowTrial.transaction(
        10,
        [
          .insert(other, [.text("one")]), .insert(WindowTrial.orders, row), .insert(other, [.text("two")]),
          .delete(WindowTrial.orders, row.without([1, 2, 3], .absent)), .delete(other, [.text("one")]),
        ])
    ]
    let block = WindowTrial.block(RememberTests.sums + ", remember: true")
    let output = try RememberTests.run(block, log, until: 100)
    #expect(output.rows.map(WindowTrial.told) == ["insert 0 60 a 0 NULL on_time 0 true"])
    #expect(output.plain.count == 5)
  }
}

extension [MemoryValue] {
  func without(_ columns: [Int], _ mark: MemoryValue) -> [MemoryValue] {
    var row = self
    for column in columns { row[column] = mark }
    return row
  }
}

extension String {
  /// The block of a window over a table that does not come.
  fileprivate var replaceFrom: String { replacing("shop.orders", with: "shop.nothing") }
}
