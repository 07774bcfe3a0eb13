import Change
import MemoryConnector

/// The tables and rows that the suite writes.
enum ConformanceSchema {
  static let id = ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false)
  static let note = ColumnSchema(name: "note", type: .text(length: 0))
  static let name = TableName(namespace: "conformance", table: "items")
  static let items = TableSchema(name: name, columns: [id, note], key: [0])
  static let keyless = TableSchema(
    name: TableName(namespace: "conformance", table: "events"),
    columns: [ColumnSchema(name: "id", type: id.type), note], key: [])

  static func item(_ id: Int, _ note: String) -> [MemoryValue] { [.int(Int64(id)), .text(note)] }

  /// Each column with the values that are hardest to keep.
  static let columns: [(column: ColumnSchema, values: [MemoryValue])] = [
    (ColumnSchema(name: "c_boolean", type: .boolean), [.boolean(true), .boolean(false)]),
    (ColumnSchema(name: "c_tiny", type: .integer(bits: 8, unsigned: false)), [.int(-128), .int(127)]),
    (ColumnSchema(name: "c_big", type: .integer(bits: 64, unsigned: false)), [.int(.min), .int(.max)]),
    (ColumnSchema(name: "c_unsigned", type: .integer(bits: 64, unsigned: true)), [.uint(.max), .uint(0)]),
    (
      ColumnSchema(name: "c_decimal", type: .decimal(precision: 12, scale: 2, unsigned: false)),
      [.decimal("-9999999999.99"), .decimal("0.10")]
    ),
    (
      ColumnSchema(name: "c_long_decimal", type: .decimal(precision: 65, scale: 30, unsigned: false)),
      [
        .decimal("99999999999999999999999999999999999.999999999999999999999999999999"),
        .decimal("-0.000000000000000000000000000001"),
      ]
    ),
    (ColumnSchema(name: "c_float", type: .float32), [.float(1.5), .float(-0.25)]),
    (ColumnSchema(name: "c_double", type: .float64), [.double(0.1), .double(-1.7976931348623157e308)]),
    (ColumnSchema(name: "c_text", type: .text(length: 0)), [.text("it's \"quoted\", 😀\n\t\\"), .text("")]),
    (ColumnSchema(name: "c_bytes", type: .bytes(length: 0, padded: false)), [.bytes([0, 255, 10, 39]), .bytes([])]),
    (ColumnSchema(name: "c_date", type: .date), [.date(days: -719_162), .date(days: 2_932_896)]),
    (
      ColumnSchema(name: "c_time", type: .time(fraction: 6)),
      [.time(microseconds: -3_020_399_000_001), .time(microseconds: 1)]
    ),
    (
      ColumnSchema(name: "c_timestamp", type: .timestamp(fraction: 6)),
      [.timestamp(microseconds: 253_402_300_799_999_999), .timestamp(microseconds: -1)]
    ),
    (
      ColumnSchema(name: "c_zoned", type: .timestampZoned(fraction: 6)),
      [.timestampZoned(microseconds: 1_700_000_000_123_456), .timestampZoned(microseconds: 0)]
    ),
    (ColumnSchema(name: "c_year", type: .year), [.int(1901), .int(2155)]),
    (ColumnSchema(name: "c_bits", type: .bit(width: 64)), [.bits(.max), .bits(1)]),
    (ColumnSchema(name: "c_enum", type: .enumeration(members: ["a", "b,c"])), [.text("b,c"), .text("a")]),
    (ColumnSchema(name: "c_set", type: .set(members: ["x", "y"])), [.text("x,y"), .text("")]),
    (ColumnSchema(name: "c_json", type: .json), [.json(#"{"a":[1,"ü"]}"#), .json("null")]),
    (
      ColumnSchema(name: "c_uuid", type: .uuid),
      [.text("123e4567-e89b-12d3-a456-426614174000"), .text("00000000-0000-0000-0000-000000000000")]
    ),
    (ColumnSchema(name: "c_address", type: .address), [.text("::1"), .text("192.0.2.1")]),
  ]

  static let types = TableSchema(
    name: TableName(namespace: "conformance", table: "types"), columns: [id] + columns.map(\.column), key: [0])
}
