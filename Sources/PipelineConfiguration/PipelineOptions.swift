import Pipeline

/// The keys of a pipeline file that belong to no connector.
enum PipelineOptions {
  static let defaultMemory = 256 << 20
  static let leastMemory = 64 << 20

  static let limits = [
    Option("memory", .size, default: "256MiB", "What the whole process may hold; at least 64MiB.")
  ]

  /// A checkpoint names every source, and each has a thread of its own.
  static let mostSources = 64

  static let order = [
    Option(
      "idle_after", .either([.duration, .choice(["never"])]), default: "5s",
      "How long a source may be silent before it holds the others back no longer."),
    Option(
      "late", .choice(OrderSettings.LatePolicy.allCases.map(\.rawValue)), default: "emit",
      "What happens to a transaction that comes behind the watermark: emit gives it a later commit time, "
        + "quarantine sets its rows aside."),
    Option(
      "shared_keys", .choice(OrderSettings.SharedKeyPolicy.allCases.map(\.rawValue)), default: "stop",
      "What happens to a row that has the key of another source's row: last puts it in the other's place."),
  ]

  static let all = [
    Option("pipeline", .string, isRequired: true, "The pipeline's name: letters, digits, \"_\", \"-\" and \".\"."),
    Option("source", .anything, "Where changes come from."),
    Option("sources", .list(.anything), "Where changes come from: several sources, merged by commit time."),
    Option("order", .block(order), "How several sources are brought into one order."),
    Option("transforms", .list(.anything), "What happens to changes on their way, in order: each a block of one verb."),
    Option("windows", .list(.anything), "Aggregates over spans of time, each a block with a name."),
    Option("sinks", .list(.anything), isRequired: true, "Where changes go, each a block with a type."),
    Option(
      "on_schema_change", .choice(SchemaChangePolicy.allCases.map(\.rawValue)), default: "evolve",
      "What a sink does when the schema of a table changes."),
    Option(
      "on_bad_row", .choice(BadRowPolicy.allCases.map(\.rawValue)), default: "stop",
      "What happens to a row that a target cannot hold."),
    Option("limits", .block(limits), "What the process may use."),
    Option("state", .path, "The state directory; without it: .freshet/ and the pipeline's name."),
  ]

  /// Keys of the interface that this version does not carry out, and must not ignore.
  static let unavailable = ["control"]

  /// The keys of every source and sink block.
  static func common(_ types: [String]) -> [Option] {
    [
      Option("type", .choice(types), isRequired: true, "Which system it is."),
      Option("name", .string, "What reports and metrics call it; without it: its type."),
    ]
  }

  static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= 64, isAlphanumeric(first) else { return false }
    return bytes.allSatisfy {
      isAlphanumeric($0) || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains($0)
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
