import Change
import Foundation
import Logging
import MemoryConnector
import Pipeline

/// The table, the log and the pipelines that the tests of the core use.
enum Shop {
  static let orders = TableSchema(
    name: TableName(namespace: "shop", table: "orders"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "state", type: .text(length: 0)),
    ], key: [0])

  /// One transaction that inserts `rows` rows with keys of its own.
  static func transaction(_ number: Int, rows: Int = 1, text: String = "new") -> MemoryTransaction {
    MemoryTransaction(
      at: EventTime(microseconds: Int64(number) * 1000),
      (0..<rows).map { .insert(orders, [.int(Int64(number * 1_000_000 + $0)), .text(text)]) })
  }

  static func log(_ numbers: ClosedRange<Int>) -> MemoryLog { MemoryLog(numbers.map { transaction($0) }) }

  static func run(
    _ source: any SourceDefinition, into sinks: [(name: String, definition: any SinkDefinition)],
    transforms: [any TransformDefinition] = [], badRows: BadRowPolicy = .stop, name: String = "shop",
    windows: [WindowDefinition] = [],
    stateDirectory: String = FileManager.default.temporaryDirectory.appending(path: "freshet-pipeline-tests").path
  ) -> PipelineRun {
    var definition = PipelineDefinition(
      name: name, source: .init(name: "source", definition: source), transforms: transforms, windows: windows,
      sinks: sinks.map { .init(name: $0.name, definition: $0.definition) }, badRowPolicy: badRows,
      stateDirectory: stateDirectory)
    definition.windowStateInterval = 0
    return PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// A pipeline that merges logs, called `a`, `b` and so on unless `names` says otherwise.
  static func merge(
    _ sources: [MemorySourceDefinition], names: [String]? = nil, order: OrderSettings = OrderSettings(idleAfter: nil),
    into sinks: [(name: String, definition: any SinkDefinition)], transforms: [any TransformDefinition] = [],
    windows: [WindowDefinition] = [], windowStateInterval: UInt64 = 0, state: String? = nil
  ) -> PipelineRun {
    let letters = "abcdefghijklmnop".map { String($0) }
    var definition = PipelineDefinition(
      name: "shop", sources: zip(names ?? letters, sources).map { .init(name: $0, definition: $1) }, order: order,
      transforms: transforms, windows: windows, sinks: sinks.map { .init(name: $0.name, definition: $0.definition) },
      stateDirectory: state
        ?? FileManager.default.temporaryDirectory.appending(path: "freshet-merge-\(UUID().uuidString)").path)
    definition.windowStateInterval = windowStateInterval
    return PipelineRun(definition: definition, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// The keys of the inserted rows in the order in which they were committed.
  static func keys(_ target: MemoryTarget) -> [Int64] {
    target.content.journal.map { record in
      guard case .int(let key)? = record.after?.first else { return -1 }
      return key
    }
  }

  static func run(_ log: MemoryLog, into target: MemoryTarget) -> PipelineRun {
    run(MemorySourceDefinition(log: log), into: [("copy", MemorySinkDefinition(target: target))])
  }

  /// The numbers of the transactions in the order in which their changes were committed, each once for each change.
  static func sequences(_ target: MemoryTarget) -> [UInt64] { target.content.journal.map(\.sequence) }
}

/// Returns once `condition` holds; the test's time limit ends a wait for something that never comes.
func eventually(_ condition: () -> Bool) async throws {
  while !condition() { try await Task.sleep(nanoseconds: 200_000) }
}
