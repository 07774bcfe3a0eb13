import Change
import DebeziumFixtures
import Foundation

@testable import Formats

extension DebeziumFixture {
  /// A column as a schema event describes it. FLOAT(m,d) and REAL hold what Debezium made of them, widened or narrowed.
  static func column(_ value: FixtureValue) -> ColumnSchema {
    // 1970 is what Debezium makes of CURRENT_TIMESTAMP, which is no constant.
    let literal = value["defaultValueExpression"].text.flatMap { $0.hasPrefix("1970-01-01") ? nil : $0 }
    return ColumnSchema(
      name: value["name"].text ?? "", type: type(value), isNullable: value["optional"] == .boolean(true),
      defaultValue: literal.map { .literal($0 == "TRUE" ? "1" : $0) })
  }

  private static func type(_ value: FixtureValue) -> ColumnType {
    let words = (value["typeName"].text ?? "").split(separator: " ")
    let unsigned = words.contains("UNSIGNED")
    let length = Int(value["length"].integer ?? 0)
    switch words.first ?? "" {
    case "BOOL": return .boolean
    case "TINYINT": return .integer(bits: 8, unsigned: unsigned)
    case "SMALLINT": return .integer(bits: 16, unsigned: unsigned)
    case "MEDIUMINT": return .integer(bits: 24, unsigned: unsigned)
    case "INT": return .integer(bits: 32, unsigned: unsigned)
    case "BIGINT": return .integer(bits: 64, unsigned: unsigned)
    case "DECIMAL", "NUMERIC":
      return .decimal(precision: length, scale: Int(value["scale"].integer ?? 0), unsigned: unsigned)
    case "FLOAT": return length == 0 ? .float32 : .float64
    case "DOUBLE", "REAL": return .float64
    case "BIT": return .bit(width: length)
    case "YEAR": return .year
    case "DATE": return .date
    case "TIME": return .time(fraction: length)
    case "DATETIME": return .timestamp(fraction: length)
    case "TIMESTAMP": return .timestampZoned(fraction: length)
    case "BINARY": return .bytes(length: length, padded: true)
    case "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB": return .bytes(length: length, padded: false)
    case "JSON": return .json
    case let word: return GeometryKind(rawValue: word.lowercased()).map { .geometry($0) } ?? .text(length: length)
    }
  }

  /// The cell whose value a record of the default settings shows; `text` is the same value where decimals are strings.
  static func cell(_ value: FixtureValue, _ text: FixtureValue, _ type: ColumnType, _ arena: inout [UInt8]) -> Cell? {
    func slice(_ tag: Cell.Tag, _ bytes: some Sequence<UInt8>) -> Cell {
      let offset = arena.count
      arena.append(contentsOf: bytes)
      return .slice(tag, offset: offset, length: arena.count - offset)
    }
    switch (type, value) {
    case (_, .null): return .null
    case (.boolean, .boolean(let value)): return .boolean(value)
    case (.bit, .boolean(let value)): return .bits(value ? 1 : 0)
    case (.integer(_, true), .integer(let value)): return .uint(UInt64(bitPattern: value))
    case (.integer, .integer(let value)), (.year, .integer(let value)): return .int(value)
    case (.decimal, _): return Cell(literal: text.text ?? "", of: type, arena: &arena)
    case (.float32, _): return .float32(Float(value.number))
    case (.float64, _): return .float64(value.number)
    case (.date, .integer(let days)): return .date(days: days)
    case (.time, .integer(let value)): return .time(microseconds: value)
    case (.timestamp(let digits), .integer(let value)):
      return .timestamp(microseconds: digits <= 3 ? value * 1000 : value)
    case (.timestampZoned(1...), .text("1970-01-01T00:00:00Z")):
      // Without the column's digits it is what Debezium puts in the place of a zero date.
      return .civil(CivilTime(year: 0, month: 0, day: 0))
    case (.timestampZoned, .text(let value)):
      let plain = value.dropLast().replacingOccurrences(of: "T", with: " ")
      return Cell(literal: plain, of: type, arena: &arena)
    case (.bit, .text(let value)):
      let bytes = Data(base64Encoded: value) ?? Data()
      return .bits(bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    case (.bytes, .text(let value)): return slice(.bytes, Data(base64Encoded: value) ?? Data())
    case (.json, .text(let value)): return slice(.json, value.utf8)
    case (.text, .text(let value)): return slice(.text, value.utf8)
    case (.geometry, .object):
      let srid = UInt32(truncatingIfNeeded: value["srid"].integer ?? 0)
      let wkb = Data(base64Encoded: value["wkb"].text ?? "") ?? Data()
      return slice(.bytes, withUnsafeBytes(of: srid.littleEndian) { Array($0) } + wkb)
    default: return nil
    }
  }
}
