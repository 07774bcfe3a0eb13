/// Where a pipeline is in its life.
package enum PipelineState: String, Sendable {
  case starting, running, retrying, draining, finished, failed, cancelled
}

/// A pipeline at one moment: for progress lines, reports and questions from outside.
package struct PipelineStatus: Sendable {
  package struct Sink: Sendable {
    package var name: String
    package var reading: SinkMeter.Reading
  }

  package struct Source: Sendable {
    package var name: String
    package var reading: SourceMeter.Reading
  }

  package var pipeline: String
  package var state: PipelineState
  /// Attempts after the first.
  package var retries: UInt64
  /// Since the run began.
  package var seconds: Double
  /// In the order of the pipeline's list; at least one.
  package var sources: [Source]
  /// Nil when the pipeline has one source.
  package var order: OrderMeter.Reading?
  /// Nil when the pipeline has no transforms.
  package var transforms: TransformMeter.Reading?
  /// Nil when the pipeline has no windows.
  package var windows: TransformMeter.Reading?
  package var sinks: [Sink]

  /// All sources taken together.
  package var source: SourceMeter.Reading {
    var sum = sources[0].reading
    for source in sources.dropFirst() { sum.add(source.reading) }
    return sum
  }

  /// The source that all others have been waiting for, for more than a second.
  /// - Parameter now: nanoseconds of the monotonic clock.
  package func holder(at now: UInt64) -> String? {
    sources.first { source in
      source.reading.order.holdsSince.map { now > $0 && now - $0 > 1_000_000_000 } ?? false
    }?.name
  }

  /// How much a source's clock is behind the one that is furthest ahead, in microseconds, as far as the least delays tell.
  package func clockSkew(of source: Source) -> Int64? {
    guard sources.count > 1, let mine = source.reading.leastDelay else { return nil }
    return mine - (sources.compactMap(\.reading.leastDelay).min() ?? mine)
  }
}

extension SourceMeter.Reading {
  fileprivate mutating func add(_ other: SourceMeter.Reading) {
    rows += other.rows
    transactions += other.transactions
    bytes += other.bytes
    busyNanoseconds += other.busyNanoseconds
    blockedNanoseconds += other.blockedNanoseconds
    watermark = min(watermark, other.watermark)
    position = nil
    if let lag, let more = other.lag { self.lag = more.p99 > lag.p99 ? more : lag } else { lag = lag ?? other.lag }
    guard var copied = snapshot, let more = other.snapshot else {
      snapshot = snapshot ?? other.snapshot
      return
    }
    copied.tablesDone += more.tablesDone
    copied.tables += more.tables
    copied.rowsDone += more.rowsDone
    copied.rowsEstimated += more.rowsEstimated
    snapshot = copied
  }
}
