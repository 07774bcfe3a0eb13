import Change
import MemoryConnector
import MessageDigest
import Pipeline
import Testing

/// What targets learn of the default of a masked column: rows that are there when it is added get it.
struct MaskDefaultTests {
  private static let secret = "0123456789abcdef"

  private static func hash(_ text: String) -> ColumnSchema.Default {
    var bytes = Array(text.utf8)
    KeyedHash(key: Array(secret.utf8)).append(ofRange: 0..<bytes.count, in: &bytes)
    return .literal(String(decoding: bytes[text.utf8.count...], as: UTF8.self))
  }

  private static func chain(_ action: String) throws -> TransformChain {
    try TransformTrial.chain("{ mask: { table: shop.users, columns: { added: \(action) }, secret: \"\(secret)\" } }")
  }

  private static func schema(_ added: ColumnSchema) -> TableSchema {
    TableSchema(name: TransformTrial.users.name, columns: TransformTrial.users.columns + [added], key: [0], version: 2)
  }

  /// The default of the added column in the change that targets are given.
  private static func added(
    _ column: ColumnSchema, _ action: String, _ statement: String = "ALTER TABLE users ADD added …"
  ) throws -> ColumnSchema.Default? {
    let change = SchemaChange(
      kind: .alter, table: TransformTrial.users.name, before: TransformTrial.users, after: schema(column),
      statement: statement)
    // A mask that names a column which is not there yet.
    let chain = try TransformTrial.chain(
      "{ mask: { table: shop.users, columns: { added: \(action) }, secret: \"\(secret)\", missing: warn } }")
    let batch = try chain.apply(to: TransformTrial.batch([[.schema(change)]]))
    return batch.schemaChanges[0].after?.columns.last?.defaultValue
  }

  private static func column(
    _ type: ColumnType, _ value: ColumnSchema.Default?, isNullable: Bool = true
  ) -> ColumnSchema {
    ColumnSchema(name: "added", type: type, isNullable: isNullable, defaultValue: value)
  }

  @Test(arguments: [
    (ColumnType.decimal(precision: 12, scale: 2, unsigned: false), "1.5", "1.50"),
    (.decimal(precision: 12, scale: 2, unsigned: false), "-0", "0.00"),
    (.decimal(precision: 9, scale: 0, unsigned: false), "007", "7"),
    (.integer(bits: 32, unsigned: true), "042", "42"), (.boolean, "true", "1"), (.json, "{}", "{}"),
    (.bytes(length: 4, padded: true), "ab", "ab\0\0"), (.text(length: 9), "", ""),
  ])
  func aDefaultHasTheHashOfItsValue(_ type: ColumnType, _ literal: String, _ value: String) throws {
    let schema = MaskDefaultTests.schema(MaskDefaultTests.column(type, .literal(literal)))
    let masked = try MaskDefaultTests.chain("hash").schema(for: schema)
    #expect(masked.columns.last?.defaultValue == MaskDefaultTests.hash(value))
  }

  @Test func otherActionsMaskADefaultToo() throws {
    let money = MaskDefaultTests.column(.decimal(precision: 12, scale: 2, unsigned: false), .literal("1.50"))
    let card = MaskDefaultTests.column(.text(length: 20), .literal("4111111111111111"))
    #expect(try MaskDefaultTests.added(money, "redact") == .literal("***"))
    #expect(try MaskDefaultTests.added(card, "last4") == .literal("***1111"))
    #expect(try MaskDefaultTests.added(card, "{ truncate: 2 }") == .literal("41"))
    #expect(try MaskDefaultTests.added(card, "\"null\"") == nil)
  }

  @Test func aColumnWithoutADefaultThatCannotBeNullHasOneImplicitly() throws {
    let number = MaskDefaultTests.column(.integer(bits: 32, unsigned: false), nil, isNullable: false)
    #expect(try MaskDefaultTests.added(number, "hash") == MaskDefaultTests.hash("0"))
    let day = MaskDefaultTests.column(.date, nil, isNullable: false)
    #expect(try MaskDefaultTests.added(day, "redact") == .literal("***"))
    // Without one, and nullable, it is NULL; and what only the statement knows the sinks refuse themselves.
    #expect(try MaskDefaultTests.added(MaskDefaultTests.column(.text(length: 9), nil), "hash") == nil)
    #expect(try MaskDefaultTests.added(number, "hash", "ALTER TABLE users ADD added INT DEFAULT 7") == nil)
  }

  @Test func aDefaultOfWhichTheValueIsNotKnownStopsThePipelineWhereRowsWouldGetIt() throws {
    let made = MaskDefaultTests.column(.text(length: 36), .expression("uuid()"), isNullable: false)
    #expect(failure { _ = try MaskDefaultTests.added(made, "hash") }?.code == .schemaChange)
    #expect(try MaskDefaultTests.added(made, "redact") == .literal("***"))
    var generated = MaskDefaultTests.column(.text(length: 36), nil)
    generated.generation = .stored
    #expect(failure { _ = try MaskDefaultTests.added(generated, "hash") }?.code == .schemaChange)
    // A table that begins with it has no such rows.
    #expect(
      try MaskDefaultTests.chain("hash").schema(for: MaskDefaultTests.schema(made)).columns.last?.defaultValue == nil)
  }
}
