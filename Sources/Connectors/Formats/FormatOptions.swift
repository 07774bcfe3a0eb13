package import Change
package import Pipeline

/// The options that say how changes become lines and records, shared by `files`, `stdout` and `kafka`; read into an
/// encoder's settings.
package enum FormatOptions {
  /// Debezium's names, and ours: `lossy.values`, `envelope`.
  package static let debezium: [Option] = [
    Option(
      "decimal.handling.mode", .choice(["precise", "double", "string"]), default: "precise",
      "debezium-json: decimals as base64 of the unscaled number, as doubles, or as strings."),
    Option(
      "time.precision.mode",
      .choice(["adaptive_time_microseconds", "adaptive", "connect", "isostring", "microseconds", "nanoseconds"]),
      default: "adaptive_time_microseconds", "debezium-json: the unit of dates and times."),
    Option(
      "binary.handling.mode", .choice(["bytes", "base64", "base64-url-safe", "hex"]), default: "bytes",
      "debezium-json: how bytes become text."),
    Option(
      "bigint.unsigned.handling.mode", .choice(["long", "precise"]), default: "long",
      "debezium-json: unsigned 64-bit integers as signed numbers, or as base64."),
    Option(
      "tombstones.on.delete", .boolean, default: "true",
      "debezium-json: with envelope full, a line with a null value after each delete."),
    Option(
      "provide.transaction.metadata", .boolean, default: "false",
      "debezium-json: number changes within their transaction, and write its begin and end."),
    Option("include.schema.changes", .boolean, default: "true", "debezium-json: write changes of schemas."),
    Option(
      "skipped.operations", .string, default: "t",
      "debezium-json: operations that are left out, of c, u, d and t, with commas; or none."),
    Option(
      "replace.null.with.default", .boolean, default: "true",
      "debezium-json: write a column's default in place of NULL, as Kafka Connect does."),
    Option(
      "key.converter.schemas.enable", .boolean, default: "false",
      "debezium-json: write a Kafka Connect schema before each key."),
    Option(
      "value.converter.schemas.enable", .boolean, default: "false",
      "debezium-json: write a Kafka Connect schema before each value."),
    Option(
      "lossy.values", .choice(["debezium", "refuse"]), default: "debezium",
      "debezium-json: write values that the modes cannot carry as Debezium does, or refuse the change."),
    Option(
      "envelope", .choice(["value", "full"]), default: "value",
      "debezium-json: a line is the record's value, or topic, headers, key and value."),
    Option("topic.prefix", .string, "debezium-json: the source's logical name; by default the pipeline's."),
  ]

  package static let csv: [Option] = [
    Option("delimiter", .string, default: ",", "csv: one ASCII character between fields."),
    Option("quote", .string, default: "\"", "csv: one ASCII character around fields that need it."),
    Option("null", .string, default: "\\N", "csv: what stands for NULL."),
    Option("header", .boolean, default: "true", "csv: begin each file with the columns' names."),
    Option(
      "include_commit_ts", .boolean, default: "false", "csv: the commit time, microseconds since 1970, as a column."),
    Option("output_old_value", .boolean, default: "false", "csv: an update is two lines, before and after."),
    Option(
      "binary_encoding", .choice(["base64", "base64-url-safe", "hex"]), default: "base64", "csv: how bytes become text."
    ),
  ]

  /// What the log's source is, for formats that name it.
  package static let source: [Option] = [
    Option(
      "connector", .choice(["mariadb", "mysql"]),
      "The kind of the source, as Debezium names it; by default what the source says."),
    Option(
      "log_file_base", .string, "The log files' name without its number; by default what the source says."),
  ]

  package static func debezium(_ block: OptionBlock) throws(Failure) -> DebeziumOptions {
    var options = DebeziumOptions()
    for name in DebeziumOptions.names where block.has(name) {
      guard let value = block.string(name) else { continue }
      do {
        try options.set(name, to: value)
      } catch {
        throw error.at(block.place(of: name))
      }
    }
    return options
  }

  package static func csv(_ block: OptionBlock) throws(Failure) -> CSVOptions {
    var options = CSVOptions()
    options.delimiter = try character("delimiter", block)
    options.quote = try character("quote", block)
    options.null = block.string("null") ?? options.null
    options.header = block.boolean("header") ?? options.header
    options.includesCommitTime = block.boolean("include_commit_ts") ?? options.includesCommitTime
    options.outputsOldValue = block.boolean("output_old_value") ?? options.outputsOldValue
    options.binary = block.string("binary_encoding").flatMap { BinaryText(rawValue: $0) } ?? options.binary
    return options
  }

  /// What a block says of its source; the rest is empty, and each source's own to say.
  package static func encoding(_ block: OptionBlock) -> EncodingContext {
    EncodingContext(
      connector: block.string("connector") ?? "", name: block.string("topic.prefix") ?? "",
      logFileBase: block.string("log_file_base") ?? "")
  }

  private static func character(_ name: String, _ block: OptionBlock) throws(Failure) -> UInt8 {
    let bytes = Array((block.string(name) ?? "").utf8)
    guard bytes.count == 1 else {
      throw Failure(.configuration, "\"\(name)\" must be one ASCII character", at: block.place(of: name))
    }
    return bytes[0]
  }
}
