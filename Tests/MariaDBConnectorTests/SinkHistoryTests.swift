import Change
import ConnectorConformance
import MariaDBClient
import Pipeline
import TestRandom
import Testing

@testable import MariaDBConnector

/// Plays random changes through a sink in random groups, beside a dictionary.
private struct Player {
  struct Row: Hashable {
    var unique: Int64
    var name: String
    var amount: Int64?
    /// Whether a text key is written in capitals: for the target it is the same key.
    var isCapital = false
  }

  enum Key { case integer, text, composite, none }

  var random: SeededRandom
  let key: Key
  let hasPartialImages: Bool
  let schema: TableSchema
  var rows: [Int64: Row] = [:]
  var nextUnique: Int64 = 0
  var changes: UInt64 = 0

  init(seed: UInt64, allowsPartialImages: Bool) {
    random = SeededRandom(seed: seed)
    key = [Key.integer, .text, .composite, .none][Int(seed % 4)]
    hasPartialImages = seed / 4 % 2 == 1 && key != .none && allowsPartialImages
    let number = ColumnType.integer(bits: 64, unsigned: false)
    schema = TableSchema(
      name: TableName(namespace: "shop", table: "items"),
      columns: [
        key == .text
          ? ColumnSchema(
            name: "id", type: .text(length: 20), isNullable: false, charset: "latin1", collation: "latin1_swedish_ci")
          : ColumnSchema(name: "id", type: number, isNullable: false),
        ColumnSchema(name: "name", type: .text(length: 40)),
        ColumnSchema(name: "part", type: number, isNullable: false),
        ColumnSchema(name: "u", type: number),
        ColumnSchema(name: "amount", type: number),
      ], key: [[0], [0], [2, 0], []][Int(seed % 4)])
  }

  func keyText(_ id: Int64, _ row: Row) -> String { row.isCapital ? "KEY \(id)" : "key \(id)" }

  func cells(_ id: Int64, _ row: Row, _ builder: BatchBuilder) -> [Cell] {
    [
      key == .text ? builder.text(keyText(id, row)) : .int(key == .composite ? id / 3 : id), builder.text(row.name),
      .int(id % 3), .int(row.unique), row.amount.map(Cell.int) ?? .null,
    ]
  }

  mutating func play(_ builder: BatchBuilder) {
    let known = rows.keys.sorted()
    let kind = known.isEmpty ? 0 : random.next(below: 11)
    if kind < 3 {
      let id = Int64(random.next(below: 40))
      guard rows[id] == nil else { return }
      nextUnique += 1
      let row = Row(
        unique: nextUnique, name: "n\(random.next(below: 100))'\\\u{0}", amount: nil,
        isCapital: key == .text && random.next(below: 2) == 0)
      rows[id] = row
      builder.insert(schema, cells(id, row, builder))
      changes += 1
      return
    }
    let id = known[random.next(below: known.count)]
    guard let row = rows[id] else { return }
    switch kind {
    case 3, 4: delete(id, row, builder)
    case 5:
      let other = Int64(random.next(below: 40))
      guard rows[other] == nil else { return }
      rows[id] = nil
      rows[other] = row
      update(id, row, to: other, row, builder)
    case 6: swap(id, known[random.next(below: known.count)], builder)
    case 7:
      var new = row
      if key == .text { new.isCapital.toggle() }
      rows[id] = new
      update(id, row, to: id, new, builder)
    default:
      var new = row
      if random.next(below: 2) == 0 { new.name = "n\(random.next(below: 100))" }
      if random.next(below: 2) == 0 { new.amount = random.next(below: 4) == 0 ? nil : Int64(random.next(below: 9)) }
      rows[id] = new
      update(id, row, to: id, new, builder)
    }
  }

  private mutating func delete(_ id: Int64, _ row: Row, _ builder: BatchBuilder) {
    rows[id] = nil
    var before = cells(id, row, builder)
    if hasPartialImages { for index in before.indices where !schema.key.contains(index) { before[index] = .absent } }
    builder.delete(schema, before)
    changes += 1
  }

