import ArgumentParser
import Change
import Glibc
import PipelineConfiguration

/// The program: parses the command line, runs one command, and turns what it throws into an exit status of sysexits.h.
@main struct Freshet {
  static func main() async {
    // A broken connection or pipe is an error of the write that met it, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try FreshetCommand.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      StandardError.shared.print("freshet: \(failure)")
      exit(failure.code.exitStatus)
    } catch let problems as PipelineProblems {
      for failure in problems.failures { StandardError.shared.print("\(failure)") }
      exit(problems.exitStatus)
    } catch {
      FreshetCommand.exit(withError: error)
    }
  }
}

struct FreshetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "freshet",
    abstract: "Replicates databases while they change: change data capture and stream processing in one program.",
    version: "0.1.0",
    subcommands: [
      DemoCommand.self, RunCommand.self, ValidateCommand.self, PlanCommand.self, TailCommand.self,
      ConnectorsCommand.self, TransformsCommand.self,
      SchemaCommand.self, VersionCommand.self,
    ])
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  func run() { StandardOutput.print("freshet \(FreshetCommand.configuration.version)") }
}
