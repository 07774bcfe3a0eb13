import Change
import MemoryConnector
import Pipeline
import Testing

struct RouteTests {
  private static func table(_ name: String) -> TableSchema {
    TableSchema(name: TableName(namespace: "shop", table: name), columns: Shop.orders.columns, key: [0])
  }

  private static func rename(_ old: String, _ new: String) -> MemoryChange {
    .schema(
      SchemaChange(
        kind: .rename, table: table(old).name, before: table(old), after: table(new), statement: ""))
  }

  @Test func capturesBecomeTheNewName() throws {
    let rows = try TransformTrial.apply(
      "{ route: { from: 'shop\\.(.*)', to: 'warehouse.shop_$1' } }, { route: { from: '.*_users', to: 'people.users' } }",
      [
        .insert(Shop.orders, [.int(1), .text("new")]),
        .insert(TransformTrial.users, TransformTrial.row(1, "a")),
        .schema(SchemaChange(kind: .truncate, table: Shop.orders.name, before: nil, after: nil, statement: "")),
      ])
    #expect(
      rows.map(\.table.description) == ["warehouse.shop_orders", "people.users", "warehouse.shop_orders"])
    #expect(rows[0].after == [.int(1), .text("new")])
  }

  @Test func aNameThatIsNotMatchedAsAWholeStays() throws {
    let rows = try TransformTrial.apply(
      "{ route: { from: 'shop.order', to: 'a.b' } }", [.insert(Shop.orders, [.int(1), .null])])
    #expect(rows[0].table == Shop.orders.name)
  }

  @Test func tablesThatMeetAreToldUnlessTheyAreToBeMerged() throws {
    let changes: [MemoryChange] = (1...3).map { .insert(RouteTests.table("orders_\($0)"), [.int(Int64($0)), .null]) }
    let rule = "from: 'shop\\.orders_[0-9]', to: 'shop.orders'"
    let met = failure { _ = try TransformTrial.apply("{ route: { \(rule) } }", changes) }
    #expect(met?.code == .configuration)
    #expect(met?.message == "`route` leads \"shop.orders_1\" and \"shop.orders_2\" to the same name \"shop.orders\"")
    #expect(met?.place == "p.yaml:4:58")
    let rows = try TransformTrial.apply("{ route: { \(rule), merge: true } }", changes)
    #expect(rows.map(\.table.description) == Array(repeating: "shop.orders", count: 3))
  }

  @Test func aMergedTableIsOneForTheRulesBehind() throws {
    let changes: [MemoryChange] = (1...3).map { .insert(RouteTests.table("orders_\($0)"), [.int(Int64($0)), .null]) }
    let blocks =
      "{ route: { from: 'shop\\.orders_[0-9]', to: 'all.orders', merge: true } },"
      + " { route: { from: 'all\\.(.*)', to: 'copy.$1' } }, { route: { from: 'copy\\.(.*)', to: 'last.$1' } }"
    let created = SchemaChange(
      kind: .create, table: RouteTests.table("orders_4").name, before: nil, after: RouteTests.table("orders_4"),
      statement: "")
    let chain = try TransformTrial.chain(blocks)
    for _ in 0..<2 {
      let rows = TransformTrial.rows(
        try chain.apply(to: TransformTrial.batch([changes, [.schema(created)] + changes])))
      #expect(rows.map(\.table.description) == Array(repeating: "last.orders", count: 7))
    }
    let tables = (1...3).map { RouteTests.table("orders_\($0)") }
    #expect(
      try TransformTrial.chain(blocks).schemas(for: tables, areAll: true).map(\.name.description)
        == Array(repeating: "last.orders", count: 3))
    // It still meets another table, and a part of it still does not take it away.
    let other: [MemoryChange] = [
      .insert(
        TableSchema(name: TableName(namespace: "copy", table: "orders"), columns: Shop.orders.columns, key: [0]),
        [.int(9), .null])
    ]
    let met = failure { _ = try TransformTrial.apply(blocks, changes + other) }
    #expect(met?.message == "`route` leads \"shop.orders_1\" and \"copy.orders\" to the same name \"copy.orders\"")
    #expect(met?.place == "p.yaml:4:123")
    let truncated = SchemaChange(
      kind: .truncate, table: RouteTests.table("orders_1").name, before: nil, after: nil, statement: "")
    #expect(failure { _ = try chain.apply(to: TransformTrial.batch([[.schema(truncated)]])) }?.code == .schemaChange)
  }

  @Test func aTableThatKeepsItsNameMeetsOneThatGetsIt() throws {
    let changes: [MemoryChange] = ["orders", "old"].map { .insert(RouteTests.table($0), [.int(1), .null]) }
    #expect(
      failure { _ = try TransformTrial.apply("{ route: { from: 'shop.old', to: 'shop.orders' } }", changes) } != nil)
  }

  @Test func aTableThatIsReplacedByRenamingMeetsNobody() throws {
    // As tools do that change a table through a copy of it.
    let chain = try TransformTrial.chain("{ route: { from: 'shop\\.(.*)', to: 'copy.$1' } }")
    let first: [MemoryChange] = [.insert(RouteTests.table("orders"), [.int(1), .null])]
    _ = try chain.apply(to: TransformTrial.batch([first]))
    let swap: [MemoryChange] = [
      RouteTests.rename("orders", "orders_old"), RouteTests.rename("orders_new", "orders"),
      .insert(RouteTests.table("orders"), [.int(2), .null]), .insert(RouteTests.table("orders_old"), [.int(3), .null]),
    ]
    let rows = TransformTrial.rows(try chain.apply(to: TransformTrial.batch([swap])))
    #expect(rows.map(\.table.description) == ["copy.orders", "copy.orders_new", "copy.orders", "copy.orders_old"])
  }

  @Test func theLogDecidesWhoseNameItIs() throws {
    // One table goes, another comes to have its name, within one batch that holds rows of both.
    let old = RouteTests.table("orders_old")
    let new = RouteTests.table("orders_new")
    let chain = try TransformTrial.chain("{ route: { from: 'shop\\.orders_(.*)', to: 'copy.orders' } }")
    let changes: [MemoryChange] = [
      .insert(old, [.int(1), .null]),
      .schema(SchemaChange(kind: .drop, table: old.name, before: old, after: nil, statement: "")),
      .schema(SchemaChange(kind: .create, table: new.name, before: nil, after: new, statement: "")),
      .insert(new, [.int(2), .null]),
    ]
    let rows = TransformTrial.rows(try chain.apply(to: TransformTrial.batch([changes])))
    #expect(rows.map(\.operation) == [.insert, .schema, .schema, .insert])
    #expect(Set(rows.map(\.table.description)) == ["copy.orders"])
    // The other way round they meet.
    let meeting = try TransformTrial.chain("{ route: { from: 'shop\\.orders_(.*)', to: 'copy.orders' } }")
    let early: [MemoryChange] = [changes[0], changes[2], changes[1], changes[3]]
    #expect(failure { _ = try meeting.apply(to: TransformTrial.batch([early])) }?.code == .configuration)
  }

  @Test(arguments: [SchemaChange.Kind.drop, .truncate])
  func aPartOfAMergedTableDoesNotTakeTheWholeAway(kind: SchemaChange.Kind) throws {
    let change = SchemaChange(
      kind: kind, table: RouteTests.table("orders_1").name, before: nil, after: nil, statement: "")
    let blocks = "{ route: { from: 'shop\\.orders_[0-9]', to: 'shop.orders', merge: true } }"
    #expect(failure { _ = try TransformTrial.apply(blocks, [.schema(change)]) }?.code == .schemaChange)
    #expect(try TransformTrial.apply("{ only: { operations: insert } }, \(blocks)", [.schema(change)]).isEmpty)
  }
}