  /// Two rows trade the value of the unique column by way of a third value, as a source must.
  private mutating func swap(_ one: Int64, _ two: Int64, _ builder: BatchBuilder) {
    guard one != two, let first = rows[one], let second = rows[two] else { return }
    nextUnique += 1
    for (id, unique) in [(one, nextUnique), (two, first.unique), (one, second.unique)] {
      guard let old = rows[id] else { return }
      var row = old
      row.unique = unique
      rows[id] = row
      update(id, old, to: id, row, builder)
    }
  }

  private mutating func update(_ id: Int64, _ old: Row, to newID: Int64, _ new: Row, _ builder: BatchBuilder) {
    var before = cells(id, old, builder)
    var after = cells(newID, new, builder)
    if hasPartialImages, random.next(below: 3) > 0 {
      // binlog_row_image=MINIMAL: the key before, what changed after.
      let isSame = [
        (id == newID && old.isCapital == new.isCapital) || (key == .composite && id / 3 == newID / 3),
        old.name == new.name, id % 3 == newID % 3, old.unique == new.unique, old.amount == new.amount,
      ]
      for index in after.indices where isSame[index] { after[index] = .absent }
      for index in before.indices where !schema.key.contains(index) { before[index] = .absent }
    }
    builder.update(schema, before, after)
    changes += 1
  }

  var expected: [String] {
    rows.map { id, row in
      let shown = key == .text ? keyText(id, row) : "\(key == .composite ? id / 3 : id)"
      return "\(shown)|\(row.name)|\(id % 3)|\(row.unique)|\(row.amount.map { "\($0)" } ?? "NULL")"
    }.sorted()
  }
}

extension SeededRandom {
  fileprivate mutating func next(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}

@Suite(.serialized, .timeLimit(.minutes(3))) struct SinkHistoryTests {
  @Test(arguments: [1, 3]) func whateverTheChangesAndTheirGroupsTheTargetEqualsTheSource(_ workers: Int) async throws {
    let target = try SinkTestTarget()
    for seed in 0..<60 { try await play(UInt64(seed), target, workers: workers) }
  }

  private func play(_ seed: UInt64, _ target: SinkTestTarget, workers: Int) async throws {
    // A row that moves with some of its values unknown belongs to one writer alone.
    var player = Player(seed: seed, allowsPartialImages: workers == 1)
    try target.client.execute("DROP TABLE IF EXISTS child, items")
    let type = player.key == .text ? "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci" : "BIGINT"
    let primary = ["PRIMARY KEY (id),", "PRIMARY KEY (id),", "PRIMARY KEY (id, part),", ""][Int(seed % 4)]
    let isUnique = seed % 5 < 3
    try target.client.execute(
      """
      CREATE TABLE items (id \(type) NOT NULL, name VARCHAR(40) CHARACTER SET utf8mb4, part BIGINT NOT NULL, u BIGINT,
        amount BIGINT, \(primary) \(isUnique ? "UNIQUE" : "INDEX") (u))
      """)
    // A foreign key makes the sink apply each change by itself.
    if seed % 7 == 0 {
      try target.client.execute(
        "CREATE TABLE child (u BIGINT, FOREIGN KEY (u) REFERENCES items (u) ON DELETE CASCADE ON UPDATE CASCADE)")
    }
    let sink = try target.sink(memory: seed % 3 == 0 ? 1 << 20 : 64 << 20) { $0.workers = workers }
    if seed % 2 == 0 { sink.quickEntries = 0 }
    sink.sharedEntries = 1
    _ = try await sink.open()
    var total = Outcome()
    for group in 0..<(3 + player.random.next(below: 3)) {
      for _ in 0..<(1 + player.random.next(below: 3)) {
        let batch = target.batch { builder in
          for _ in 0..<player.random.next(below: group % 2 == 0 ? 25 : 150) { player.play(builder) }
        }
        try await sink.write(batch, parts: batch.transactions.indices)
      }
      let receipt = try await sink.commit(target.checkpoint(group))
      for outcome in receipt.outcomes.values { total += outcome }
      let found = try target.rows("SELECT * FROM items").sorted()
      #expect(found == player.expected, "seed \(seed), group \(group)")
      guard found == player.expected else { break }
    }
    await sink.close()
    #expect(total.total == player.changes, "seed \(seed)")
    #expect(total.quarantined == 0 && total.filtered == 0)
  }
}
