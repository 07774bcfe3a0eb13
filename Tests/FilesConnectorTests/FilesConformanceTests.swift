import Change
import ConnectorConformance
import Foundation
import Glibc
import MemoryConnector
import Pipeline
import Testing

@testable import FilesConnector

/// The files sink as a reader of its manifest sees it, in the format `json`.
struct FilesSinkHarness: SinkHarness {
  struct Target: SinkTarget {
    let folder: String
    let settings: FilesSettings

    var definition: any SinkDefinition { FilesSinkDefinition(settings: settings) }

    func changes(of schema: TableSchema) async throws -> [ConformanceChange] {
      var changes: [ConformanceChange] = []
      _ = try ManifestReader(settings.path).read { record, line in
        guard record.table == schema.name else { return }
        if let change = try change(Array(line), schema) { changes.append(change) }
      }
      return changes
    }

    private func change(_ line: [UInt8], _ schema: TableSchema) throws -> ConformanceChange? {
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

    private func row(_ raw: [UInt8], _ schema: TableSchema) throws -> [String?]? {
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

    func block() async throws -> (@Sendable () async throws -> Void)? {
      let lock = open(settings.path + "/lock", O_RDWR | O_CREAT, 0o600)
      try #require(lock >= 0 && flock(lock, LOCK_EX) == 0)
      return { _ = close(lock) }
    }

    func remove() async throws { try FileManager.default.removeItem(atPath: folder) }
  }

  let compression: CompressionKind
  let layout: Layout
  var name: String { "files \(compression) \(layout)" }
  var capabilities: SinkCapabilities { SinkCapabilities(isMirror: false) }

  func makeTarget() async throws -> Target {
    let folder = FileManager.default.temporaryDirectory.appending(path: "freshet-files-\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var settings = Sample.settings(folder + "/archive")
    settings.compression = compression
    settings.layout = layout
    settings.commitInterval = 0
    // Small, so that every case rolls.
    settings.rollBytes = 4096
    return Target(folder: folder, settings: settings)
  }

  func text(of value: MemoryValue, in column: ColumnSchema) -> String? {
    switch value {
    case .null, .absent, .unavailable: nil
    // A JSON null is embedded, so a line does not tell it from NULL: `Files.md` says so.
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

  private func date(_ civil: CivilTime) -> String {
    String(format: "%04d-%02d-%02d", civil.year, Int32(civil.month), Int32(civil.day))
  }

  private func timestamp(_ civil: CivilTime) -> String {
    date(civil)
      + String(
        format: "T%02d:%02d:%02d.%06d", Int32(civil.hour), Int32(civil.minute), Int32(civil.second),
        Int32(civil.microsecond))
  }

  private func time(_ microseconds: Int64) -> String {
    let (seconds, fraction) = abs(microseconds).quotientAndRemainder(dividingBy: 1_000_000)
    return (microseconds < 0 ? "-" : "")
      + String(format: "%02ld:%02ld:%02ld.%06ld", seconds / 3600, seconds / 60 % 60, seconds % 60, fraction)
  }
}

@Suite(.timeLimit(.minutes(1))) struct FilesConformanceTests {
  @Test(arguments: SinkConformanceCase.allCases)
  func theFilesSinkConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(FilesSinkHarness(compression: .none, layout: .table)).check(conformanceCase)
  }

  @Test(arguments: SinkConformanceCase.allCases)
  func theCompressedFilesSinkConforms(_ conformanceCase: SinkConformanceCase) async throws {
    try await SinkConformance(FilesSinkHarness(compression: .zstd, layout: .table)).check(conformanceCase)
  }
}
