import Change
import MemoryConnector
import Pipeline
import Testing

/// Changes of one part of a table that `route` merges.
struct MergedTableTests {
  private static let blocks = "{ route: { from: 'shop\\.orders_[0-9]', to: 'shop.orders', merge: true } }"
  private static let id = ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false)
  private static let state = ColumnSchema(name: "state", type: .text(length: 20), isNullable: false)
  private static let note = ColumnSchema(name: "note", type: .text(length: 20))

  private static func table(_ number: Int, _ columns: [ColumnSchema], version: UInt32 = 1) -> TableSchema {
    TableSchema(
      name: TableName(namespace: "shop", table: "orders_\(number)"), columns: columns, key: [0], version: version)
  }

  private static func alter(
    _ number: Int, _ old: [ColumnSchema], _ new: [ColumnSchema], _ statement: String
  ) -> MemoryChange {
    .schema(
      SchemaChange(
        kind: .alter, table: table(number, old).name, before: table(number, old),
        after: table(number, new, version: 2), statement: statement))
  }

  private static func apply(_ changes: [MemoryChange]) throws -> [SchemaChange] {
    try TransformTrial.chain(blocks).apply(to: TransformTrial.batch([changes])).schemaChanges
  }

  @Test func aColumnThatOnePartDropsStaysForTheOthers() throws {
    let (id, state, note) = (MergedTableTests.id, MergedTableTests.state, MergedTableTests.note)
    let change = try #require(
      MergedTableTests.apply([
        MergedTableTests.alter(1, [id, state, note], [id, note], "ALTER TABLE orders_1 DROP COLUMN state")
      ]).first)
    #expect(change.table.description == "shop.orders")
    #expect(change.after?.columns.map(\.name) == ["id", "state", "note"])
    // Rows of this part come without it.
    #expect(change.after?.columns.map(\.isNullable) == [false, true, true])
    #expect(change.after?.key == [0])
    #expect(change.statement.isEmpty)
  }

  @Test func keysAndIndexesStandWhereTheirColumnsAre() throws {
    let (id, state, note) = (MergedTableTests.id, MergedTableTests.state, MergedTableTests.note)
    let before = MergedTableTests.table(1, [note, id, state])
    let after = TableSchema(
      name: before.name, columns: [id, state], key: [0], uniqueKeys: [[1]],
      indexes: [TableIndex(name: "by_state", kind: .unique, parts: [.init(column: 1)])], version: 2)
    let keyed = TableSchema(name: before.name, columns: before.columns, key: [1])
    let change = SchemaChange(
      kind: .alter, table: before.name, before: keyed, after: after, statement: "ALTER TABLE orders_1 DROP note")
    let merged = try #require(MergedTableTests.apply([.schema(change)]).first?.after)
    #expect(merged.columns.map(\.name) == ["note", "id", "state"])
    #expect(merged.key == [1])
    #expect(merged.uniqueKeys == [[2]])
    #expect(merged.indexes?.map { $0.parts.map(\.column) } == [[2]])
  }

  @Test func aColumnThatOnePartAddsSuitsRowsWithoutIt() throws {
    let (id, note) = (MergedTableTests.id, MergedTableTests.note)
    let count = ColumnSchema(name: "count", type: .integer(bits: 32, unsigned: false), isNullable: false)
    let day = ColumnSchema(name: "day", type: .date, isNullable: false)
    let changes = try MergedTableTests.apply([
      MergedTableTests.alter(1, [id, note], [id, note, count, day], "ALTER TABLE orders_1 ADD …"),
      MergedTableTests.alter(2, [id, note], [id, note, count, day], "ALTER TABLE orders_2 ADD …"),
    ])
    for change in changes {
      #expect(change.after?.columns.map(\.name) == ["id", "note", "count", "day"])
      #expect(change.after?.columns[2].defaultValue == .literal("0"))
      #expect(change.after?.columns[3].isNullable == true)
    }
  }

  @Test(arguments: [
    ("ALTER TABLE orders_1 RENAME COLUMN state TO phase", ["id", "phase", "note"]),
    ("ALTER TABLE orders_1 DROP state, ADD state TEXT", ["id", "state", "note"]), ("", ["id", "phase", "note"]),
    ("ALTER TABLE orders_1 DROP id", ["state", "note"]),
  ])
  func whatWouldLoseValuesOfOtherPartsStopsThePipeline(_ statement: String, _ names: [String]) {
    let old = [MergedTableTests.id, MergedTableTests.state, MergedTableTests.note]
    let new = names.map { name in old.first { $0.name == name } ?? ColumnSchema(name: name, type: .text(length: 20)) }
    let change = MergedTableTests.alter(1, old, new, statement)
    #expect(failure { _ = try MergedTableTests.apply([change]) }?.code == .schemaChange)
  }

  private static func truncations(_ numbers: [Int]) -> [MemoryChange] {
    numbers.map { number in
      let table = table(number, [id, state])
      return .schema(SchemaChange(kind: .truncate, table: table.name, before: table, after: table, statement: ""))
    }
  }

  @Test func aSnapshotThatBeginsAnewEmptiesAMergedTableWhole() throws {
    let chain = try TransformTrial.chain(MergedTableTests.blocks)
    let rows: [MemoryChange] = (1...3).map {
      .insert(
        MergedTableTests.table($0, [MergedTableTests.id, MergedTableTests.state]), [.int(Int64($0)), .text("a")])
    }
    _ = try chain.apply(to: TransformTrial.batch([rows]))
    let emptied = try chain.apply(
      to: TransformTrial.batch([MergedTableTests.truncations([1, 2, 3])], isSnapshot: true))
    #expect(emptied.schemaChanges.map(\.table.description) == Array(repeating: "shop.orders", count: 3))
    // Of a part alone, or by a statement, it would take the others' rows.
    for (numbers, isSnapshot) in [([1, 2], true), ([1, 2, 3], false)] {
      let batch = TransformTrial.batch([MergedTableTests.truncations(numbers)], isSnapshot: isSnapshot)
      #expect(failure { _ = try chain.apply(to: batch) }?.code == .schemaChange)
    }
  }

  @Test func aSnapshotOfOneOfManySourcesDoesNotEmptyAMergedTable() throws {
    let chain = try TransformTrial.chain(MergedTableTests.blocks, hasOneSource: false)
    let batch = TransformTrial.batch([MergedTableTests.truncations([1, 2, 3])], isSnapshot: true)
    #expect(failure { _ = try chain.apply(to: batch) }?.code == .schemaChange)
  }
}
