import ArgumentParser
import Change
import Demo
import Foundation
import Logging
import Pipeline
import PipelineConfiguration
import Synchronization

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Copy a throw-away MariaDB into SQLite and files while it is busy, and prove that the copies are equal.",
    discussion: "Needs Debian's mariadb-server installed; starts its own server and touches no other.")

  @ArgumentParser.Option(help: "How long the shop is open, in seconds.") var seconds = 10.0
  @ArgumentParser.Option(help: "Transactions that its customers commit a second.") var rate: UInt64 = 500
  @ArgumentParser.Option(help: "Keep the copies in this directory; it must not exist yet.") var directory: String?

  func validate() throws {
    guard seconds > 0, seconds <= 3600 else { throw ValidationError("--seconds is more than 0 and at most 3600") }
    guard (1...100_000).contains(rate) else { throw ValidationError("--rate is from 1 to 100000") }
  }

  func run() async throws {
    let path = directory ?? NSTemporaryDirectory() + "freshet-demo-\(UUID().uuidString)"
    guard mkdir(path, 0o700) == 0 else {
      throw Failure(
        .inputOutput, "cannot create the demo's directory", at: path, cause: String(cString: strerror(errno)))
    }
    defer {
      if directory == nil {
        do { try FileManager.default.removeItem(atPath: path) } catch {
          StandardError.shared.print("freshet: cannot remove \(path): \(error.localizedDescription)")
        }
      }
    }
    let live = StandardError.shared.isTerminal
    let options = DemoRun.Options(seconds: seconds, transactionsPerSecond: rate, directory: path)
    var logger = Logger.freshet(.text, redaction: Redaction(), pipeline: "shop")
    logger.logLevel = .warning
    let printer = DemoPrinter(isLive: live, seconds: seconds)
    let result = try await DemoRun(options: options, logger: logger, onProgress: printer.show).run()
    StandardOutput.write(DemoText.summary(result, directory: directory))
    guard result.isEqual, result.report.sinks.values.allSatisfy({ $0.accounting.unaccounted == 0 }) else {
      throw Failure(.internal, "a copy differs from its source, or changes are unaccounted for")
    }
  }
}

/// Shows the demo's steps, and the pipeline's progress: live on a terminal, a line every two seconds elsewhere.
private final class DemoPrinter: Sendable {
  private let isLive: Bool
  private let seconds: Double
  private let lastLine = Mutex(-2.0)
  private let meter = RateMeter()

  init(isLive: Bool, seconds: Double) {
    self.isLive = isLive
    self.seconds = seconds
  }

  @Sendable func show(_ progress: DemoRun.Progress) {
    switch progress {
    case .step(let text): StandardError.shared.print("→ \(text)")
    case .status(let status, let openedFor):
      let isDue = lastLine.withLock { last in
        guard isLive || openedFor - last >= 2 else { return false }
        last = openedFor
        return true
      }
      guard isDue else { return }
      let rate = meter.rate(rows: status.source.rows, seconds: status.seconds)
      let line = "  \(Int(openedFor)) of \(Int(seconds)) s  \(ProgressText.line(status, rowsPerSecond: rate))"
      if isLive { StandardError.shared.show(line) } else { StandardError.shared.print(line) }
    }
  }
}

/// The demo's result as text.
enum DemoText {
  static func summary(_ result: DemoResult, directory: String?) -> String {
    let report = result.report
    var text =
      "\nThe shop's customers committed \(ProgressText.grouped(result.transactions)) transactions meanwhile.\n\n"
    text += TextTable.text(header: ["sink", "rows", "rows/s", "commits", "lag p50 ms", "p99", "max"], rows(report))
    text += "\n"
    text += TextTable.text(header: ["stage", "busy s", "blocked s", "lag p50 ms", "p99", "max"], stages(report))
    text += "\n"
    for (name, sink) in report.sinks.sorted(by: { $0.key < $1.key }) {
      let accounting = sink.accounting
      text += """
        \(name): read \(ProgressText.grouped(accounting.read)) = delivered \(ProgressText.grouped(accounting.delivered)) \
        + filtered \(accounting.filtered) + superseded \(ProgressText.grouped(accounting.superseded)) \
        + quarantined \(accounting.quarantined); unaccounted \(accounting.unaccounted)

        """
    }
    text += "\n"
    text += TextTable.text(header: ["table", "rows", "checksum at the source", "copy", "checksum", ""], proofs(result))
    text += "\n\(result.isEqual ? "Every copy is equal to its source." : "A COPY DIFFERS FROM ITS SOURCE.")\n"
    text += String(
      format: "%.1f s, %.1f s of processor time, at most %d MiB of memory.\n", report.seconds, report.cpuSeconds,
      report.peakMemoryBytes >> 20)
    if let directory { text += "The copies are in \(directory).\n" }
    return text
  }

  private static func rows(_ report: PipelineReport) -> [[String]] {
    report.sinks.sorted { $0.key < $1.key }.map { name, sink in
      [name, ProgressText.grouped(sink.rows), ProgressText.grouped(UInt64(sink.rowsPerSecond)), "\(sink.commits)"]
        + lag(sink.lagMs)
    }
  }

  private static func stages(_ report: PipelineReport) -> [[String]] {
    report.stages.sorted { $0.key < $1.key }.map { name, stage in
      [name, String(format: "%.2f", stage.busySeconds), String(format: "%.2f", stage.blockedSeconds)] + lag(stage.lagMs)
    }
  }

  private static func lag(_ lag: PipelineReport.Lag?) -> [String] {
    guard let lag else { return ["–", "–", "–"] }
    return [lag.p50, lag.p99, lag.max].map { ProgressText.milliseconds($0) }
  }

  private static func proofs(_ result: DemoResult) -> [[String]] {
    result.proofs.map { proof in
      [
        proof.table, ProgressText.grouped(proof.source.rows), proof.source.description, proof.copy,
        proof.target.description,
        proof.isEqual ? "equal" : "DIFFERENT (\(ProgressText.grouped(proof.target.rows)) rows)",
      ]
    }
  }
}
