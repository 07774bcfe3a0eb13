import Change
import Foundation

@testable import Formats

/// A JSON value with exact integers.
enum FixtureValue: Decodable, Equatable {
  case null
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case text(String)
  case object([String: FixtureValue])
  case list([FixtureValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([FixtureValue].self) {
      self = .list(value)
    } else {
      self = .object(try container.decode([String: FixtureValue].self))
    }
  }

  subscript(_ name: String) -> FixtureValue {
    if case .object(let members) = self { members[name] ?? .null } else { .null }
  }
  var text: String? { if case .text(let value) = self { value } else { nil } }
  var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  var list: [FixtureValue] { if case .list(let values) = self { values } else { [] } }
  var number: Double {
    switch self {
    case .number(let value): value
    case .integer(let value): Double(value)
    default: .nan
    }
  }
}

/// The records that Debezium emitted for one workload under several settings; they lie beside the package.
enum DebeziumFixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "../shared/fixtures/debezium/mariadb").standardized
  static var isPresent: Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: "events-default.jsonl").path)
  }

  static func lines(_ name: String) throws -> [String] {
    try String(contentsOf: folder.appending(path: "events-\(name).jsonl"), encoding: .utf8).split(separator: "\n")
      .map(String.init)
  }

  static func parse(_ line: String) throws -> FixtureValue {
    try JSONDecoder().decode(FixtureValue.self, from: Data(line.utf8))
  }

  /// A line without what differs from run to run, and without the differences that the documentation lists.
  static func comparable(_ line: String) -> String {
    var line = line
    for (pattern, replacement) in [
      (#"\{"key":"__debezium\.context\.[^}]*\},?"#, ""), (#",\],"key":"#, #"],"key":"#),
      (#""version":"[^"]*""#, #""version":"""#),
      (#"("op":"[a-z]"),"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+"#, "$1"), ("1\\.17549435E-38", "1.1754944E-38"),
    ] {
      line = line.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
    }
    return combiningSurrogates(line)
  }

  /// Replaces `\uD83D\uDE00` by the character itself.
  private static func combiningSurrogates(_ line: String) -> String {
    var result = ""
    var rest = Substring(line)
    while let found = rest.range(of: #"\\uD[89AB][0-9A-F]{2}\\uD[C-F][0-9A-F]{2}"#, options: .regularExpression) {
      result += rest[..<found.lowerBound]
      let units = rest[found].split(separator: "\\u").compactMap { UInt16($0, radix: 16) }
      result += String(decoding: units, as: UTF16.self)
      rest = rest[found.upperBound...]
    }
    return result + rest
  }

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
