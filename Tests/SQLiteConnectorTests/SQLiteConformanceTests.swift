import Change
import ConnectorConformance
import Foundation
import MemoryConnector
import Pipeline
import SQLRendering
import SQLiteDatabase
import Testing

@testable import SQLiteConnector

struct SQLiteSinkHarness: ConnectorConformance.SinkHarness {
  struct Target: SinkTarget {
    let directory: String
    let settings: SQLiteSettings

    var definition: any SinkDefinition { SQLiteSinkDefinition(settings: settings) }

    func rows(of schema: TableSchema) async throws -> [[String?]]? {
      let connection = try SQLiteConnection(path: settings.path, mode: .readOnly)
      let target = settings.targetName(of: schema.name)
      let name = quoted(target)
      let shape = try SQLiteStatement(connection, "SELECT count(*) FROM pragma_table_info(?)")
      try shape.bind(1, target)
      guard try shape.step(), shape.int64(0) > 0 else { return nil }
      let columns = schema.columns.map { quoted($0.name) }.joined(separator: ", ")
      // What the source has now is in every mode's table, as the rows that the mode does not count as gone.
      let live = try settings.mode.liveRows(.sqlite).map { " WHERE \($0)" } ?? ""
      let statement = try SQLiteStatement(connection, "SELECT \(columns) FROM \(name)\(live)")
      var rows: [[String?]] = []
      while try statement.step() {
        rows.append(
          (0..<statement.columnCount).map { column -> String? in
            switch statement.storageClass(column) {
            case .null: nil
            case .blob: statement.withBlob(column) { hexadecimal(Array($0)) }
            case .text: statement.string(column) ?? ""
            case .integer: "\(statement.int64(column))"
            case .real: "\(statement.double(column))"
            }
          })
      }
      // A mode that keeps what was leaves a dropped table where it is, without a row that counts.
      return settings.mode.kind != .mirror && rows.isEmpty ? nil : rows
    }

    func block() async throws -> (@Sendable () async throws -> Void)? {
      let connection = try SQLiteConnection(path: settings.path)
      try connection.execute("BEGIN IMMEDIATE")
      return { try connection.execute("ROLLBACK") }
    }

    func remove() async throws { try FileManager.default.removeItem(atPath: directory) }

    /// By bytes: a quote and a combining accent are one character for Swift, and a quote for SQL.
    private func quoted(_ name: String) -> String {
      let doubled = name.utf8.flatMap { $0 == UInt8(ascii: "\"") ? [$0, $0] : [$0] }
      return "\"" + String(decoding: doubled, as: UTF8.self) + "\""
    }
  }

  var mode = TargetMode.Kind.mirror
  var name: String { "sqlite, \(mode.rawValue)" }
  var capabilities: SinkCapabilities { SinkCapabilities(isMirror: true) }

  func makeTarget() async throws -> Target {
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-sqlite-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    var settings = SQLiteSettings(path: directory.path + "/target.db")
    settings.mode = TargetMode(mode)
    settings.synchronous = "off"
    // So long that only a cancellation ends the wait for a locked file in time.
    settings.busyTimeoutMilliseconds = 60_000
    settings.tableName = "{schema}_{table}"
    return Target(directory: directory.path, settings: settings)
  }

  func text(of value: MemoryValue, in column: ColumnSchema) -> String? {
    switch value {
    case .null, .absent, .unavailable: nil
    case .boolean(let value): value ? "1" : "0"
    case .int(let value): "\(value)"
    case .uint(let value): "\(value)"
    case .float32(let pattern): "\(Double(Float(bitPattern: pattern)))"
    case .float64(let pattern): "\(Double(bitPattern: pattern))"
    case .decimal(let text), .text(let text), .json(let text): text
    case .bytes(let bytes): hexadecimal(bytes)
    case .date(let days): date(CivilTime(daysSinceEpoch: days))
    case .time(let microseconds): time(microseconds)
    case .timestamp(let microseconds): timestamp(CivilTime(microsecondsSinceEpoch: microseconds))
    case .timestampZoned(let microseconds): timestamp(CivilTime(microsecondsSinceEpoch: microseconds)) + "Z"
    case .civil(let time): timestamp(time)
    case .bits(let bits): "\(Int64(bitPattern: bits))"
    }
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

private func hexadecimal(_ bytes: [UInt8]) -> String { "x'" + bytes.map { String(format: "%02x", $0) }.joined() + "'" }

@Suite(.timeLimit(.minutes(1))) struct SQLiteConformanceTests {
  @Test(arguments: SinkConformanceCase.allCases)
  func theSQLiteSinkConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(SQLiteSinkHarness()).check(conformanceCase)
  }

  /// A table without a key has no history, and these cases have one.
  static let keyless: [SinkConformanceCase] = [.tablesWithoutAKeyKeepTheirDuplicates, .everyChangeIsAccountedFor]

  /// The rows that are current in a history are a mirror.
  @Test(arguments: SinkConformanceCase.allCases.filter { !keyless.contains($0) })
  func aHistoryConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(SQLiteSinkHarness(mode: .history)).check(conformanceCase)
  }

  @Test(arguments: SinkConformanceCase.allCases)
  func aTableWithMarkedRowsConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(SQLiteSinkHarness(mode: .softDelete)).check(conformanceCase)
  }
}
