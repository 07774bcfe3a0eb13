import ArgumentParser
import Change
import Pipeline
import PipelineConfiguration

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run pipelines until their sources end or a signal comes.",
    discussion: "SIGTERM and SIGINT drain: what was read is delivered first. A second signal ends at once.")

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "Pipeline files.") var files: [String]
  @ArgumentParser.Option(help: "End there: now, a position of the source, or a time with its zone.") var until: String?
  @ArgumentParser.Option(help: "Write a summary of the run to this file, as JSON.") var report: String?
  @ArgumentParser.Option(help: "How logs look: text or json.") var logFormat = LogFormat.text

  func validate() throws {
    if report != nil, files.count > 1 { throw ValidationError("--report takes one pipeline file") }
  }

  func run() async throws {
    let until = try UntilText.until(until)
    if let report { try ReportFile.check(report) }
    let loaded = try files.map { try pipeline.require($0) }
    try RunCommand.refuseTwins(loaded, files)
    let supervisor = Supervisor(loaded, until: until, logFormat: logFormat)
    let outcome = await supervisor.run()
    if let report, let run = supervisor.runs.first { try ReportFile.write(run.report, to: report) }
    try outcome.get()
  }

  /// Two pipelines of one name would share a state directory.
  private static func refuseTwins(_ loaded: [PipelineFile], _ files: [String]) throws(Failure) {
    var seen: [String: String] = [:]
    for (pipeline, file) in zip(loaded, files) {
      let name = pipeline.definition.name
      if let other = seen[name] {
        throw Failure(.configuration, "the pipeline is called \"\(name)\" like that of \(other)", at: file)
      }
      seen[name] = file
    }
  }
}
