import Change
import MemoryConnector
import Pipeline
import Testing

struct CastTests {
  private static let parts = TableSchema(
    name: TableName(namespace: "shop", table: "parts"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: false), isNullable: false),
      ColumnSchema(name: "Note", type: .text(length: 20)),
      ColumnSchema(name: "price", type: .decimal(precision: 12, scale: 2, unsigned: false), isNullable: false),
    ], key: [0], uniqueKeys: [[1], [2]],
    indexes: [
      TableIndex(name: "by_note", kind: .ordinary, parts: [.init(column: 1)]),
      TableIndex(name: "by_price", kind: .ordinary, parts: [.init(column: 2)]),
    ])

  private static func row(_ id: Int64, _ note: MemoryValue, _ price: String = "1.50") -> [MemoryValue] {
    [.int(id), note, .decimal(price)]
  }

  @Test func eachColumnGetsItsTypeInItsPlaceAndUnderItsName() throws {
    let blocks = "{ cast: { table: shop.parts, columns: { note: bigint, price: 'decimal(14,4)' } } }"
    let schema = try TransformTrial.chain(blocks).schema(for: CastTests.parts)
    #expect(schema.columns.map(\.name) == ["id", "Note", "price"])
    #expect(
      schema.columns.map(\.type) == [
        .integer(bits: 32, unsigned: false), .integer(bits: 64, unsigned: false),
        .decimal(precision: 14, scale: 4, unsigned: false),
      ])
    #expect(schema.columns.map(\.isNullable) == [false, true, false])
    // Different texts may be one number; different prices stay different.
    #expect(schema.uniqueKeys == [[2]])
    #expect(schema.indexes?.map(\.name) == ["by_price"])
    let rows = try TransformTrial.apply(
      blocks,
      [
        .insert(CastTests.parts, CastTests.row(1, .text(" 7"))),
        .update(CastTests.parts, before: CastTests.row(1, .text("07")), after: CastTests.row(1, .null, "-2.25")),
        .delete(CastTests.parts, [.int(1), .absent, .absent]),
        .insert(Shop.orders, [.int(7), .text("new")]),
      ])
    #expect(rows[0].after == [.int(1), .int(7), .decimal("1.5000")])
    #expect(rows[1].before == [.int(1), .int(7), .decimal("1.5000")])
    #expect(rows[1].after == [.int(1), .null, .decimal("-2.2500")])
    #expect(rows[2].before == [.int(1), .absent, .absent])
    #expect(rows[3].after == [.int(7), .text("new")])
  }

  @Test func whatAnUpdateLeavesOutStaysLeftOut() throws {
    let change = MemoryChange.update(
      CastTests.parts, before: [.int(1), .absent, .absent], after: [.int(1), .text("8"), .absent])
    let rows = try TransformTrial.apply(
      "{ cast: { table: shop.parts, columns: { note: bigint, price: double } } }", [change])
    #expect(rows[0].after == [.int(1), .int(8), .absent])
    let insert = MemoryChange.insert(CastTests.parts, [.int(1), .absent, .absent])
    #expect(
      failure { _ = try TransformTrial.apply("{ cast: { table: shop.parts, columns: { note: bigint } } }", [insert]) }?
        .code == .badValue)
  }

  @Test func aValueThatIsNoneOfTheTypeIsABadRow() throws {
    let blocks = "{ cast: { table: shop.parts, columns: { note: bigint } } }"
    let changes = [
      MemoryChange.insert(CastTests.parts, CastTests.row(1, .text("seven"))),
      .insert(CastTests.parts, CastTests.row(2, .text("7"))),
    ]
    let stopped = failure { _ = try TransformTrial.apply(blocks, changes) }
    #expect(stopped?.code == .badValue)
    #expect(stopped?.place == "p.yaml:4:60")
    let rows = try TransformTrial.apply(blocks, changes, badRows: .quarantine)
    #expect(rows.map(\.table.table) == ["parts", "parts_freshet_quarantine"])
    #expect(rows[0].after == [.int(2), .int(7), .decimal("1.50")])
    #expect(rows[1].after?[3] == .text("{\"id\":1}"))
  }

  @Test(arguments: [
    ("id: 'decimal(10,0)'", true), ("id: bigint", true), ("id: 'char(20)'", true), ("id: 'char(3)'", false),
    ("id: double", false),
  ])
  func aColumnOfTheKeyOnlyGetsATypeThatKeepsItsValuesApart(_ column: String, _ passes: Bool) throws {
    let chain = try TransformTrial.chain("{ cast: { table: shop.parts, columns: { \(column) } } }")
    let refused = failure {
      let schema = try chain.schema(for: CastTests.parts)
      #expect(schema.key == [0])
    }
    #expect(refused?.code == (passes ? nil : .configuration))
    #expect(passes || refused?.place == (column.contains("'") ? "p.yaml:4:59" : "p.yaml:4:58"))
  }

  @Test(arguments: [
    ("note: unsinged", "p.yaml:4:60: unknown type \"unsinged\" (did you mean \"unsigned\"?)"),
    ("note: 'decimal(70,2)'", "p.yaml:4:61: expected a number up to 65"),
    ("note: 'signed) + cast(id as signed'", "p.yaml:4:61: \"signed) + cast(id as signed\" is no type"),
    ("note: [a]", "p.yaml:4:60: a type is expected here"), ("a: date, A: date", "p.yaml:4:63: \"A\" is written twice"),
  ])
  func aWrongTypeIsToldWithItsPlace(_ columns: String, _ message: String) throws {
    let told = TransformTrial.problems("{ cast: { table: shop.parts, columns: { \(columns) } } }")
    #expect(told.first?.description.hasPrefix(message) == true, "\(told)")
  }

  @Test func aTypeThatDoesNotSuitTheColumnIsRefusedAtItsPlace() throws {
    let chain = try TransformTrial.chain("{ cast: { table: shop.parts, columns: { price: date } } }")
    let refused = failure { _ = try chain.schema(for: CastTests.parts) }
    #expect(refused?.code == .configuration)
    #expect(
      refused?.description.hasPrefix("p.yaml:4:61: column \"price\" of table \"shop.parts\": a decimal cannot be cast")
        == true)
  }

  @Test func schemaChangesPassAndAnAddedColumnMustBeginAsNull() throws {
    let blocks = "{ cast: { table: 'shop.*', columns: { note: bigint, size: double } } }"
    func altered(_ size: ColumnSchema) -> MemoryChange {
      let after = TableSchema(
        name: CastTests.parts.name, columns: CastTests.parts.columns + [size], key: [0], version: 2)
      return .schema(
        SchemaChange(kind: .alter, table: after.name, before: CastTests.parts, after: after, statement: "ALTER …"))
    }
    let chain = try TransformTrial.chain(blocks)
    let added = altered(ColumnSchema(name: "size", type: .text(length: 9)))
    let change = try #require(try chain.apply(to: TransformTrial.batch([[added]])).schemaChanges.first)
    #expect(change.before?.columns.map(\.name) == ["id", "Note", "price"])
    #expect(change.after?.columns.map(\.name) == ["id", "Note", "price", "size"])
    #expect(change.after?.columns[1].type == .integer(bits: 64, unsigned: false))
    #expect(change.after?.columns[3].type == .float64)
    let full = ColumnSchema(name: "size", type: .text(length: 9), isNullable: false)
    #expect(failure { _ = try TransformTrial.apply(blocks, [altered(full)]) }?.code == .schemaChange)
  }
}
