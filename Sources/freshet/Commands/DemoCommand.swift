import ArgumentParser
import Change
import Demo
import Foundation
import Logging
import Pipeline
import PipelineConfiguration

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "A throw-away MariaDB, a shop workload, copies in SQLite and files, lag, and proof that they are equal.")

  @ArgumentParser.Option(help: "How long the shop is open, in seconds.") var seconds = 10.0
  @ArgumentParser.Option(help: "Transactions per second.") var rate: UInt64 = 500
  @ArgumentParser.Option(help: "Keep the copies in this directory, which must be empty or new.") var directory: String?
  @ArgumentParser.Option(help: "How logs look: text or json.") var logFormat = LogFormat.text

  func validate() throws {
    guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds is from 1 to 86400") }
    guard (1...100_000).contains(rate) else { throw ValidationError("--rate is from 1 to 100000") }
  }

  func run() async throws {
    let temporary = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-demo-\(UUID().uuidString)")
    defer {
      if directory == nil {
        // What cannot be removed from the temporary directory is the system's to clean.
        do { try FileManager.default.removeItem(at: temporary) } catch { StandardError.shared.show("") }
      }
    }
    let logger = Logger.freshet(logFormat, redaction: Redaction(), pipeline: "shop")
    let options = DemoRun.Options(
      seconds: seconds, transactionsPerSecond: rate, directory: directory ?? temporary.path)
    let meter = RateMeter()
    let demo = DemoRun(options: options, logger: logger) { DemoCommand.show($0, meter) }
    let result = try await demo.run()
    StandardError.shared.show("")
    StandardOutput.write(result.text)
    guard result.isEqual else { throw Failure(.internal, "a copy differs from its source") }
  }

  private static func show(_ progress: DemoRun.Progress, _ meter: RateMeter) {
    switch progress {
    case .step(let text): StandardError.shared.print(text)
    case .status(let status, _):
      guard StandardError.shared.isTerminal else { return }
      let rate = meter.rate(rows: status.source.rows, seconds: status.seconds)
      StandardError.shared.show(ProgressText.line(status, rowsPerSecond: rate))
    }
  }
}

extension DemoResult {
  /// The tables at the end: what each sink has, the lag by stage, and the proof.
  fileprivate var text: String {
    let sinks = report.sinks.sorted { $0.key < $1.key }.map { name, sink in
      let accounting = sink.accounting
      return [
        name, ProgressText.grouped(sink.rows), ProgressText.grouped(UInt64(sink.rowsPerSecond)),
        ProgressText.grouped(accounting.delivered), ProgressText.grouped(accounting.superseded),
        ProgressText.grouped(accounting.quarantined), "\(accounting.unaccounted)",
      ]
    }
    let stages = report.stages.sorted { $0.key < $1.key }.compactMap { name, stage in
      stage.lagMs.map { [name] + [$0.p50, $0.p99, $0.max].map(ProgressText.milliseconds) }
    }
    let rows = proofs.map { proof in
      [
        proof.table, proof.copy, "\(proof.source.rows)", "\(proof.target.rows)", proof.isEqual ? "equal" : "DIFFERENT",
      ]
    }
    return """
      \(ProgressText.grouped(report.read.rows)) rows read in \(ProgressText.milliseconds(report.seconds)) s; \
      customers committed \(ProgressText.grouped(transactions)) transactions meanwhile

      \(TextTable.text(
        header: ["SINK", "ROWS", "ROWS/S", "DELIVERED", "SUPERSEDED", "QUARANTINED", "UNACCOUNTED"], sinks))
      \(TextTable.text(header: ["LAG, MS", "P50", "P99", "MAX"], stages))
      \(TextTable.text(header: ["TABLE", "COPY", "ROWS AT SOURCE", "IN COPY", "CHECKSUM"], rows))
      """
  }
}
