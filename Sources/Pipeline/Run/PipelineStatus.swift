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

  package var pipeline: String
  package var state: PipelineState
  /// Attempts after the first.
  package var retries: UInt64
  /// Since the run began.
  package var seconds: Double
  package var source: SourceMeter.Reading
  /// Nil when the pipeline has no transforms.
  package var transforms: TransformMeter.Reading?
  /// Nil when the pipeline has no windows.
  package var windows: TransformMeter.Reading?
  package var sinks: [Sink]
}
