import ArgumentParser
import PipelineConfiguration

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check pipeline files without connecting: every problem as file:line:column.")

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "Pipeline files.") var files: [String]

  func run() throws {
    var exitStatus: Int32 = 0
    for file in files {
      switch pipeline.load(file) {
      case .success: StandardOutput.print("\(file): ok")
      case .failure(let problems):
        for failure in problems.failures { StandardOutput.print("\(failure)") }
        if exitStatus == 0 { exitStatus = problems.exitStatus }
      }
    }
    if exitStatus != 0 { throw ExitCode(exitStatus) }
  }
}
