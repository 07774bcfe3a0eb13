import Change
import Connectors
package import Logging
import MariaDBClient
package import Pipeline
import PipelineConfiguration
import PrivateServers

/// The whole path on one machine, in about half a minute: a throw-away MariaDB, a shop that is open, a pipeline that copies
/// it into SQLite and into files meanwhile, and the proof that the copies are equal.
///
/// Nothing of it stays, but for the directory with the copies when it is asked to.
package struct DemoRun: Sendable {
  package struct Options: Sendable {
    /// How long the shop is open, in seconds.
    package var seconds: Double
    package var transactionsPerSecond: UInt64
    /// Where the copies go; created when it is missing, and must be empty.
    package var directory: String

    package init(seconds: Double = 10, transactionsPerSecond: UInt64 = 500, directory: String) {
      self.seconds = seconds
      self.transactionsPerSecond = transactionsPerSecond
      self.directory = directory
    }
  }

  private let options: Options
  private let logger: Logger
  /// Called a few times a second with what the pipeline does, and once with each step that begins.
  private let onProgress: @Sendable (Progress) -> Void

  package enum Progress: Sendable {
    case step(String)
    case status(PipelineStatus, openedFor: Double)
  }

  package init(options: Options, logger: Logger, onProgress: @escaping @Sendable (Progress) -> Void) {
    self.options = options
    self.logger = logger
    self.onProgress = onProgress
  }

  /// - Throws: `Failure`; a copy that differs is not an error but a result.
  package func run() async throws -> DemoResult {
    onProgress(.step("starting a private MariaDB server"))
    let server = try PrivateMariaDB(options: ["innodb_flush_log_at_trx_commit": "0"])
    defer { server.stop() }
    let client = try server.client()
    onProgress(.step("filling a shop: 4 tables, 100,000 rows"))
    for statement in ShopSchema.statements { _ = try client.execute(statement) }
    let run = PipelineRun(definition: try definition(server), logger: logger)
    onProgress(.step("opening the shop, and copying it to SQLite and to files while customers come"))
    let workload = ShopWorkload(transactionsPerSecond: options.transactionsPerSecond)
    workload.start(try server.client(database: "shop"))
    let transactions = try await withThrowingTaskGroup(of: UInt64?.self) { group in
      group.addTask {
        try await run.run(until: .never)
        return nil
      }
      group.addTask { try await keepOpen(workload, run, server) }
      var transactions: UInt64 = 0
      for try await count in group { transactions = max(transactions, count ?? 0) }
      return transactions
    }
    onProgress(.step("comparing the copies with the source"))
    let proofs = try ShopProof(server: server, directory: options.directory).compare()
    return DemoResult(report: run.report, transactions: transactions, proofs: proofs)
  }

  /// The pipeline file of the demo; the same text works for a database of one's own, with its URL.
  package static func pipelineFile(url: String, directory: String) -> String {
    """
    pipeline: shop
    source:
      type: mariadb
      url: \(url)
      tables: ["shop.*"]
      snapshot: { mode: initial }
      heartbeat_table: freshet.heartbeat
      heartbeat: 100ms
    sinks:
      - { name: copy, type: sqlite, path: "\(directory)/shop.db" }
      - { name: archive, type: files, path: "\(directory)/archive", format: debezium-json, decimal.handling.mode: string }
    state: "\(directory)/state"

    """
  }

  private func definition(_ server: PrivateMariaDB) throws -> PipelineDefinition {
    let text = DemoRun.pipelineFile(url: server.url(), directory: options.directory)
    let loaded = PipelineFile.load(Array(text.utf8), name: "shop.yaml", connectors: connectors, environment: [:])
    return try loaded.get().definition
  }

  /// Lets customers come for the wanted time, then waits until both copies have everything, and stops the pipeline.
  private func keepOpen(_ workload: ShopWorkload, _ run: PipelineRun, _ server: PrivateMariaDB) async throws -> UInt64 {
    let clock = ContinuousClock()
    let opened = clock.now
    while clock.now - opened < .seconds(options.seconds) || run.status.source.rows == 0 {
      try await Task.sleep(for: .milliseconds(200))
      onProgress(.status(run.status, openedFor: (clock.now - opened) / .seconds(1)))
    }
    let transactions = try await workload.finish()
    let end = try server.query("SELECT @@gtid_binlog_pos").first?.first.flatMap(\.self) ?? ""
    // The heartbeat goes on, so a copy that has everything is at the shop's last transaction or behind it.
    while !run.status.sinks.allSatisfy({ DemoRun.has($0.reading.position, reached: end) }) {
      try await Task.sleep(for: .milliseconds(20))
    }
    onProgress(.status(run.status, openedFor: options.seconds))
    run.requestStop()
    return transactions
  }

  /// Compares the numbers of two GTIDs of the one domain that a private server has.
  private static func has(_ position: Position?, reached end: String) -> Bool {
    let number = { (text: Substring?) in text.flatMap { UInt64($0) } ?? 0 }
    guard let position else { return false }
    return number(position.text.split(separator: "-").last) >= number(end.split(separator: "-").last)
  }
}

/// What the demo found.
package struct DemoResult: Sendable {
  package var report: PipelineReport
  /// What the shop's customers committed while the pipeline ran.
  package var transactions: UInt64
  package var proofs: [TableProof]

  package var isEqual: Bool { proofs.allSatisfy(\.isEqual) }
}

/// One table, at the source and in a copy.
package struct TableProof: Sendable {
  package var table: String
  package var copy: String
  package var source: TableChecksum
  package var target: TableChecksum

  package var isEqual: Bool { source == target }
}
