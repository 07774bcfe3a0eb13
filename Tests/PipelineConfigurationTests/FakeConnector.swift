import Change
import Pipeline

/// A connector that can be configured and nothing else: it keeps the blocks that it was given.
struct FakeConnector: Connector {
  let name: String
  let summary = "Stands for a system in these tests."
  let sourceOptions: [Option]?
  let sinkOptions: [Option]?

  static let all: [any Connector] = [
    FakeConnector(
      name: "mariadb",
      sourceOptions: [
        Option("url", .url, isRequired: true, "Where the server is."),
        Option("tables", .list(.string), "Globs of schema.table."),
        Option(
          "snapshot",
          .block([
            Option("mode", .choice(["initial", "never", "only"]), default: "initial", "When to copy."),
            Option("threads", .integer(1...64), default: "4", "Connections that copy."),
          ]), "The first copy."),
        Option(
          "start",
          .either([.choice(["earliest", "latest"]), .block([Option("gtid", .string, "A GTID set.")])]),
          "Where to begin."),
        Option("heartbeat", .duration, default: "1s", "How often the server tells that it lives."),
        Option("fail", .string, "Makes the connector throw an error with this text in it."),
      ], sinkOptions: nil),
    FakeConnector(
      name: "files", sourceOptions: nil,
      sinkOptions: [
        Option("path", .path, isRequired: true, "The directory."),
        Option("decimal.handling.mode", .choice(["precise", "string"]), default: "precise", "How decimals look."),
        Option("roll", .block([Option("bytes", .size, default: "64MiB", "Size of a segment.")]), "When to roll."),
        Option("sync", .boolean, default: "true", "Whether to wait for the disk."),
      ]),
    FakeConnector(name: "blackhole", sourceOptions: nil, sinkOptions: []),
  ]

  func source(_ block: OptionBlock) throws(Failure) -> any SourceDefinition {
    if let text = block.string("fail") {
      throw Failure(.configuration, "the text \(text) is wrong", at: block.place(of: "fail"), hint: "not \(text)")
    }
    return FakeDefinition(block: block)
  }

  func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition { FakeDefinition(block: block) }
}

struct FakeDefinition: SourceDefinition, SinkDefinition {
  let block: OptionBlock

  func makeSource(_ context: ConnectorContext) throws -> any Source { throw Failure(.internal, "nothing runs here") }
  func makeSink(_ context: ConnectorContext) throws -> any Sink { throw Failure(.internal, "nothing runs here") }
  func plan(_ context: ConnectorContext) async throws -> SourcePlan { throw Failure(.internal, "nothing runs here") }
  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    throw Failure(.internal, "nothing runs here")
  }
}
