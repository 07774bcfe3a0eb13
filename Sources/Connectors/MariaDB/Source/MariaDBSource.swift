package import Change
internal import Flow
internal import Logging
internal import MariaDBClient
package import Pipeline

/// Reads a MariaDB or MySQL server: its tables first, where the options say so, then its log without end.
///
/// *Thread*: `run` blocks on the thread that it is called on; snapshot workers and the heartbeat have threads of
/// their own.
/// *Failures*: those that a retry can mend are thrown at once; the pipeline tries again, with backoff, from the
/// checkpoints.
package final class MariaDBSource: Source {
  let options: MariaDBSourceOptions
  let context: ConnectorContext
  let positions: MariaDBPositions

  package var coverage: any PositionCoverage { positions }

  package init(options: MariaDBSourceOptions, context: ConnectorContext) {
    self.options = options
    self.context = context
    positions = MariaDBPositions(mayBeginWithSnapshot: options.mayBeginWithSnapshot)
  }

  package func run(
    from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl
  ) async throws {
    guard let url = options.url else {
      return try await FileRun(options: options, context: context).run(
        from: checkpoints, into: output, control: control)
    }
    let server = try LogServer(url, options)
    try server.facts.check(at: server.connection.place)
    for warning in server.facts.warnings { context.logger.warning("\(warning)") }
    positions.setServer(server.facts.identity)
    context.source.set(
      kind: server.facts.kind, logFileBase: server.facts.logFileBase,
      server: try TargetServer.identity(of: server.connection))
    var begun: [MariaDBPosition?] = []
    for checkpoint in checkpoints {
      begun.append(try checkpoint.map { position throws(Failure) in try MariaDBPosition(position) })
    }
    let attempt = SourceAttempt(source: self, url: url, server: server, output: output, control: control)
    try await withHeartbeat(url) { try await attempt.run(from: begun) }
  }

  /// Runs `body` while the heartbeat table, if there is one, is updated beside it. That it cannot be made or
  /// written is told at once; when it stops later the log is still whole, only its times are coarse: a warning.
  private func withHeartbeat(_ url: MariaDBURL, _ body: () async throws -> Void) async throws {
    guard let name = options.heartbeatTable else { return try await body() }
    let heartbeat = HeartbeatTable(name: name, interval: options.heartbeat)
    try heartbeat.prepare(try LogServer.connect(url, options))
    let options = self.options
    let logger = context.logger
    let thread = DedicatedThread(name: "heartbeat")
    let beat = Task(executorPreference: thread) {
      do {
        try await heartbeat.beat(try LogServer.connect(url, options))
      } catch let failure as Failure {
        logger.warning("the heartbeat stopped", metadata: ["error": "\(failure)"])
      }
    }
    defer {
      beat.cancel()
      thread.stop()
    }
    try await body()
  }

  /// The id under which the source registers: as configured, or made from the pipeline's and the source's names so
  /// that it stays the same and is unlike the small numbers that people give.
  var serverId: UInt32 {
    if let id = options.serverId { return id }
    var hash: UInt32 = 2_166_136_261
    for byte in "\(context.pipeline)/\(context.name)".utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return hash | 0x4000_0000
  }

  var wanted: WantedTables { WantedTables(options: options, filter: TableFilter(options.tables)) }
}
