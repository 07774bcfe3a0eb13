import Change
import MemoryConnector
import MessageDigest
import Pipeline
import Testing

struct MaskTests {
  private static let secret = "0123456789abcdef"
  private static let hashing = "secret: \"\(secret)\""

  private static func hash(_ text: String) -> MemoryValue {
    var bytes = Array(text.utf8)
    KeyedHash(key: Array(secret.utf8)).append(ofRange: 0..<bytes.count, in: &bytes)
    return .text(String(decoding: bytes[text.utf8.count...], as: UTF8.self))
  }

  @Test func everyActionHidesTheRowBeforeAndTheRowAfter() throws {
    let rows = try TransformTrial.apply(
      "{ mask: { table: shop.users, columns: { email: hash, card: last4, balance: redact }, \(MaskTests.hashing) } }",
      [
        .insert(TransformTrial.users, TransformTrial.row(1, "a@b.c")),
        .update(
          TransformTrial.users, before: TransformTrial.row(1, "a@b.c"), after: TransformTrial.row(1, "ä@ö.ü", "123")),
        .delete(TransformTrial.users, [.int(1), .null, .absent, .decimal("-0.05")]),
      ])
    let first: [MemoryValue] = [.int(1), MaskTests.hash("a@b.c"), .text("***1234"), .text("***")]
    #expect(rows[0].after == first)
    #expect(rows[1].before == first)
    #expect(rows[1].after == [.int(1), MaskTests.hash("ä@ö.ü"), .text("***"), .text("***")])
    #expect(rows[2].before == [.int(1), .null, .absent, .text("***")])
  }

