package import Change
import Flow
import Synchronization

/// What one sink has done since the pipeline started, over all attempts: counts by table, position, lag, time.
package final class SinkMeter: Sendable {
  package struct Reading: Sendable {
    /// Changes handed to the sink in groups that became durable, by table.
    package var read: [TableName: UInt64] = [:]
    package var outcomes: [TableName: Outcome] = [:]
    package var position: Position?
    package var watermark = EventTime.distantPast
    /// Whether the sink finds its position again when it is opened.
    package var keepsCheckpoint = true
    /// Whether it is ahead of what comes, in some source: it may store nothing for a while.
    package var isCatchingUp = false
    package var commits: UInt64 = 0
    /// Transactions that the sink already had and that were left out after a restart.
    package var skippedTransactions: UInt64 = 0
    /// Time spent in the sink, in nanoseconds.
    package var busyNanoseconds: UInt64 = 0
    /// Time spent waiting for changes, in nanoseconds.
    package var idleNanoseconds: UInt64 = 0
    package var lag: LagSummary?
    /// Batches, rows and bytes that wait for the sink now.
    package var queuedRows = 0
    package var queuedBytes = 0

    package var rowsRead: UInt64 { read.values.reduce(0, +) }
    package var outcome: Outcome { outcomes.values.reduce(into: Outcome()) { $0 += $1 } }
    /// Changes that were read and of which nothing is known: 0, or we have a defect.
    package var unaccounted: Int64 { Int64(rowsRead) - Int64(outcome.total) }
  }

  package let name: String
  package let lag = LagMeter()
  private let state = Mutex(Reading())

  package init(name: String) { self.name = name }

  package var reading: Reading {
    var reading = state.withLock { $0 }
    reading.lag = lag.summary
    return reading
  }

  package func update(_ body: (inout Reading) -> Void) { state.withLock { body(&$0) } }
}

/// What a source has read since the pipeline started, over all attempts. A replay after a failure counts again.
package final class SourceMeter: Sendable {
  package struct Reading: Sendable {
    package var rows: UInt64 = 0
    package var transactions: UInt64 = 0
    package var bytes: UInt64 = 0
    /// Time spent on the processor, in nanoseconds.
    package var busyNanoseconds: UInt64 = 0
    /// Time suspended because a sink was behind, in nanoseconds.
    package var blockedNanoseconds: UInt64 = 0
    package var watermark = EventTime.distantPast
    package var position: Position?
    package var snapshot: SnapshotProgress?
    package var lag: LagSummary?
    /// The least time between a commit and its reading, in microseconds: what is constant in it is the difference of the
    /// two clocks, and it is negative when the source's is ahead. Nil until the log was read.
    package var leastDelay: Int64?
    /// What the order of several sources says of this one.
    package var order = OrderReading()
  }

  package let name: String
  package let lag = LagMeter()
  private let state = Mutex(Reading())

  package init(name: String = "source") { self.name = name }

  package var reading: Reading {
    var reading = state.withLock { $0 }
    reading.lag = lag.summary
    return reading
  }

  package func update(_ body: (inout Reading) -> Void) { state.withLock { body(&$0) } }
}
