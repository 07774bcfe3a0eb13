import ArgumentParser
import Change
import Logging
import Pipeline
import PipelineConfiguration
import ServiceLifecycle
import UnixSignals

/// Runs pipelines as services of one process, with progress, until they end. The first SIGTERM or SIGINT drains them, the
/// second one cancels.
struct Supervisor {
  let runs: [PipelineRun]
  private let until: Until
  private let logFormat: LogFormat
  private let redactions: [Redaction]
  private let showsProgress: Bool

  init(_ files: [PipelineFile], until: Until, logFormat: LogFormat, showsProgress: Bool = true) {
    self.until = until
    self.logFormat = logFormat
    self.showsProgress = showsProgress
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
      StandardError.shared.print("freshet: ended at once; the next run goes on from the checkpoint")
    } catch {
      exitStatus = tell(error)
    }
    if showsProgress { finish() }
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
    let progress = showsProgress ? Progress(runs: runs, logFormat: logFormat, redactions: redactions) : nil
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        try await group.run()
        return true
      }
      tasks.addTask {
        var count = 0
        for await _ in signals {
          count += 1
          if count > 1 { throw CancellationError() }
          await group.triggerGracefulShutdown()
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
