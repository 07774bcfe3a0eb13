package import Change
import Foundation
package import MemoryConnector
import Testing

/// The format `json` as a reader of its lines sees it.
package enum JSONChange {
  /// The change of a row that a line holds; nil for everything else.
  package static func read(_ line: [UInt8], _ schema: TableSchema) throws -> ConformanceChange? {
    let members = try JSONMembers.read(line)
    let operation: Change.Operation
    switch try JSONMembers.string(#require(members["op"])) {
    case "c": operation = .insert
    case "u": operation = .update
    case "d": operation = .delete
    case "r": operation = .read
    default: return nil
    }
    return ConformanceChange(
      operation, before: try row(#require(members["before"]), schema),
      after: try row(#require(members["after"]), schema))
  }

  private static func row(_ raw: [UInt8], _ schema: TableSchema) throws -> [String?]? {
    if raw == Array("null".utf8) { return nil }
    let members = try JSONMembers.read(raw)
    return try schema.columns.map { column in
      guard let raw = members[column.name], raw != Array("null".utf8) else { return nil }
      let isString = raw.first == UInt8(ascii: "\"")
      if isString, column.type != .json { return try JSONMembers.string(raw) }
      let text = String(decoding: raw, as: UTF8.self)
      // Many texts stand for one binary fraction.
      return column.type == .float32 || column.type == .float64 ? Double(text).map { "\($0)" } : text
    }
  }

  /// The value as a line gives it back; nil: NULL.
  package static func text(of value: MemoryValue) -> String? {
    switch value {
    case .null, .absent, .unavailable: nil
    // A JSON null is embedded, so a line does not tell it from NULL: the format's page says so.
    case .json("null"): nil
    case .boolean(let value): "\(value)"
    case .int(let value): "\(value)"
    case .uint(let value), .bits(let value): "\(value)"
    case .float32(let pattern): "\(Double(Float(bitPattern: pattern)))"
    case .float64(let pattern): "\(Double(bitPattern: pattern))"
    case .decimal(let text), .text(let text), .json(let text): text
    case .bytes(let bytes): Data(bytes).base64EncodedString()
    case .date(let days): date(CivilTime(daysSinceEpoch: days))
    case .time(let microseconds): time(microseconds)
    case .timestamp(let microseconds): timestamp(CivilTime(microsecondsSinceEpoch: microseconds))
    case .timestampZoned(let microseconds): timestamp(CivilTime(microsecondsSinceEpoch: microseconds)) + "Z"
    case .civil(let time): timestamp(time)
    }
  }

  private static func date(_ civil: CivilTime) -> String {
    String(format: "%04d-%02d-%02d", civil.year, Int32(civil.month), Int32(civil.day))
  }

  private static func timestamp(_ civil: CivilTime) -> String {
    date(civil)
      + String(
        format: "T%02d:%02d:%02d.%06d", Int32(civil.hour), Int32(civil.minute), Int32(civil.second),
        Int32(civil.microsecond))
  }

  private static func time(_ microseconds: Int64) -> String {
    let (seconds, fraction) = abs(microseconds).quotientAndRemainder(dividingBy: 1_000_000)
    return (microseconds < 0 ? "-" : "")
      + String(format: "%02ld:%02ld:%02ld.%06ld", seconds / 3600, seconds / 60 % 60, seconds % 60, fraction)
  }
}
