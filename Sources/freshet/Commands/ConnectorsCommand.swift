import ArgumentParser
import Change
import Connectors
import Pipeline
import PipelineConfiguration

struct ConnectorsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connectors", abstract: "Show what can be connected, and every option with type, unit and default.")

  @Argument(help: "One connector, with its options.") var name: String?
  @Flag(help: "Print JSON, with all options.") var json = false

  func run() throws {
    guard let name else {
      StandardOutput.write(
        json
          ? ConnectorListing.json(connectors).text() + "\n"
          : ConnectorListing.overview(connectors, width: StandardOutput.width))
      return
    }
    guard let connector = connectors.first(where: { $0.name == name }) else {
      let names = connectors.map(\.name)
      throw Failure(
        .usage, "there is no connector \(NearestName.quoted(name))\(NearestName.suggestion(for: name, in: names))",
        hint: NearestName.list("connectors", names))
    }
    StandardOutput.write(
      json
        ? ConnectorListing.json([connector]).text() + "\n"
        : ConnectorListing.details(connector, width: StandardOutput.width))
  }
}

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of the pipeline file, for editors.")

  func run() { StandardOutput.print(PipelineSchema.schema(connectors: connectors).text()) }
}