  @Test func numbersAreHashedByTheirPlainText() throws {
    let rows = try TransformTrial.apply(
      "{ mask: { table: shop.users, columns: { id: hash, balance: hash }, \(MaskTests.hashing) } }",
      [
        .insert(TransformTrial.users, TransformTrial.row(-42, "", "", "-0.05")),
        .insert(TransformTrial.users, TransformTrial.row(.min, "", "", "1234567890.10")),
        .insert(TransformTrial.users, TransformTrial.row(0, "", "", "0.00")),
      ])
    #expect(rows[0].after == [MaskTests.hash("-42"), .text(""), .text(""), MaskTests.hash("-0.05")])
    #expect(
      rows[1].after
        == [MaskTests.hash("-9223372036854775808"), .text(""), .text(""), MaskTests.hash("1234567890.10")])
    #expect(rows[2].after == [MaskTests.hash("0"), .text(""), .text(""), MaskTests.hash("0.00")])
  }

  @Test func manyValuesOfEveryLengthAreHashedEachInItsPlace() throws {
    // Texts of one block of the hash and of more, NULLs, and updates that leave the value as it was.
    let texts = (0..<300).map { String(repeating: "x", count: $0 % 70) + "\($0)" }
    let changes = texts.indices.map { number in
      let row = TransformTrial.row(Int64(number), texts[number])
      switch number % 4 {
      case 0: return MemoryChange.insert(TransformTrial.users, row)
      case 1:
        return .update(
          TransformTrial.users, before: row, after: TransformTrial.row(Int64(number), texts[number], "other"))
      case 2:
        return .update(
          TransformTrial.users, before: TransformTrial.row(Int64(number), texts[number - 1]), after: row)
      default: return .delete(TransformTrial.users, [.int(Int64(number)), .null, .text(texts[number]), .absent])
      }
    }
    let rows = try TransformTrial.apply(
      "{ mask: { table: shop.users, columns: { id: hash, email: hash, card: hash }, \(MaskTests.hashing) } }", changes)
    try #require(rows.count == texts.count)
    for number in texts.indices {
      let identity = MaskTests.hash("\(number)")
      let email = MaskTests.hash(texts[number])
      switch number % 4 {
      case 0: #expect(rows[number].after?.prefix(2) == [identity, email])
      case 1:
        #expect(rows[number].before?.prefix(2) == [identity, email])
        #expect(rows[number].after?.prefix(3) == [identity, email, MaskTests.hash("other")])
      case 2:
        #expect(rows[number].before?.prefix(2) == [identity, MaskTests.hash(texts[number - 1])])
        #expect(rows[number].after?.prefix(2) == [identity, email])
      default: #expect(rows[number].before == [identity, .null, email, .absent])
      }
    }
  }

  @Test func aBatchThatNobodyElseHoldsIsChangedInPlace() throws {
    let chain = try TransformTrial.chain(
      """
      { filter: { table: shop.users, where: "email <> 'b'" } },
      { mask: { table: shop.users, columns: { email: redact } } }
      """)
    let batch = TransformTrial.batch([
      ["a", "b", "c"].enumerated().map { .insert(TransformTrial.users, TransformTrial.row(Int64($0), $1)) }
    ])
    let cells = batch.cells.withUnsafeBufferPointer(\.baseAddress)
    let changes = batch.changes.withUnsafeBufferPointer(\.baseAddress)
    let masked = try chain.apply(to: consume batch)
    #expect(masked.changes.count == 2)
    #expect(masked.cells.withUnsafeBufferPointer(\.baseAddress) == cells)
    #expect(masked.changes.withUnsafeBufferPointer(\.baseAddress) == changes)
  }

  @Test func truncationCountsCharactersAndNullHidesAll() throws {
    let rows = try TransformTrial.apply(
      "{ mask: { table: shop.users, columns: { email: { truncate: 3 }, card: null, balance: \"null\" } } }",
      [
        .insert(TransformTrial.users, TransformTrial.row(1, "äöüß")),
        .insert(TransformTrial.users, TransformTrial.row(2, "ab")),
      ])
    #expect(rows[0].after == [.int(1), .text("äöü"), .null, .null])
    #expect(rows[1].after == [.int(2), .text("ab"), .null, .null])
  }

  @Test func theSchemaSaysWhatTheValuesAre() throws {
    let chain = try TransformTrial.chain(
      "{ mask: { table: shop.users, columns: { email: hash, card: last4, balance: null }, \(MaskTests.hashing) } }")
    let schema = try chain.schema(for: TransformTrial.users)
    #expect(
      schema.columns.map(\.type) == [
        .integer(bits: 64, unsigned: false), .text(length: 64), .text(length: 7),
        .decimal(precision: 12, scale: 2, unsigned: false),
      ])
    #expect(schema.columns.map(\.nativeType) == ["bigint(20)", "", "", ""])
    #expect(schema.columns[1].charset == nil)
    #expect(schema.columns[3].isNullable)
    // A hash keeps values apart, and four digits do not.
    #expect(schema.indexes?.map(\.name) == ["by_email"])
    #expect(schema.uniqueKeys == [[1]])
    #expect(try chain.schema(for: Shop.orders) === Shop.orders)
  }

  @Test func aDefaultIsMaskedLikeAValue() throws {
    var columns = TransformTrial.users.columns
    columns[1].defaultValue = .literal("nobody@shop")
    columns[2].defaultValue = .expression("uuid()")
    let schema = TableSchema(name: TransformTrial.users.name, columns: columns, key: [0])
    let masked = try TransformTrial.chain(
      "{ mask: { table: shop.users, columns: { email: hash, card: redact }, \(MaskTests.hashing) } }"
    ).schema(for: schema)
    guard case .text(let digits) = MaskTests.hash("nobody@shop") else { return }
    #expect(masked.columns[1].defaultValue == .literal(digits))
    #expect(masked.columns[2].defaultValue == nil)
  }

  @Test(arguments: [
    ("{ id: redact }", "p.yaml:4:54: `mask` would make values of the key equal: column \"id\" of table \"shop.users\""),
    ("{ card: null, id: last4 }", "p.yaml:4:66: `mask` would make values of the key equal"),
    ("{ balance: { truncate: 2 } }", "p.yaml:4:54: `mask` cannot use truncate on column \"balance\""),
    (
      "{ emial: redact }",
      "p.yaml:4:54: `mask` names column \"emial\", which table \"shop.users\" does not have (did you mean \"email\"?)"
    ),
  ])
  func whatWouldLoseRowsOrLetValuesThroughIsRefusedAtItsPlace(columns: String, message: String) throws {
    let chain = try TransformTrial.chain("{ mask: { table: shop.users, columns: \(columns) } }")
    let refused = failure { _ = try chain.schema(for: TransformTrial.users) }
    #expect(refused?.code == .configuration)
    #expect(refused?.description.hasPrefix(message) == true, "\(String(describing: refused))")
  }

  @Test func aPatternOfTablesMayNameAColumnThatNotAllHave() throws {
    let chain = try TransformTrial.chain("{ mask: { table: \"shop.*\", columns: { Email: redact, state: redact } } }")
    #expect(try chain.schema(for: TransformTrial.users).columns[1].type == .text(length: 3))
    #expect(try chain.schema(for: Shop.orders).columns[1].type == .text(length: 3))
  }

  @Test func aMaskedColumnThatMayHaveBeenRenamedStopsThePipeline() throws {
    var columns = TransformTrial.users.columns
    columns[1].name = "mail"
    let after = TableSchema(name: TransformTrial.users.name, columns: columns, key: [0], version: 2)
    let change = SchemaChange(
      kind: .alter, table: after.name, before: TransformTrial.users, after: after, statement: "")
    let chain = try TransformTrial.chain("{ mask: { table: \"shop.*\", columns: { email: redact } } }")
    #expect(failure { _ = try chain.apply(to: TransformTrial.batch([[.schema(change)]])) }?.code == .schemaChange)
  }

  private func altered(_ columns: [ColumnSchema], _ statement: String) -> SchemaChange {
    let after = TableSchema(name: TransformTrial.users.name, columns: columns, key: [0], version: 2)
    return SchemaChange(
      kind: .alter, table: after.name, before: TransformTrial.users, after: after, statement: statement)
  }

  @Test(arguments: [
    // The old name is there again.
    (
      "RENAME COLUMN email TO email_raw, ADD COLUMN email VARCHAR(100)",
      ["id", "email_raw", "card", "balance", "email"]
    ),
    // No new name comes.
    ("CHANGE `email` card VARCHAR(100), CHANGE card `EMAIL` VARCHAR(100)", ["id", "card", "email", "balance"]),
  ])
  func aMaskedColumnThatGetsAnotherNameStopsThePipeline(_ statement: String, _ names: [String]) throws {
    let columns = names.map {
      ColumnSchema(name: $0, type: $0 == "id" ? .integer(bits: 64, unsigned: false) : .text(length: 100))
    }
    let change = altered(columns, "ALTER TABLE users \(statement)")
    let chain = try TransformTrial.chain("{ mask: { table: shop.users, columns: { email: redact } } }")
    #expect(failure { _ = try chain.apply(to: TransformTrial.batch([[.schema(change)]])) }?.code == .schemaChange)
    // What gets a name that is masked, too, may go on.
    let wide = try TransformTrial.chain(
      "{ mask: { table: \"shop.*\", columns: { email: redact, email_raw: redact, card: redact } } }")
    #expect(failure { _ = try wide.apply(to: TransformTrial.batch([[.schema(change)]])) } == nil)
  }

  @Test func aStatementThatMayHoldWhatIsMaskedIsNotShown() throws {
    let change = altered(
      TransformTrial.users.columns, "ALTER TABLE users ALTER card SET DEFAULT '4111111111111111'")
    let chain = try TransformTrial.chain("{ mask: { table: shop.users, columns: { card: last4 } } }")
    let masked = try chain.apply(to: TransformTrial.batch([[.schema(change)]])).schemaChanges
    #expect(masked.map(\.statement) == [""])
    // What it does to names the sinks still know.
    #expect(masked.map { $0.words.declaresDefault } == [true])
    let other = try TransformTrial.chain("{ mask: { table: shop.orders, columns: { state: redact } } }")
    #expect(
      try other.apply(to: TransformTrial.batch([[.schema(change)]])).schemaChanges[0].statement == change.statement)
  }

  @Test(arguments: [
    (ColumnType.decimal(precision: 14, scale: 2, unsigned: false), true),
    (.decimal(precision: 14, scale: 4, unsigned: false), false), (.text(length: 20), false),
  ])
  func aHashedColumnThatGetsOtherTextsStopsThePipeline(_ type: ColumnType, _ goesOn: Bool) throws {
    var columns = TransformTrial.users.columns
    columns[3].type = type
    let change = altered(columns, "ALTER TABLE users MODIFY balance …")
    let chain = try TransformTrial.chain(
      "{ mask: { table: shop.users, columns: { balance: hash }, secret: sixteen-bytes-at-least } }")
    let code = failure { _ = try chain.apply(to: TransformTrial.batch([[.schema(change)]])) }?.code
    #expect(code == (goesOn ? nil : .schemaChange))
  }

  @Test(arguments: [true, false])
  func aMaskedTableThatLeavesTheBlockByItsNameStopsThePipeline(_ knowsBefore: Bool) throws {
    let after = TableSchema(
      name: TableName(namespace: "shop", table: "people"), columns: TransformTrial.users.columns, key: [0], version: 2)
    let change = SchemaChange(
      kind: .rename, table: TransformTrial.users.name, before: knowsBefore ? TransformTrial.users : nil, after: after,
      statement: "")
    let narrow = try TransformTrial.chain("{ mask: { table: shop.users, columns: { email: redact } } }")
    #expect(failure { _ = try narrow.apply(to: TransformTrial.batch([[.schema(change)]])) }?.code == .schemaChange)
    let wide = try TransformTrial.chain("{ mask: { table: \"shop.*\", columns: { email: redact } } }")
    #expect(failure { _ = try wide.apply(to: TransformTrial.batch([[.schema(change)]])) } == nil)
  }

  @Test func theSecretDoesNotShow() throws {
    let definition = try TransformTrial.definitions(
      "{ mask: { table: shop.t, columns: { a: hash }, secret: very-secret-secret } }")
    #expect(!"\(definition)".contains("very-secret-secret"))
  }
}
