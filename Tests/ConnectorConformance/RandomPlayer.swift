package import Change
package import TestRandom

/// Plays random changes through a sink in random groups, beside a dictionary.
package struct RandomPlayer {
  package struct Row: Hashable {
    var unique: Int64
    var name: String
    var amount: Int64?
  }

  /// A change as it was made, for models that keep more than the rows.
  package struct Event {
    package var before: (id: Int64, row: Row)?
    package var after: (id: Int64, row: Row)?
  }

  package static let defaultName = "nobody"

  package enum Key { case integer, text, composite }

  package var random: SeededRandom
  /// What stands around a text in a shown row.
  package var quote = ""
  package let key: Key
  package let hasPartialImages: Bool
  /// Whether inserted rows leave out columns that have their default, and deleted keys often come back at once.
  package let hasPartialInserts: Bool
  package let schema: TableSchema
  package var rows: [Int64: Row] = [:]
  var nextUnique: Int64 = 0
  package var changes: UInt64 = 0
  package var events: [Event] = []

  package init(seed: UInt64, hasPartialImages: Bool, hasPartialInserts: Bool = false) {
    random = SeededRandom(seed: seed)
    key = [Key.integer, .text, .composite][Int(seed % 3)]
    self.hasPartialImages = hasPartialImages
    self.hasPartialInserts = hasPartialInserts
    let number = ColumnType.integer(bits: 64, unsigned: false)
    schema = TableSchema(
      name: TableName(namespace: "shop", table: "items"),
      columns: [
        ColumnSchema(name: "id", type: key == .text ? .text(length: 20) : number, isNullable: false),
        ColumnSchema(
          name: "name", type: .text(length: 40),
          defaultValue: hasPartialInserts ? .literal(RandomPlayer.defaultName) : nil),
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

  package mutating func play(_ builder: BatchBuilder) {
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
    case 3:
      delete(id, builder)
    case 4:
      // The key comes back at once, now and then with the value of the unique column that it had.
      let old = rows[id]
      delete(id, builder)
      guard hasPartialInserts else { return }
      var row = newRow()
      if let old, random.next(below: 2) == 0 { row.unique = old.unique }
      rows[id] = row
      emitInsert(id, row, builder)
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
    let hasDefault = hasPartialInserts && random.next(below: 3) == 0
    let name = hasDefault ? RandomPlayer.defaultName : "n\(random.next(below: 100))"
    return Row(unique: nextUnique, name: name, amount: nil)
  }

  private mutating func delete(_ id: Int64, _ builder: BatchBuilder) {
    guard let row = rows.removeValue(forKey: id) else { return }
    events.append(Event(before: (id, row), after: nil))
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
    events.append(Event(before: nil, after: (id, row)))
    var after = cells(id, row, builder)
    if hasPartialInserts, random.next(below: 3) > 0 {
      // binlog_row_image=MINIMAL: what the statement named; the others have their default.
      if row.name == RandomPlayer.defaultName { after[1] = .absent }
      if row.amount == nil { after[4] = .absent }
    }
    builder.insert(schema, after)
    changes += 1
  }

  private mutating func emitUpdate(
    _ id: Int64, _ old: Row, to newID: Int64, _ new: Row, _ builder: BatchBuilder
  ) {
    events.append(Event(before: (id, old), after: (newID, new)))
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

  package var expected: [String] { rows.map { text($0, $1) }.sorted() }

  /// A row as `SinkHarness.rows` shows it.
  package func text(_ id: Int64, _ row: Row) -> String {
    let shown = key == .text ? "\(quote)key \(id)\(quote)" : "\(key == .composite ? id / 3 : id)"
    return "\(shown)|\(quote)\(row.name)\(quote)|\(id % 3)|\(row.unique)|\(row.amount.map { "\($0)" } ?? "NULL")"
  }
}

extension SeededRandom {
  package mutating func next(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}
