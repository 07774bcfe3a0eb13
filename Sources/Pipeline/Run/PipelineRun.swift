import Change
import Flow
import Glibc
package import Logging
import Synchronization

/// A running pipeline: attempts, one after the other, until the source has ended or a person must act.
///
/// What each failure leads to stands in `Failure.Code`'s table. The first attempt must get as far as a commit or a clean
/// end; before that, a failure that could be retried ends the run, so that a wrong address is told at once.
package final class PipelineRun: Sendable {
  package let definition: PipelineDefinition
  private let logger: Logger
  private let meters: PipelineMeters
  private let stop = StopSignal()
  private let started = MonotonicTime.now()
  private let state = Mutex((state: PipelineState.starting, retries: UInt64(0)))

  package init(definition: PipelineDefinition, logger: Logger) {
    precondition(!definition.sinks.isEmpty && !definition.sources.isEmpty, "a pipeline has a source and a sink")
    self.definition = definition
    self.logger = logger
    meters = PipelineMeters(
      sources: definition.sources.map(\.name), sinks: definition.sinks.map(\.name),
      hasTransforms: !definition.transforms.isEmpty, hasWindows: !definition.windows.isEmpty)
  }

  /// Asks the source to end; what was read is delivered, then `run` returns. May be called from any thread, more than once.
  package func requestStop() {
    state.withLock { if [.starting, .running, .retrying].contains($0.state) { $0.state = .draining } }
    stop.request()
  }

  /// Runs to the end.
  /// - Throws: the `Failure` that a person must look at, or `CancellationError`. `report` tells what was done by then.
  package func run(until: Until) async throws {
    do {
      try checkEnd(until)
      try prepareStateDirectory()
      try await attempts(until)
      state.withLock { $0.state = .finished }
    } catch {
      state.withLock { $0.state = error is CancellationError ? .cancelled : .failed }
      guard error is CancellationError || error is Failure else {
        throw Failure(.internal, "the pipeline ended with an error that nobody has named", cause: "\(error)")
      }
      throw error
    }
  }

  package var status: PipelineStatus {
    let (state, retries) = state.withLock { $0 }
    var sinks = meters.sinks.map { (name: $0.name, reading: $0.reading) }
    for (index, queue) in meters.queues.enumerated() {
      sinks[index].reading.queuedRows = queue.rows
      sinks[index].reading.queuedBytes = queue.bytes
    }
    return PipelineStatus(
      pipeline: definition.name, state: state, retries: retries,
      seconds: Double(MonotonicTime.now() &- started) / 1e9,
      sources: meters.sources.map { PipelineStatus.Source(name: $0.name, reading: $0.reading) },
      order: definition.sources.count > 1 ? meters.order.reading : nil,
      transforms: meters.transforms?.reading, windows: meters.windows?.reading,
      sinks: sinks.map { PipelineStatus.Sink(name: $0.name, reading: $0.reading) })
  }

  package var report: PipelineReport { PipelineReport(status) }

  private func attempts(_ until: Until) async throws {
    var backoff = RetryBackoff()
    var isFirst = true
    while true {
      defer { isFirst = false }
      let commitsBefore = meters.commits
      do {
        state.withLock { if $0.state != .draining { $0.state = .running } }
        let control = SourceControl(until: until, stop: stop, tellsStart: definition.sources.count > 1)
        try await PipelineAttempt(
          definition: definition, meters: meters, control: control, logger: logger, isFirst: isFirst
        ).run()
        return
      } catch let failure as Failure {
        // What a connection says when it is broken off by a cancellation is no failure.
        try Task.checkCancellation()
        guard let remedy = RetryRemedy(failure.code.remedy), meters.commits > 0, !stop.isRequested else {
          throw failure
        }
        let pause = backoff.pause(
          after: remedy, hadProgress: meters.commits > commitsBefore, random: { UInt64.random(in: $0) })
        logger.warning(
          "trying again",
          metadata: ["error": "\(failure)", "code": "\(failure.code.rawValue)", "pause_ms": "\(pause / 1_000_000)"])
        state.withLock { $0 = ($0.state == .draining ? .draining : .retrying, $0.retries + 1) }
        try await stop.sleep(nanoseconds: pause)
      }
    }
  }

  private func checkEnd(_ until: Until) throws(Failure) {
    guard definition.sources.count > 1, case .position(let text) = until else { return }
    throw Failure(
      .usage, "a position is one of a single source, and the pipeline has several", at: text,
      hint: "end at `now`, or at a time")
  }

  /// Creates the state directory, those of its sources, and its parents, for this user only.
  private func prepareStateDirectory() throws(Failure) {
    for source in definition.sources { try prepare(definition.stateDirectory(of: source)) }
  }

  private func prepare(_ directory: String) throws(Failure) {
    var path = directory.hasPrefix("/") ? "/" : ""
    for component in directory.split(separator: "/") {
      path += (path.isEmpty || path == "/" ? "" : "/") + component
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw stateFailure("cannot create", path, errno) }
    }
    var status = stat()
    guard stat(path, &status) == 0 else { throw stateFailure("cannot look at", path, errno) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw stateFailure("cannot use", path, ENOTDIR) }
    guard access(path, W_OK | X_OK) == 0 else { throw stateFailure("cannot write to", path, errno) }
  }

  private func stateFailure(_ attempt: String, _ path: String, _ error: Int32) -> Failure {
    .systemCall(
      "\(attempt) the state directory", at: path, errno: error,
      hint: "name a directory that this user may write to with `state:`")
  }
}

extension RetryRemedy {
  fileprivate init?(_ remedy: Failure.Remedy) {
    switch remedy {
    case .retryNow: self = .now
    case .retryLater: self = .later
    case .person, .never: return nil
    }
  }
}
