import ArgumentParser
import Change
import Connectors
import Foundation
import Pipeline
import PipelineConfiguration

/// What every command that reads pipeline files takes.
struct PipelineArguments: ParsableArguments {
  @ArgumentParser.Option(
    name: .customLong("set"),
    help: "Override a key of the file: a dotted path, such as limits.memory=128MiB or sinks.0.path=x. Repeatable.")
  var overrides: [String] = []

  /// The pipeline of a file, or everything that is wrong with it.
  func load(_ path: String) -> Result<PipelineFile, PipelineProblems> {
    PipelineFile.load(
      path: path, connectors: connectors, environment: ProcessInfo.processInfo.environment, overrides: overrides)
  }

  /// The pipeline of a file; tells everything that is wrong on standard error and ends the command otherwise.
  func require(_ path: String) throws -> PipelineFile { try PipelineArguments.require(load(path)) }

  static func require<Value>(_ result: Result<Value, PipelineProblems>) throws -> Value {
    switch result {
    case .success(let value): return value
    case .failure(let problems):
      for failure in problems.failures { StandardError.shared.print("\(failure)") }
      throw ExitCode(problems.exitStatus)
    }
  }
}

extension PipelineProblems {
  /// That of the first problem.
  var exitStatus: Int32 { failures[0].code.exitStatus }
}
