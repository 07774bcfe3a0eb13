import Foundation
import Pipeline
import PipelineConfiguration
import Testing

struct ListingTests {
  @Test func everyOptionOfEveryConnectorIsInTheSchemaAndInTheListing() throws {
    let schema = PipelineSchema.schema(connectors: FakeConnector.all).text()
    #expect(try JSONSerialization.jsonObject(with: Data(schema.utf8)) is [String: Any])
    let listing = FakeConnector.all.map { ConnectorListing.details($0) }.joined()
    let json = ConnectorListing.json(FakeConnector.all).text()
    for connector in FakeConnector.all {
      #expect(ConnectorListing.overview(FakeConnector.all).contains(connector.name))
      for option in (connector.sourceOptions ?? []) + (connector.sinkOptions ?? []) {
        #expect(schema.contains("\"\(option.name)\""))
        #expect(listing.contains(option.name))
        #expect(json.contains("\"\(option.name)\""))
      }
    }
  }

  @Test func everyOptionOfEveryVerbIsInTheSchemaAndInTheListing() throws {
    let schema = PipelineSchema.schema(connectors: FakeConnector.all).text()
    let listing = Verbs.all.map { ConnectorListing.details($0) }.joined()
    let json = ConnectorListing.json(Verbs.all).text()
    for verb in Verbs.all {
      #expect(ConnectorListing.overview(Verbs.all).contains(verb.name))
      for name in [verb.name] + verb.options.map(\.name) {
        #expect(schema.contains("\"\(name)\""))
        #expect(listing.contains(name))
        #expect(json.contains("\"\(name)\""))
      }
    }
  }

  @Test func aLongLastColumnIsWrappedBetweenWordsToTheTerminal() {
    let rows = [["tables", "Tables to read, as globs over schema.table, in their order."], ["x", "y"]]
    #expect(
      TextTable.text(header: ["OPTION", ""], rows, width: 40) == """
          OPTION
          tables  Tables to read, as globs over
                  schema.table, in their order.
          x       y

        """)
    #expect(TextTable.text(header: ["OPTION", ""], rows, width: 20) == TextTable.text(header: ["OPTION", ""], rows))
  }

  @Test func aListingTellsTypesUnitsAndDefaultsOfNestedOptions() {
    #expect(
      ConnectorListing.details(FakeConnector.all[1]) == """
        files: Stands for a system in these tests.

        As a sink:
          OPTION                 TYPE                  DEFAULT
          path                   path                  required  The directory.
          decimal.handling.mode  precise | string      precise   How decimals look.
          roll                   block                           When to roll.
          roll: bytes            size (KiB, MiB, GiB)  64MiB     Size of a segment.
          sync                   true or false         true      Whether to wait for the disk.

        """)
  }
}
