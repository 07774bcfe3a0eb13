import Change
import MemoryConnector
import Pipeline
import Testing

struct ProjectTests {
  private static let changes: [MemoryChange] = [
    .insert(TransformTrial.users, TransformTrial.row(1, "a")),
    .insert(Shop.orders, [.int(7), .text("new")]),
    .update(TransformTrial.users, before: TransformTrial.row(1, "a"), after: TransformTrial.row(1, "b")),
    .delete(TransformTrial.users, TransformTrial.row(1, "b")),
  ]

  @Test func excludedColumnsAreGoneFromEveryImage() throws {
    let rows = try TransformTrial.apply(
      "{ project: { table: shop.users, exclude: [email, balance] } }", ProjectTests.changes)
    let card = MemoryValue.text("4111 1111 1111 1234")
    #expect(rows.map(\.before) == [nil, nil, [.int(1), card], [.int(1), card]])
    #expect(rows.map(\.after) == [[.int(1), card], [.int(7), .text("new")], [.int(1), card], nil])
  }

  @Test func columnsComeInTheOrderThatIsAskedForUnderTheirNewNames() throws {
    let blocks = "{ project: { table: shop.users, include: [email, id], rename: { email: mail }, order: [id] } }"
    let rows = try TransformTrial.apply(blocks, ProjectTests.changes)
    #expect(rows[0].after == [.int(1), .text("a")])
    #expect(rows[2].after == [.int(1), .text("b")])
    let schema = try TransformTrial.chain(blocks).schema(for: TransformTrial.users)
    #expect(schema.columns.map(\.name) == ["id", "mail"])
    #expect(schema.key == [0])
    #expect(schema.indexes?.map(\.name) == ["by_email"])
    #expect(schema.indexes?.first?.parts.first?.column == 1)
    #expect(schema.uniqueKeys == [[1]])
  }

  @Test func aRunOfColumnsAndNewNamesTouchNoCell() throws {
    for blocks in [
      "{ project: { table: shop.users, exclude: [balance, card] } }",
      "{ project: { table: shop.users, rename: { email: mail } } }",
    ] {
      let chain = try TransformTrial.chain(blocks)
      let batch = TransformTrial.batch([ProjectTests.changes])
      let result = try chain.apply(to: batch)
      #expect(
        result.cells.withUnsafeBufferPointer { $0.baseAddress }
          == batch.cells.withUnsafeBufferPointer { $0.baseAddress })
      #expect(
        result.arena.withUnsafeBufferPointer { $0.baseAddress }
          == batch.arena.withUnsafeBufferPointer { $0.baseAddress })
      #expect(TransformTrial.rows(result)[0].after?.prefix(2) == [.int(1), .text("a")])
    }
  }

  @Test func aRunThatBeginsLaterIsReachedByMovingRows() throws {
    let schema = TableSchema(
      name: TransformTrial.users.name, columns: TransformTrial.users.columns, key: [1], keyIsPrimary: false)
    let rows = try TransformTrial.apply(
      "{ project: { table: shop.users, include: [email, card] } }",
      [.update(schema, before: TransformTrial.row(1, "a"), after: TransformTrial.row(2, "a", "x"))])
    #expect(rows[0].before == [.text("a"), .text("4111 1111 1111 1234")])
    #expect(rows[0].after == [.text("a"), .text("x")])
  }

  /// The source's `email` is `mail` here: its renaming names columns that no sink has, and must not be taken at its word.
  @Test(arguments: [("rename: { email: mail }", true), ("exclude: balance", false)])
  func theSourcesStatementIsNotTheSinks(_ options: String, _ forgetsWords: Bool) throws {
    var columns = TransformTrial.users.columns
    columns[1].name = "address"
    let after = TableSchema(name: TransformTrial.users.name, columns: columns, key: [0], version: 2)
    let change = SchemaChange(
      kind: .alter, table: after.name, before: TransformTrial.users, after: after,
      statement: "ALTER TABLE users RENAME COLUMN email TO address")
    let chain = try TransformTrial.chain("{ project: { table: \"shop.*\", missing: warn, \(options) } }")
    let projected = try chain.apply(to: TransformTrial.batch([[.schema(change)]])).schemaChanges
    #expect(projected.map(\.statement) == [""])
    #expect(projected.map { $0.words.renamedColumns.isEmpty } == [forgetsWords])
  }

  @Test(arguments: [
    ("exclude: [card, id]", "p.yaml:4:62: `project` leaves out column \"id\""),
    ("include: email", "p.yaml:4:55: `project` leaves out column \"id\""),
    (
      "exclude: emial",
      "p.yaml:4:55: `project` names column \"emial\", which table \"shop.users\" does not have (did you mean \"email\"?)"
    ),
    ("rename: { email: Card }", "p.yaml:4:56: `project` gives two columns of table \"shop.users\" the name \"card\""),
    ("exclude: card, rename: { card: c }", "p.yaml:4:71: `project` renames column \"card\""),
    ("order: [id, nothing]", "p.yaml:4:58: `project` names column \"nothing\""),
  ])
  func whatMakesNoTableIsRefusedAtItsPlace(options: String, message: String) throws {
    let chain = try TransformTrial.chain("{ project: { table: shop.users, \(options) } }")
    let refused = failure { _ = try chain.schema(for: TransformTrial.users) }
    #expect(refused?.code == .configuration)
    #expect(refused?.description.lowercased().hasPrefix(message.lowercased()) == true, "\(String(describing: refused))")
  }

  @Test(arguments: [
    "{ project: { table: shop.users, exclude: card } }",
    "{ mask: { table: shop.users, columns: { card: redact } } }",
    "{ compute: { table: shop.users, columns: { twice: \"id * 2\" } } }",
  ])
  func aGeneratedColumnThatIsAddedStopsThePipelineWhereItBecomesAPlainOne(_ blocks: String) throws {
    var sum = ColumnSchema(name: "sum", type: .integer(bits: 64, unsigned: false))
    sum.generation = .stored
    let users = TransformTrial.users
    let after = TableSchema(name: users.name, columns: users.columns + [sum], key: [0], version: 2)
    let change = SchemaChange(
      kind: .alter, table: users.name, before: users, after: after, statement: "ALTER TABLE users ADD sum …")
    #expect(failure { _ = try TransformTrial.apply(blocks, [.schema(change)]) }?.code == .schemaChange)
    let hidden = "{ mask: { table: shop.users, columns: { sum: \"null\", card: redact }, missing: warn } }"
    #expect(failure { _ = try TransformTrial.apply(hidden, [.schema(change)]) } == nil)
  }
}
