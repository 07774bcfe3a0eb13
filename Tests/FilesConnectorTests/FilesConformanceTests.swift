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
        if let change = try JSONChange.read(Array(line), schema) { changes.append(change) }
      }
      return changes
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

  func text(of value: MemoryValue, in column: ColumnSchema) -> String? { JSONChange.text(of: value) }
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
