import ArgumentParser
import Change
import Connectors
import Foundation
import Pipeline
import PipelineConfiguration

struct TailCommand: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case pretty, json
    case debeziumJSON = "debezium-json"
  }

  static let configuration = CommandConfiguration(
    commandName: "tail", abstract: "Show a database's changes as they happen.",
    discussion: """
      SOURCE is a URL (mariadb://user:password@host:3306/), a pipeline file, whose source is read, or a binary log file. \
      A password in a URL can be seen by other users of this machine: write ${NAME} for one in the environment, in single quotes.
      """)

  @Argument(help: "A URL, a pipeline file (.yaml) or a binary log file.") var source: String
  @ArgumentParser.Option(help: "Tables to show, as globs over schema.table; \"!\" excludes. Repeatable.") var tables:
    [String] = []
  @ArgumentParser.Option(help: "How a change looks: pretty, json or debezium-json.") var format = Format.pretty
  @ArgumentParser.Option(help: "Where to begin: now, earliest or a position; a log file is read from its beginning.")
  var from: String?
  @ArgumentParser.Option(help: "End there: now, a position, or a time with its zone.") var until: String?
  @ArgumentParser.Option(help: "How logs look: text or json.") var logFormat = LogFormat.text

  func run() async throws {
    let until = try UntilText.until(until)
    let state = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-tail-\(UUID().uuidString)").path
    defer {
      // Nothing there is needed again; what cannot be removed is the system's to clean.
      do { try FileManager.default.removeItem(atPath: state) } catch { StandardError.shared.show("") }
    }
    let target = TailTarget(tables: tables, format: format.rawValue, from: from, state: state)
    let nodes = try PipelineArguments.require(
      target.nodes(source, connectors: connectors, environment: ProcessInfo.processInfo.environment))
    let file = try PipelineArguments.require(PipelineFile.load(nodes, connectors: connectors))
    let supervisor = Supervisor([file], until: until, logFormat: logFormat, isView: true)
    try await supervisor.run().get()
  }
}
