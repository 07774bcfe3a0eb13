import Change
import Flow
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

  /// One of the pipeline's sources.
  package struct Source: Encodable, Sendable {
    package var rows: UInt64
    package var transactions: UInt64
    package var bytes: UInt64
    /// How far it was read; missing when nothing came.
    package var position: String?
    /// What it has promised, in microseconds since 1970; missing when nothing.
    package var watermarkUs: Int64?
    package var lagMs: Lag?
    /// The least time between a commit and its reading: the difference of the clocks is in it.
    package var leastDelayMs: Double?
    /// How far its clock is behind that of the source that is furthest ahead.
    package var clockSkewMs: Double?
    /// Transactions that came behind the watermark of all.
    package var late: UInt64?
    /// Whether it was silent so long that nobody waits for it.
    package var idle: Bool?
    /// How long the others have waited for it.
    package var heldSeconds: Double?
  }

  package struct Window: Encodable, Sendable {
    /// Windows that end at or before it are complete, in microseconds since 1970; missing when none is known to be.
    package var watermarkUs: Int64?
    /// Windows and groups that have a state: what is not complete by the end of a run is told by a later one.
    package var kept: Int
    /// Rows that came when their window was gone.
    package var late: UInt64
    package var stateBytes: Int
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
  package var sources: [String: Source]
  /// What is promised for all sources together, in microseconds since 1970; missing with one source.
  package var watermarkUs: Int64?
  package var sinks: [String: Sink]
  package var stages: [String: Stage]
  /// By name; missing when the pipeline has none.
  package var windows: [String: Window]?

  package init(_ status: PipelineStatus) {
    pipeline = status.pipeline
    state = status.state.rawValue
    seconds = status.seconds
    cpuSeconds = ProcessUsage.processorSeconds()
    peakMemoryBytes = ProcessUsage.peakMemory()
    retries = status.retries
    let all = status.source
    read = Read(rows: all.rows, transactions: all.transactions, bytes: all.bytes)
    sources = [:]
    sinks = [:]
    stages = ["order": Stage(status.order)]
    watermarkUs = status.order.flatMap { $0.watermark.known }
    for source in status.sources {
      sources[source.name] = Source(source, of: status)
      stages[status.sources.count == 1 ? "source" : "source.\(source.name)"] = Stage(
        busySeconds: Double(source.reading.busyNanoseconds) / 1e9,
        blockedSeconds: Double(source.reading.blockedNanoseconds) / 1e9, lagMs: source.reading.lag.map(Lag.init))
    }
    if let transforms = status.transforms {
      stages["transform"] = Stage(
        busySeconds: Double(transforms.busyNanoseconds) / 1e9,
        blockedSeconds: Double(transforms.blockedNanoseconds) / 1e9, lagMs: nil)
    }
    if let windows = status.windows {
      stages["window"] = Stage(
        busySeconds: Double(windows.busyNanoseconds) / 1e9, blockedSeconds: Double(windows.blockedNanoseconds) / 1e9,
        lagMs: nil)
      self.windows = Dictionary(
        windows.windows.map {
          ($0.name, Window(watermarkUs: $0.watermark, kept: $0.kept, late: $0.late, stateBytes: $0.bytes))
        }, uniquingKeysWith: { $1 })
    }
    for sink in status.sinks {
      sinks[sink.name] = Sink(sink.reading, seconds: status.seconds, sources: status.sources.map(\.name))
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
  fileprivate init(_ reading: SinkMeter.Reading, seconds: Double, sources: [String]) {
    rows = reading.rowsRead
    rowsPerSecond = seconds > 0 ? Double(reading.rowsRead) / seconds : 0
    position = reading.position.map { PipelineReport.texts(of: $0, sources) } ?? [:]
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

extension PipelineReport.Source {
  fileprivate init(_ source: PipelineStatus.Source, of status: PipelineStatus) {
    let reading = source.reading
    rows = reading.rows
    transactions = reading.transactions
    bytes = reading.bytes
    position = reading.position?.text
    watermarkUs = reading.watermark.known
    lagMs = reading.lag.map(PipelineReport.Lag.init)
    leastDelayMs = reading.leastDelay.map { Double($0) / 1000 }
    clockSkewMs = status.clockSkew(of: source).map { Double($0) / 1000 }
    guard status.sources.count > 1 else { return }
    late = reading.order.late
    idle = reading.order.isIdle
    heldSeconds = Double(reading.order.held(at: MonotonicTime.now())) / 1e9
  }
}

extension PipelineReport.Stage {
  fileprivate init(_ order: OrderMeter.Reading?) {
    busySeconds = Double(order?.busyNanoseconds ?? 0) / 1e9
    blockedSeconds = Double(order?.blockedNanoseconds ?? 0) / 1e9
  }
}

extension PipelineReport {
  /// Of each source, how far it is.
  fileprivate static func texts(of position: Position, _ sources: [String]) -> [String: String] {
    if sources.count == 1 { return [sources[0]: position.text] }
    do throws(Failure) {
      if let vector = try VectorPosition(position) {
        return Dictionary(vector.components.map { ($0.name, $0.progress.text) }) { first, _ in first }
      }
    } catch {
      return ["damaged": error.description]
    }
    return [:]
  }
}

extension EventTime {
  fileprivate var known: Int64? { self == .distantPast ? nil : microseconds }
}
