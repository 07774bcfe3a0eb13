import Change
import MemoryConnector
import Pipeline
import Testing

struct FlattenTests {
  private static let users = TableSchema(
    name: TableName(namespace: "shop", table: "users"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "address", type: .json),
      ColumnSchema(name: "state", type: .text(length: 9)),
    ], key: [0], indexes: [TableIndex(name: "by_state", kind: .ordinary, parts: [.init(column: 2)])])

  private static let blocks =
    "{ flatten: { table: shop.users, column: address, fields: { city: text, geo.lat: double, zip: json } } }"

  private static func row(_ id: Int64, _ document: String) -> [MemoryValue] {
    [.int(id), .json(document), .text("new")]
  }

  @Test func theFieldsAreColumnsWhereTheDocumentWas() throws {
    let schema = try TransformTrial.chain(FlattenTests.blocks).schema(for: FlattenTests.users)
    #expect(schema.columns.map(\.name) == ["id", "address_city", "address_geo_lat", "address_zip", "state"])
    #expect(
      schema.columns.map(\.type) == [
        .integer(bits: 64, unsigned: false), .text(length: 0), .float64, .json, .text(length: 9),
      ])
    #expect(schema.columns.map(\.isNullable) == [false, true, true, true, true])
    #expect(schema.key == [0])
    #expect(schema.indexes?.first?.parts.map(\.column) == [4])
    let rows = try TransformTrial.apply(
      FlattenTests.blocks,
      [
        .insert(FlattenTests.users, FlattenTests.row(1, #"{"city": "Oslo", "geo": {"lat": 59.9}, "zip": ["1", 2]}"#)),
        .update(
          FlattenTests.users, before: FlattenTests.row(1, #"{"city":"null","geo":{}}"#),
          after: FlattenTests.row(1, #"{"city":null,"zip":"0150"}"#)),
        .insert(FlattenTests.users, [.int(2), .null, .text("new")]),
        .insert(FlattenTests.users, FlattenTests.row(3, "null")),
        .insert(Shop.orders, [.int(7), .text("new")]),
        .delete(FlattenTests.users, [.int(1), .absent, .absent]),
      ])
    let new = MemoryValue.text("new")
    #expect(rows[0].after == [.int(1), .text("Oslo"), .double(59.9), .json(#"["1", 2]"#), new])
    #expect(rows[1].before == [.int(1), .text("null"), .null, .null, new])
    #expect(rows[1].after == [.int(1), .null, .null, .json("\"0150\""), new])
    #expect(rows[2].after == [.int(2), .null, .null, .null, new])
    #expect(rows[3].after == [.int(3), .null, .null, .null, new])
    #expect(rows[4].after == [.int(7), new])
    #expect(rows[5].before == [.int(1), .absent, .absent, .absent, .absent])
  }

  @Test func theDocumentMayStayAndTheNamesMayBegin() throws {
    let blocks = "{ flatten: { table: shop.users, column: address, fields: { a b: bigint }, prefix: '', keep: true } }"
    let schema = try TransformTrial.chain(blocks).schema(for: FlattenTests.users)
    #expect(schema.columns.map(\.name) == ["id", "address", "a b", "state"])
    let document = #"{"a b":"12"}"#
    let rows = try TransformTrial.apply(
      blocks,
      [
        .insert(FlattenTests.users, FlattenTests.row(1, document)),
        .update(
          FlattenTests.users, before: [.int(1), .absent, .absent], after: [.int(1), .unavailable, .text("paid")]),
      ])
    #expect(rows[0].after == [.int(1), .json(document), .int(12), .text("new")])
    #expect(rows[1].after == [.int(1), .unavailable, .absent, .text("paid")])
  }

  @Test(arguments: ["[1]", "\"text\"", "hello", "{\"a\":1", "", #"{"geo":{"lat":"north"}}"#])
  func whatHasNoFieldsOrAValueOfAnotherTypeIsABadRow(_ document: String) throws {
    let changes = [
      MemoryChange.insert(FlattenTests.users, FlattenTests.row(1, document)),
      .insert(FlattenTests.users, FlattenTests.row(2, "{}")),
      .update(FlattenTests.users, before: FlattenTests.row(3, document), after: FlattenTests.row(3, "{}")),
    ]
    let stopped = failure { _ = try TransformTrial.apply(FlattenTests.blocks, changes) }
    #expect(stopped?.code == .badValue)
    #expect(stopped?.place.hasPrefix("p.yaml:4:") == true)
    #expect(stopped?.description.contains(document) == document.isEmpty)
    let rows = try TransformTrial.apply(FlattenTests.blocks, changes, badRows: .quarantine)
    #expect(rows.map(\.table.table) == ["users", "users", "users_freshet_quarantine"])
    #expect(rows[2].after?[3] == .text("{\"id\":1}"))
  }

  @Test func aTableWithoutAKeyNeedsBothDocuments() throws {
    let heap = TableSchema(name: FlattenTests.users.name, columns: FlattenTests.users.columns, key: [])
    let rows = try TransformTrial.apply(
      FlattenTests.blocks, [.delete(heap, FlattenTests.row(1, "[]"))], badRows: .quarantine)
    #expect(rows.map(\.table.table) == ["users_freshet_quarantine"])
  }

  @Test(arguments: [
    ("fields: { city: cahr }", "p.yaml:4:79: unknown type \"cahr\" (did you mean \"char\"?)"),
    ("fields: { geo..lat: text }", "p.yaml:4:73: \"geo..lat\" is not the path of a field"),
    ("fields: { a.b: text, a_b: text }", "p.yaml:4:84: two fields would get the name \"address_a_b\""),
    ("fields: city", "p.yaml:4:71: \"fields\" must be a block of names and types"),
    ("keep: true", "p.yaml:4:25: \"fields\" is missing"),
  ])
  func aWrongBlockIsToldWithItsPlace(_ options: String, _ message: String) throws {
    let told = TransformTrial.problems("{ flatten: { table: shop.users, column: address, \(options) } }")
    #expect(told.first?.description.hasPrefix(message) == true, "\(told)")
  }

  @Test(arguments: [
    ("column: id, fields: { a: text }", "p.yaml:4:54: `flatten` leaves out column \"id\""),
    ("column: address, prefix: st, fields: { ate: text }", "p.yaml:4:90: `flatten` makes column \"state\""),
    ("column: adress, fields: { a: text }", "p.yaml:4:54: `flatten` names column \"adress\""),
    (
      "column: id, keep: true, fields: { a: text }",
      "p.yaml:4:83: column \"id_a\" of table \"shop.users\": a path needs"
    ),
  ])
  func whatMakesNoTableIsRefused(_ options: String, _ message: String) throws {
    let chain = try TransformTrial.chain("{ flatten: { table: shop.users, \(options) } }")
    let refused = failure { _ = try chain.schema(for: FlattenTests.users) }
    #expect(refused?.code == .configuration)
    #expect(refused?.description.hasPrefix(message) == true, "\(String(describing: refused))")
  }

  @Test func schemaChangesAreShownWithoutTheSourcesStatement() throws {
    let blocks = "{ flatten: { table: 'shop.*', column: address, fields: { city: text } } }"
    func altered(_ columns: [ColumnSchema]) -> MemoryChange {
      let after = TableSchema(name: FlattenTests.users.name, columns: columns, key: [0], version: 2)
      return .schema(
        SchemaChange(kind: .alter, table: after.name, before: FlattenTests.users, after: after, statement: "ALTER …"))
    }
    let columns = FlattenTests.users.columns
    let chain = try TransformTrial.chain(blocks)
    let gone = try chain.apply(to: TransformTrial.batch([[altered([columns[0], columns[2]])]])).schemaChanges[0]
    #expect(gone.before?.columns.map(\.name) == ["id", "address_city", "state"])
    #expect(gone.after?.columns.map(\.name) == ["id", "state"])
    #expect(gone.statement == "")
    // It may have been renamed: the rows that are there would lose it.
    var renamed = columns
    renamed[1].name = "home"
    #expect(failure { _ = try TransformTrial.apply(blocks, [altered(renamed)]) }?.code == .schemaChange)
  }
}
