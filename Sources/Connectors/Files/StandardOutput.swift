package import Change
import Formats
import Glibc
package import Pipeline

/// `type: stdout`: one line a change, for people and for pipes.
package struct StandardOutput: Connector {
  package let name = "stdout"
  package let summary = "Prints one line a change; it keeps no checkpoint."
  package let sourceOptions: [Option]? = nil

  package init() {}

  package var sinkOptions: [Option]? {
    [
      Option(
        "format", .choice(["json", "debezium-json", "canal-json", "maxwell", "csv", "pretty"]), default: "json",
        "What a line is; pretty is for people, with colours on a terminal.")
    ] + FormatOptions.source + FormatOptions.debezium + FormatOptions.csv + CanalOptions.options
      + MaxwellOptions.options
  }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition {
    let format: StdoutSinkDefinition.Format =
      switch block.string("format") {
      case "debezium-json": .debezium(try FormatOptions.debezium(block))
      case "csv": .csv(try FormatOptions.csv(block))
      case "canal-json": .canal(CanalOptions(block))
      case "maxwell": .maxwell(MaxwellOptions(block))
      case "pretty": .pretty
      default: .json
      }
    return StdoutSinkDefinition(format: format, encoding: FormatOptions.encoding(block))
  }
}

/// A checked `stdout` block.
struct StdoutSinkDefinition: SinkDefinition {
  enum Format: Sendable {
    case json, pretty
    case debezium(DebeziumOptions)
    case csv(CSVOptions)
    case canal(CanalOptions)
    case maxwell(MaxwellOptions)
  }

  let format: Format
  let encoding: EncodingContext

  func makeSink(_ context: ConnectorContext) throws -> any Sink {
    var encoding = encoding
    if encoding.name.isEmpty { encoding.name = context.pipeline }
    encoding.sources = context.sources
    return StandardOutputSink(badRows: context.badRowPolicy, try encoder(encoding))
  }

  private func encoder(_ encoding: EncodingContext) throws(Failure) -> any ChangeEncoder {
    switch format {
    case .json: JSONChangeEncoder(context: encoding)
    case .pretty: PrettyChangeEncoder(hasColors: isatty(STDOUT_FILENO) == 1)
    case .debezium(let options): DebeziumChangeEncoder(options: options, context: encoding)
    case .csv(let options): try CSVChangeEncoder(options: options)
    case .canal(let options): CanalChangeEncoder(options: options)
    case .maxwell(let options): MaxwellChangeEncoder(options: options, context: encoding)
    }
  }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    SinkPlan(
      target: "standard output",
      warnings: ["standard output keeps no checkpoint: each run prints from where the source starts"])
  }
}
