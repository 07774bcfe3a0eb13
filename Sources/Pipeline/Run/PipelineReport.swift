import Change
package import Foundation

/// The summary of a run as `--report` writes it. Its JSON names are stable: these, in snake case.
package struct PipelineReport: Encodable, Sendable {
  package struct Read: Encodable, Sendable {
    package var rows: UInt64
    package var transactions: UInt64
    package var bytes: UInt64
  }

  package struct Lag: Encodable, Sendable {
    package var p50: Double
    package var p99: Double
    package var max: Double

    init(_ summary: LagSummary) {
      p50 = summary.p50
      p99 = summary.p99
      max = summary.max
    }
  }

  package struct Accounting: Encodable, Sendable {
    package var read: UInt64
    package var delivered: UInt64
    package var filtered: UInt64
    package var superseded: UInt64
    package var quarantined: UInt64
    package var unaccounted: Int64

    init(read: UInt64, _ outcome: Outcome) {
      self.read = read
      delivered = outcome.delivered
      filtered = outcome.filtered
      superseded = outcome.superseded
      quarantined = outcome.quarantined
      unaccounted = Int64(read) - Int64(outcome.total)
    }
  }

  package struct Sink: Encodable, Sendable {
    package var rows: UInt64
    package var rowsPerSecond: Double
    package var position: [String: String]
    /// Missing when nothing was delivered from the log.
    package var lagMs: Lag?
    package var commits: UInt64
    package var accounting: Accounting
    /// By `schema.table`.
    package var tables: [String: Accounting]
  }

  package struct Stage: Encodable, Sendable {
    package var busySeconds: Double
    package var blockedSeconds: Double
    package var lagMs: Lag?
  }

  package var pipeline: String
  package var state: String
  package var seconds: Double
  package var cpuSeconds: Double
  package var peakMemoryBytes: Int
  package var retries: UInt64
  package var read: Read
  package var sinks: [String: Sink]
  package var stages: [String: Stage]

  package init(_ status: PipelineStatus, sourceName: String) {
    pipeline = status.pipeline
    state = status.state.rawValue
    seconds = status.seconds
    cpuSeconds = ProcessUsage.processorSeconds()
    peakMemoryBytes = ProcessUsage.peakMemory()
    retries = status.retries
    read = Read(rows: status.source.rows, transactions: status.source.transactions, bytes: status.source.bytes)
    sinks = [:]
    stages = [
      "source": Stage(
        busySeconds: Double(status.source.busyNanoseconds) / 1e9,
        blockedSeconds: Double(status.source.blockedNanoseconds) / 1e9, lagMs: status.source.lag.map(Lag.init)),
      "order": Stage(busySeconds: 0, blockedSeconds: 0, lagMs: nil),
    ]
    if let transforms = status.transforms {
      stages["transform"] = Stage(
        busySeconds: Double(transforms.busyNanoseconds) / 1e9,
        blockedSeconds: Double(transforms.blockedNanoseconds) / 1e9, lagMs: nil)
    }
    if let windows = status.windows {
      stages["window"] = Stage(
        busySeconds: Double(windows.busyNanoseconds) / 1e9, blockedSeconds: Double(windows.blockedNanoseconds) / 1e9,
        lagMs: nil)
    }
    for sink in status.sinks {
      sinks[sink.name] = Sink(sink.reading, seconds: status.seconds, sourceName: sourceName)
      stages["deliver.\(sink.name)"] = Stage(
        busySeconds: Double(sink.reading.busyNanoseconds) / 1e9, blockedSeconds: 0,
        lagMs: sink.reading.lag.map(Lag.init))
    }
  }
}

extension PipelineReport {
  /// One JSON object, keys sorted, with a line feed at the end.
  package func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data([UInt8(ascii: "\n")])
  }
}

extension PipelineReport.Sink {
  fileprivate init(_ reading: SinkMeter.Reading, seconds: Double, sourceName: String) {
    rows = reading.rowsRead
    rowsPerSecond = seconds > 0 ? Double(reading.rowsRead) / seconds : 0
    position = reading.position.map { [sourceName: $0.text] } ?? [:]
    lagMs = reading.lag.map(PipelineReport.Lag.init)
    commits = reading.commits
    accounting = PipelineReport.Accounting(read: reading.rowsRead, reading.outcome)
    tables = [:]
    // Also a table of which a sink tells more than it was given: that is a defect, and must show.
    for table in Set(reading.read.keys).union(reading.outcomes.keys) {
      tables[table.description] = PipelineReport.Accounting(
        read: reading.read[table] ?? 0, reading.outcomes[table] ?? Outcome())
    }
  }
}
