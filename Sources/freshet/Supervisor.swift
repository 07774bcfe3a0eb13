import ArgumentParser
import Change
import FilesConnector
import Flow
import Glibc
import Logging
import Pipeline
import PipelineConfiguration
import ServiceLifecycle
import UnixSignals

/// Runs pipelines as services of one process, with progress, until they end. The first SIGTERM or SIGINT drains them, the
/// second one cancels.
struct Supervisor {
  private static let echoNanoseconds: UInt64 = 200_000_000

  let runs: [PipelineRun]
  private let until: Until
  private let logFormat: LogFormat
  private let redactions: [Redaction]
  /// Whether the run only shows changes: without progress, and with nothing wrong when its reader goes, as `head` does.
  private let isView: Bool

  init(_ files: [PipelineFile], until: Until, logFormat: LogFormat, isView: Bool = false) {
    self.until = until
    self.logFormat = logFormat
    self.isView = isView
    redactions = files.map(\.redaction)
    runs = files.map { file in
      let name = file.definition.name
      return PipelineRun(
        definition: file.definition, logger: .freshet(logFormat, redaction: file.redaction, pipeline: name))
    }
  }

  /// Returns when every pipeline has ended; errors are told on standard error, what remains is the exit status.
  func run() async -> Result<Void, ExitCode> {
    var exitStatus: Int32 = 0
    do {
      try await supervise()
    } catch is CancellationError {
      exitStatus = 75
      tellCancellation()
    } catch let failure as Failure where isView && StandardOutputSink.isReaderGone(failure) {
      exitStatus = 0
    } catch {
      exitStatus = tell(error)
    }
    if !isView { finish() }
    return exitStatus == 0 ? .success(()) : .failure(ExitCode(exitStatus))
  }

  private func supervise() async throws {
    var logger = Logger(label: "freshet") { [logFormat] _ in LineLogHandler(logFormat, redaction: Redaction()) }
    // The group tells the start and end of each service at lower levels; what a person must know, we tell.
    logger.logLevel = .error
    let services = runs.map { run in
      ServiceGroupConfiguration.ServiceConfiguration(
        service: PipelineService(run: run, until: until), successTerminationBehavior: .ignore,
        failureTerminationBehavior: .gracefullyShutdownGroup)
    }
    let group = ServiceGroup(configuration: .init(services: services, logger: logger))
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    let progress = isView ? nil : Progress(runs: runs, logFormat: logFormat, redactions: redactions)
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        try await group.run()
        return true
      }
      tasks.addTask {
        var first: UInt64?
        for await _ in signals {
          if let first {
            // `timeout` and others signal a process and then its group: what comes at once is the same wish.
            guard MonotonicTime.now() &- first > Supervisor.echoNanoseconds else { continue }
            endWhateverBlocks()
            throw CancellationError()
          } else {
            first = MonotonicTime.now()
            await group.triggerGracefulShutdown()
          }
        }
        return false
      }
      if let progress {
        tasks.addTask {
          await progress.run()
          return false
        }
      }
      // Only the end of the pipelines is the end.
      while let isEnd = try await tasks.next(), !isEnd { continue }
      tasks.cancelAll()
    }
  }

  /// A call that blocks in C, such as a write into a pipe that nobody reads, hears of no cancellation. Ending the process
  /// under it loses nothing: what is durable has its checkpoint, everything else is read again.
  private func endWhateverBlocks() {
    Task.detached {
      do { try await Task.sleep(for: .seconds(1)) } catch { return }
      tellCancellation()
      _exit(75)
    }
  }

  private func tellCancellation() {
    StandardError.shared.show("")
    let message = isView ? "ended at once" : "ended at once; the next run goes on from the checkpoint"
    switch logFormat {
    case .text: StandardError.shared.print("freshet: \(message)")
    case .json: Logger(label: "freshet") { _ in LineLogHandler(.json, redaction: Redaction()) }.warning("\(message)")
    }
  }

  /// Logs what ended the run, once, and gives its exit status.
  private func tell(_ error: any Error) -> Int32 {
    StandardError.shared.show("")
    let failure = error as? Failure ?? Failure(.internal, "an unexpected error ended the run", cause: "\(error)")
    // Of several pipelines it is not known which one it was: no secret of any may show.
    var hidden = failure
    for redaction in redactions { hidden = redaction(hidden) }
    switch logFormat {
    case .text: StandardError.shared.print("freshet: \(hidden)")
    case .json:
      let logger = Logger(label: "freshet") { _ in LineLogHandler(.json, redaction: Redaction()) }
      logger.critical(
        "\(hidden.message)",
        metadata: [
          "code": "\(hidden.code.rawValue)", "place": "\(hidden.place)", "hint": "\(hidden.hint)",
          "cause": "\(hidden.cause)",
        ])
    }
    return failure.code.exitStatus
  }

  private func finish() {
    StandardError.shared.show("")
    guard logFormat == .text else { return }
    for run in runs { StandardError.shared.print(ProgressText.summary(run.status)) }
  }
}

/// One pipeline as a service of the process.
private struct PipelineService: Service {
  let run: PipelineRun
  let until: Until

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await run.run(until: until)
    } onGracefulShutdown: {
      run.requestStop()
    }
  }
}
