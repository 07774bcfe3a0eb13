import Change
import ConnectorConformance
import Foundation
import MariaDBClient
import MemoryConnector
import Pipeline
import Synchronization
import TestServers
import Testing

@testable import MariaDBConnector

struct MariaDBSinkHarness: ConnectorConformance.SinkHarness {
  struct Target: SinkTarget {
    let server: MariaDBServer
    let settings: MariaDBSinkSettings
    let prefix: String

    var definition: any SinkDefinition { MariaDBSinkDefinition(settings: settings) }

    func rows(of schema: TableSchema) async throws -> [[String?]]? {
      let connection = try server.client()
      try connection.execute("SET time_zone = '+00:00'")
      let name = settings.names.target(of: schema.name)
      let there = try connection.query(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = \(SQLText.literal(name.namespace)) "
          + "AND table_name = \(SQLText.literal(name.table))")
      guard !there.isEmpty else { return nil }
      let columns = schema.columns.map { column in
        let name = SQLText.identifier(column.name)
        return switch column.type {
        case .bytes: "CONCAT('x''', LOWER(HEX(\(name))), '''')"
        case .bit: "CAST(\(name) AS UNSIGNED)"
        default: name
        }
      }
      return try connection.query(
        "SELECT \(columns.joined(separator: ", ")) FROM \(SQLText.identifier(name.namespace)).\(SQLText.identifier(name.table))"
      )
    }

    func block() async throws -> (@Sendable () async throws -> Void)? {
      let connection = try server.client()
      try connection.execute("START TRANSACTION")
      _ = try connection.query(
        "SELECT * FROM \(SQLText.identifier(settings.stateDatabase))._freshet_checkpoint FOR UPDATE")
      return { try connection.execute("ROLLBACK") }
    }

    func remove() async throws {
      let databases = try server.query("SHOW DATABASES").compactMap { $0[0] }.filter { $0.hasPrefix(prefix) }
      for database in databases { try server.execute("DROP DATABASE \(SQLText.identifier(database))") }
    }
  }

  private static let number = Atomic<Int>(0)

  let server: MariaDBServer
  var workers = 1
  var name: String { "mariadb" }
  var capabilities: SinkCapabilities { SinkCapabilities(isMirror: true) }

  func makeTarget() async throws -> Target {
    let prefix = "t\(Self.number.add(1, ordering: .relaxed).newValue)_"
    var settings = MariaDBSinkSettings(url: try MariaDBURL(server.url()))
    settings.stateDatabase = prefix + "state"
    settings.names = try TargetNames(prefix + "{schema}.{table}")
    settings.workers = workers
    return Target(server: server, settings: settings, prefix: prefix)
  }

  func text(of value: MemoryValue, in column: ColumnSchema) -> String? {
    switch value {
    case .null, .absent, .unavailable: nil
    case .boolean(let value): value ? "1" : "0"
    case .int(let value): "\(value)"
    case .uint(let value): "\(value)"
    case .float32(let pattern): number(Double(Float(bitPattern: pattern)))
    case .float64(let pattern): number(Double(bitPattern: pattern))
    case .decimal(let text), .text(let text), .json(let text): text
    case .bytes(let bytes): "x'" + bytes.map { String(format: "%02x", $0) }.joined() + "'"
    case .date(let days): date(CivilTime(daysSinceEpoch: days))
    case .time(let microseconds): time(microseconds)
    case .timestamp(let microseconds): timestamp(CivilTime(microsecondsSinceEpoch: microseconds))
    case .timestampZoned(let microseconds): timestamp(CivilTime(microsecondsSinceEpoch: microseconds))
    case .civil(let time): timestamp(time)
    case .bits(let bits): "\(bits)"
    }
  }

  /// The zero second of 1970 is how TIMESTAMP says that there is none.
  func canHold(_ value: MemoryValue, in column: ColumnSchema) -> Bool { value != .timestampZoned(microseconds: 0) }

  /// Characters of the basic plane only, and no space at the end (mariadb.com/kb/en/identifier-names).
  func canName(_ name: String) -> Bool { !name.hasSuffix(" ") && name.unicodeScalars.allSatisfy { $0.value < 0x10000 } }

  /// As the server prints it: without a fraction that is none, and with a plain exponent.
  private func number(_ value: Double) -> String {
    var text = "\(value)"
    if text.hasSuffix(".0") { text.removeLast(2) }
    return text.replacing("e+", with: "e")
  }

  private func date(_ civil: CivilTime) -> String {
    String(format: "%04d-%02d-%02d", civil.year, Int32(civil.month), Int32(civil.day))
  }

  private func timestamp(_ civil: CivilTime) -> String {
    date(civil)
      + String(
        format: " %02d:%02d:%02d.%06d", Int32(civil.hour), Int32(civil.minute), Int32(civil.second),
        Int32(civil.microsecond))
  }

  private func time(_ microseconds: Int64) -> String {
    let (seconds, fraction) = abs(microseconds).quotientAndRemainder(dividingBy: 1_000_000)
    return (microseconds < 0 ? "-" : "")
      + String(format: "%02ld:%02ld:%02ld.%06ld", seconds / 3600, seconds / 60 % 60, seconds % 60, fraction)
  }
}

/// One server for all cases, each in databases of its own.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SinkConformanceTests {
  private static let server = Result { try MariaDBServer() }

  @Test(arguments: SinkConformanceCase.allCases)
  func theMariaDBSinkConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(MariaDBSinkHarness(server: Self.server.get())).check(conformanceCase)
  }
}
