package import Change
import Formats
package import Pipeline

/// `type: files`: lines of changes in segments, made visible by a manifest.
package struct Files: Connector {
  package let name = "files"
  package let summary =
    "Writes changes as json, debezium-json, canal-json, maxwell or csv into files, a folder per table and date."
  package let sourceOptions: [Option]? = nil

  package init() {}

  package var sinkOptions: [Option]? {
    [
      Option("path", .path, isRequired: true, "The folder; it belongs to this sink alone."),
      Option(
        "format", .choice(["json", "debezium-json", "canal-json", "maxwell", "csv"]), default: "json",
        "What a line is."),
      Option(
        "roll",
        .block([
          Option("bytes", .size, default: "64MiB", "A segment of this size is closed."),
          Option("every", .duration, default: "5m", "A segment of this age is closed at the next commit."),
        ]), "When the next segment is begun."),
      Option(
        "compression", .choice(CompressionKind.allCases.map(\.rawValue)), default: "none",
        "How segments are compressed."),
      Option(
        "compression_level", .integer(1...19),
        "From fast to small: zstd 1 to 19, by default 3; gzip 1 to 12, by default 6."),
      Option(
        "layout", .choice(Layout.allCases.map(\.rawValue)), default: "table",
        "A folder per table, or one stream of all tables in log order."),
      Option(
        "date", .choice(DateSeparator.allCases.map(\.rawValue)), default: "day",
        "How finely folders are divided by the commits' time, UTC."),
      Option(
        "flush_interval", .duration,
        "The least time between two commits while more is coming; by default 5ms, compressed 200ms."),
    ] + FormatOptions.source + FormatOptions.debezium + FormatOptions.csv + CanalOptions.options
      + MaxwellOptions.options
  }

  package func sink(_ block: OptionBlock) throws(Failure) -> any SinkDefinition {
    let path = try block.require(block.string("path"), "path")
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw Failure(.configuration, "\"path\" is not a path", at: block.place(of: "path"))
    }
    var settings = FilesSettings(
      path: path, format: try format(block), encoding: FormatOptions.encoding(block))
    settings.layout = block.string("layout").flatMap { Layout(rawValue: $0) } ?? .table
    settings.date = block.string("date").flatMap { DateSeparator(rawValue: $0) } ?? .day
    settings.compression = block.string("compression").flatMap { CompressionKind(rawValue: $0) } ?? .none
    settings.compressionLevel = block.integer("compression_level")
    settings.commitInterval = block.duration("flush_interval")
    if let roll = block.block("roll") {
      settings.rollBytes = max(1, roll.size("bytes") ?? settings.rollBytes)
      settings.rollAge = roll.duration("every") ?? settings.rollAge
    }
    if settings.layout == .stream, case .csv = settings.format {
      throw Failure(
        .configuration, "csv cannot have all tables in one stream: a file has the columns of one table",
        at: block.place(of: "layout"))
    }
    if settings.compression == .gzip, let level = settings.compressionLevel, level > 12 {
      throw Failure(.configuration, "gzip has levels 1 to 12", at: block.place(of: "compression_level"))
    }
    return FilesSinkDefinition(settings: settings)
  }

  private func format(_ block: OptionBlock) throws(Failure) -> FilesSettings.Format {
    switch block.string("format") {
    case "debezium-json": .debezium(try FormatOptions.debezium(block))
    case "csv": .csv(try FormatOptions.csv(block))
    case "canal-json": .canal(CanalOptions(block))
    case "maxwell": .maxwell(MaxwellOptions(block))
    default: .json
    }
  }
}

/// A checked `files` block.
struct FilesSinkDefinition: SinkDefinition {
  let settings: FilesSettings

  func makeSink(_ context: ConnectorContext) throws -> any Sink {
    var settings = settings
    if settings.encoding.name.isEmpty { settings.encoding.name = context.pipeline }
    settings.encoding.sources = context.sources
    return try FilesSink(settings, pipeline: context.pipeline, badRows: context.badRowPolicy)
  }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    var plan = SinkPlan(target: "folder \(settings.path), \(settings.formatName)")
    let root: RootDirectory
    do {
      root = try RootDirectory(settings.path, creates: false)
    } catch {
      guard error.isMissing else { throw error }
      plan.statements.append("make the folder \(settings.path)")
      return plan
    }
    let manifest = try ManifestStore.read(root)
    plan.checkpoint = manifest?.checkpoint?.position
    if let manifest, manifest.pipeline != context.pipeline {
      plan.warnings.append("the folder belongs to pipeline \"\(manifest.pipeline)\"; a run would refuse it")
    }
    if manifest == nil, try root.hasEntries() {
      plan.warnings.append("the folder has files that are not this sink's; they stay as they are")
    }
    return plan
  }
}
