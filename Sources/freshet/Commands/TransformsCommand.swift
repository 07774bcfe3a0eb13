import ArgumentParser
import Change
import Pipeline
import PipelineConfiguration

struct TransformsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transforms", abstract: "Show what can happen to changes on their way, and every option of it.")

  @Argument(help: "One verb of `transforms:`, with its options.") var name: String?
  @Flag(help: "Print JSON, with all options.") var json = false

  func run() throws {
    let width = StandardOutput.width
    guard let name else {
      return StandardOutput.write(
        json ? ConnectorListing.json(Verbs.all).text() + "\n" : ConnectorListing.overview(Verbs.all, width: width))
    }
    guard let verb = Verbs.all.first(where: { $0.name == name }) else {
      let names = Verbs.all.map(\.name)
      throw Failure(
        .usage, "there is no verb \(NearestName.quoted(name))\(NearestName.suggestion(for: name, in: names))",
        hint: NearestName.list("verbs", names))
    }
    StandardOutput.write(
      json ? ConnectorListing.json([verb]).text() + "\n" : ConnectorListing.details(verb, width: width))
  }
}
