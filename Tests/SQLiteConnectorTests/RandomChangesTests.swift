import Change
import Pipeline
import SQLiteDatabase
import TestRandom
import Testing

@testable import SQLiteConnector

/// Plays random changes through a sink in random groups, beside a dictionary.
private struct Player {
  struct Row: Hashable {
    var unique: Int64
    var name: String
    var amount: Int64?
  }

  enum Key { case integer, text, composite }

  var random: SeededRandom
  let key: Key
  let hasPartialImages: Bool
  let schema: TableSchema
  var rows: [Int64: Row] = [:]
  var nextUnique: Int64 = 0
  var changes: UInt64 = 0

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    key = [Key.integer, .text, .composite][Int(seed % 3)]
    hasPartialImages = seed % 2 == 1
    let number = ColumnType.integer(bits: 64, unsigned: false)
    schema = TableSchema(
      name: TableName(namespace: "shop", table: "items"),
      columns: [
        ColumnSchema(name: "id", type: key == .text ? .text(length: 20) : number, isNullable: false),
        ColumnSchema(name: "name", type: .text(length: 40)),
        ColumnSchema(name: "part", type: number, isNullable: false),
        ColumnSchema(name: "u", type: number),
        ColumnSchema(name: "amount", type: number),
      ], key: key == .composite ? [2, 0] : [0])
  }

  func cells(_ id: Int64, _ row: Row, _ builder: BatchBuilder) -> [Cell] {
    [
      key == .text ? builder.text("key \(id)") : .int(key == .composite ? id / 3 : id), builder.text(row.name),
      .int(id % 3), .int(row.unique), row.amount.map(Cell.int) ?? .null,
    ]
  }

  mutating func play(_ builder: BatchBuilder) {
    let known = rows.keys.sorted()
    let kind = known.isEmpty ? 0 : random.next(below: 10)
    if kind < 3 {
      let id = Int64(random.next(below: 40))
      guard rows[id] == nil else { return }
      let row = newRow()
      rows[id] = row
      emitInsert(id, row, builder)
      return
    }
    let id = known[random.next(below: known.count)]
    switch kind {
    case 3, 4:
      delete(id, builder)
    case 5:
      let other = Int64(random.next(below: 40))
      guard rows[other] == nil, let row = rows.removeValue(forKey: id) else { return }
      rows[other] = row
      emitUpdate(id, row, to: other, row, builder)
    case 6:
      swap(id, known[random.next(below: known.count)], builder)
    default:
      guard var row = rows[id] else { return }
      let old = row
      if random.next(below: 2) == 0 { row.name = "n\(random.next(below: 100))" }
      if random.next(below: 2) == 0 { row.amount = random.next(below: 4) == 0 ? nil : Int64(random.next(below: 9)) }
      rows[id] = row
      emitUpdate(id, old, to: id, row, builder)
    }
  }

  private mutating func newRow() -> Row {
    nextUnique += 1
    return Row(unique: nextUnique, name: "n\(random.next(below: 100))", amount: nil)
  }

  private mutating func delete(_ id: Int64, _ builder: BatchBuilder) {
    guard let row = rows.removeValue(forKey: id) else { return }
    var before = cells(id, row, builder)
    if hasPartialImages { for index in before.indices where !schema.key.contains(index) { before[index] = .absent } }
    builder.delete(schema, before)
    changes += 1
  }

  /// Two rows trade the value of the unique column by way of a third value, as a source must.
  private mutating func swap(_ one: Int64, _ two: Int64, _ builder: BatchBuilder) {
    guard one != two, let first = rows[one], let second = rows[two] else { return }
    nextUnique += 1
    let steps: [(Int64, Int64)] = [(one, nextUnique), (two, first.unique), (one, second.unique)]
    for (id, unique) in steps {
      guard var row = rows[id] else { return }
      let old = row
      row.unique = unique
      rows[id] = row
      emitUpdate(id, old, to: id, row, builder)
    }
  }

  private mutating func emitInsert(_ id: Int64, _ row: Row, _ builder: BatchBuilder) {
    builder.insert(schema, cells(id, row, builder))
    changes += 1
  }

  private mutating func emitUpdate(
    _ id: Int64, _ old: Row, to newID: Int64, _ new: Row, _ builder: BatchBuilder
  ) {
    var before = cells(id, old, builder)
    var after = cells(newID, new, builder)
    if hasPartialImages, random.next(below: 3) > 0 {
      // binlog_row_image=MINIMAL: the key before, what changed after.
      let isSame = [
        id == newID || (key == .composite && id / 3 == newID / 3), old.name == new.name, id % 3 == newID % 3,
        old.unique == new.unique, old.amount == new.amount,
      ]
      for index in after.indices where isSame[index] { after[index] = .absent }
      for index in before.indices where !schema.key.contains(index) { before[index] = .absent }
    }
    builder.update(schema, before, after)
    changes += 1
  }

  var expected: [String] {
    rows.map { id, row in
      let shown = key == .text ? "'key \(id)'" : "\(key == .composite ? id / 3 : id)"
      return "\(shown)|'\(row.name)'|\(id % 3)|\(row.unique)|\(row.amount.map { "\($0)" } ?? "NULL")"
    }.sorted()
  }
}

extension SeededRandom {
  fileprivate mutating func next(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}

@Suite struct RandomChangesTests {
  @Test func whateverTheChangesAndTheirGroupsTheTargetEqualsTheSource() async throws {
    let harness = try SinkHarness()
    for seed in 0..<2000 { try await play(UInt64(seed), harness) }
  }

  private func play(_ seed: UInt64, _ harness: SinkHarness) async throws {
    var player = Player(seed: seed)
    try harness.execute(
      "PRAGMA journal_mode = off; PRAGMA synchronous = off; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS child")
    let key = ["id INTEGER PRIMARY KEY", "id TEXT PRIMARY KEY", "id INTEGER"][Int(seed % 3)]
    let isUnique = seed % 5 < 3
    let composite = seed % 3 == 2 ? ", PRIMARY KEY (id, part)" : ""
    try harness.execute(
      "CREATE TABLE items (\(key), name TEXT, part INTEGER, u INTEGER \(isUnique ? "UNIQUE" : ""), amount INTEGER\(composite))"
    )
    // A foreign key with an action makes the sink apply each change by itself.
    if seed % 7 == 0 { try harness.execute("CREATE TABLE child (u INTEGER REFERENCES items (u) ON DELETE CASCADE)") }
    let sink = harness.sink(memory: seed % 4 == 0 ? 1 << 20 : 64 << 20) {
      $0.foreignKeys = !(seed % 7 == 0 && !isUnique)
      $0.journalMode = "memory"
    }
    _ = try await sink.open()
    var total = Outcome()
    for group in 0..<(3 + player.random.next(below: 3)) {
      for _ in 0..<(1 + player.random.next(below: 3)) {
        let batch = harness.batch { builder in
          for _ in 0..<player.random.next(below: 25) { player.play(builder) }
        }
        try await sink.write(batch, parts: batch.transactions.indices)
      }
      let receipt = try await sink.commit(harness.checkpoint(group))
      for outcome in receipt.outcomes.values { total += outcome }
      #expect(try harness.rows("SELECT * FROM items").sorted() == player.expected, "seed \(seed), group \(group)")
    }
    await sink.close()
    #expect(total.total == player.changes, "seed \(seed)")
    #expect(total.quarantined == 0 && total.filtered == 0)
  }
}
