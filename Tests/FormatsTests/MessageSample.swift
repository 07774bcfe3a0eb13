import Change
import Formats

/// One column of each type with a value, for the formats that are messages.
struct MessageSample {
  var sample: SampleBatch
  let schema: TableSchema
  let cells: [Cell]

  init(isSnapshot: Bool = false) {
    let sample = SampleBatch(isSnapshot: isSnapshot, identifier: isSnapshot ? "" : "0-101-28")
    let values: [(String, ColumnType, String, Cell)] = [
      ("tiny", .integer(bits: 8, unsigned: true), "tinyint(3) unsigned", .uint(200)),
      ("small", .integer(bits: 16, unsigned: false), "smallint(6)", .int(-5)),
      ("medium", .integer(bits: 24, unsigned: true), "mediumint(8) unsigned", .uint(16_777_215)),
      ("big", .integer(bits: 64, unsigned: true), "bigint(20) unsigned", .uint(.max)),
      (
        "price", .decimal(precision: 10, scale: 4, unsigned: false), "decimal(10,4)", .decimal64(unscaled: -5, scale: 4)
      ),
      (
        "huge", .decimal(precision: 65, scale: 0, unsigned: false), "decimal(65,0)",
        sample.text(String(repeating: "9", count: 65), .decimal)
      ),
      ("f", .float32, "float", .float32(0.1)), ("d", .float64, "double", .float64(1e300)),
      ("fixed", .text(length: 16), "char(16)", sample.text("a\"b\\c\n<é>")),
      ("var", .text(length: 16), "varchar(16)", sample.text("")),
      ("long", .text(length: 0), "mediumtext", sample.text("text")),
      ("bin", .bytes(length: 16, padded: true), "binary(16)", sample.bytes([0, 9, 34, 60, 92, 128, 255])),
      ("blob", .bytes(length: 0, padded: false), "longblob", sample.bytes([])),
      ("day", .date, "date", .civil(CivilTime(year: 0, month: 0, day: 0))),
      ("span", .time(fraction: 3), "time(3)", .time(microseconds: -3_020_399_001_000)),
      ("at", .timestamp(fraction: 6), "datetime(6)", .timestamp(microseconds: 1_709_210_096_789_000)),
      ("stamp", .timestampZoned(fraction: 0), "timestamp", .timestampZoned(microseconds: 1_709_210_096_000_000)),
      ("y", .year, "year(4)", .int(2024)), ("bits", .bit(width: 64), "bit(64)", .bits(.max)),
      ("e", .enumeration(members: ["a", "b'c"]), "enum('a','b''c')", sample.text("b'c")),
      ("s", .set(members: ["x", "y", "z"]), "set('x','y','z')", sample.text("x,z")),
      ("none", .set(members: ["x"]), "set('x')", sample.text("")),
      ("doc", .json, "json", sample.text(#"{"a": [1, "ü"]}"#, .json)),
      ("point", .geometry(.point), "point", sample.bytes([1, 2])), ("nothing", .text(length: 3), "varchar(3)", .null),
    ]
    self.sample = sample
    let id = ColumnSchema(
      name: "id", type: .integer(bits: 32, unsigned: false), isNullable: false, nativeType: "int(11)")
    schema = TableSchema(
      name: TableName(namespace: "golden", table: "types"),
      columns: [id] + values.map { ColumnSchema(name: $0.0, type: $0.1, nativeType: $0.2) }, key: [0])
    cells = [.int(7)] + values.map(\.3)
  }
}
