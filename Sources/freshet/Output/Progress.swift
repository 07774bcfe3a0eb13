import Change
import Flow
import Foundation
import Logging
import Pipeline

/// Shows how far pipelines are: on a terminal one live line, elsewhere a log line every ten seconds.
struct Progress {
  let runs: [PipelineRun]
  let logFormat: LogFormat
  let redactions: [Redaction]

  /// Runs until its task is cancelled.
  func run() async {
    let isLive = StandardError.shared.isTerminal && logFormat == .text
    let pause: Duration = isLive ? .milliseconds(500) : .seconds(10)
    let meters = runs.map { _ in RateMeter() }
    while !Task.isCancelled {
      do { try await Task.sleep(for: pause) } catch { return }
      var lines: [String] = []
      for (index, run) in runs.enumerated() {
        let status = run.status
        let rate = meters[index].rate(rows: status.source.rows, seconds: status.seconds)
        if isLive {
          lines.append(ProgressText.line(status, rowsPerSecond: rate))
        } else {
          log(index, status, rowsPerSecond: rate)
        }
      }
      if isLive { StandardError.shared.show(lines.joined(separator: "  |  ")) }
    }
  }

  private func log(_ index: Int, _ status: PipelineStatus, rowsPerSecond: Double) {
    let logger = Logger.freshet(logFormat, redaction: redactions[index], pipeline: status.pipeline)
    var metadata: Logger.Metadata = [
      "state": "\(status.state.rawValue)", "rows": "\(status.source.rows)", "rows_per_second": "\(Int(rowsPerSecond))",
    ]
    for sink in status.sinks {
      metadata["\(sink.name).rows"] = "\(sink.reading.rowsRead)"
      metadata["\(sink.name).queued_rows"] = "\(sink.reading.queuedRows)"
      if let lag = sink.reading.lag { metadata["\(sink.name).lag_ms"] = "\(ProgressText.milliseconds(lag.newest))" }
    }
    if let snapshot = status.source.snapshot {
      metadata["snapshot"] = "\(ProgressText.snapshot(snapshot, seconds: status.seconds))"
    }
    if status.sources.count > 1 {
      for source in status.sources {
        metadata["\(source.name).rows"] = "\(source.reading.rows)"
        if let position = source.reading.position { metadata["\(source.name).position"] = "\(position.text)" }
      }
      if let holder = status.holder(at: MonotonicTime.now()) { metadata["waiting_for"] = "\(holder)" }
    }
    logger.info("progress", metadata: metadata)
  }
}

/// The words of progress lines.
enum ProgressText {
  /// `shop  123,456 rows  45,678/s  lag 3.1 ms  snapshot 45 % (2 of 5 tables), 0:35 left`
  static func line(_ status: PipelineStatus, rowsPerSecond: Double) -> String {
    var parts = [status.pipeline]
    if status.state != .running { parts.append(status.state.rawValue) }
    parts.append("\(grouped(status.source.rows)) rows")
    let queued = status.sinks.reduce(0) { $0 + $1.reading.queuedRows }
    let copies = status.source.snapshot.map { $0.tablesDone < $0.tables } ?? false
    let holder = status.holder(at: MonotonicTime.now())
    if rowsPerSecond == 0, queued == 0, !copies {
      // The lag of the last row, hours ago perhaps, says nothing about now.
      parts.append(holder.map { "waiting for \($0)" } ?? "no changes")
      return parts.joined(separator: "  ")
    }
    parts.append("\(grouped(UInt64(max(0, rowsPerSecond))))/s")
    if let lag = status.sinks.compactMap({ $0.reading.lag?.newest }).max() {
      parts.append("lag \(milliseconds(lag)) ms")
    }
    if queued > 0 { parts.append("\(grouped(UInt64(queued))) waiting") }
    if let holder { parts.append("waiting for \(holder)") }
    if copies, let snapshot = status.source.snapshot {
      parts.append("snapshot \(self.snapshot(snapshot, seconds: status.seconds))")
    }
    return parts.joined(separator: "  ")
  }

  /// `45 % (2 of 5 tables), 0:35 left`; the estimate may be off, so a copy that goes on never claims more than 99 %.
  static func snapshot(_ progress: SnapshotProgress, seconds: Double) -> String {
    let tables = "(\(progress.tablesDone) of \(progress.tables) tables)"
    if progress.tablesDone >= progress.tables { return "100 % \(tables)" }
    guard progress.rowsEstimated > 0 else { return "\(grouped(progress.rowsDone)) rows \(tables)" }
    let share = min(0.99, Double(progress.rowsDone) / Double(progress.rowsEstimated))
    let percent = "\(Int(share * 100)) % \(tables)"
    guard share > 0.005 else { return percent }
    let left = Int(min(seconds / share * (1 - share), 8_640_000))
    return "\(percent), \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
  }

  /// One line a window, and one a sink, at the end of a run.
  static func summary(_ status: PipelineStatus) -> String {
    let sinks = status.sinks.map { sink in
      let reading = sink.reading
      let rate = status.seconds > 0 ? UInt64(Double(reading.rowsRead) / status.seconds) : 0
      var text = "\n  \(sink.name): \(grouped(reading.rowsRead)) rows, \(grouped(rate)) rows/s"
      if let lag = reading.lag { text += ", lag p50 \(milliseconds(lag.p50)) p99 \(milliseconds(lag.p99)) ms" }
      let outcome = reading.outcome
      text += ", delivered \(grouped(outcome.delivered)), superseded \(grouped(outcome.superseded))"
      if outcome.filtered > 0 { text += ", filtered \(grouped(outcome.filtered))" }
      if outcome.quarantined > 0 { text += ", quarantined \(grouped(outcome.quarantined))" }
      return text + ", unaccounted \(reading.unaccounted)"
    }.joined()
    let windows = (status.windows?.windows ?? []).map { window in
      let time = window.watermark.map { moment($0) } ?? "nothing"
      var text = "\n  window \(window.name): complete up to \(time), \(grouped(UInt64(window.kept))) with a state"
      if window.late > 0 { text += ", \(grouped(window.late)) rows too late" }
      return text
    }.joined()
    let seconds = String(format: "%.1f", status.seconds)
    return
      "\(status.pipeline): \(status.state.rawValue) after \(seconds) s, \(grouped(status.source.rows)) rows read"
      + windows + sinks
  }

  /// `2026-01-02 03:04:05.000000`, UTC; as it is where no calendar reaches.
  private static func moment(_ microseconds: Int64) -> String {
    let time = CivilTime(microsecondsSinceEpoch: microseconds)
    guard (0...9999).contains(time.year) else { return "\(microseconds) us" }
    return ValueText.string { $0.writeTimestamp(time, fraction: 6) }
  }

  static func milliseconds(_ value: Double) -> String { String(format: "%.1f", value) }

  /// `1,234,567`
  static func grouped(_ number: UInt64) -> String {
    var result = ""
    for (index, digit) in String(number).reversed().enumerated() {
      if index > 0, index.isMultiple(of: 3) { result.append(",") }
      result.append(digit)
    }
    return String(result.reversed())
  }
}
