package import Change

/// How a topic's name is made of a table's: `{pipeline}.{schema}.{table}`.
package struct TopicTemplate: Hashable, Sendable {
  private enum Piece: Hashable { case text(String), pipeline, schema, table }

  private let pieces: [Piece]
  package let text: String
  /// Whether each table is meant to have a topic of its own.
  package var separatesTables: Bool { pieces.contains(.table) }

  package init(_ text: String) throws(Failure) {
    self.text = text
    var pieces: [Piece] = []
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      if open > rest.startIndex { pieces.append(.text(String(rest[..<open]))) }
      guard let close = rest[open...].firstIndex(of: "}") else {
        throw Failure(.configuration, "\"{\" has no \"}\" in the topic's name")
      }
      switch rest[rest.index(after: open)..<close] {
      case "pipeline": pieces.append(.pipeline)
      case "schema": pieces.append(.schema)
      case "table": pieces.append(.table)
      default:
        throw Failure(
          .configuration, "a topic's name cannot hold that placeholder", hint: "one of: {pipeline}, {schema}, {table}")
      }
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { pieces.append(.text(String(rest))) }
    guard !pieces.isEmpty else { throw Failure(.configuration, "a topic needs a name") }
    self.pieces = pieces
  }

  /// The name with the table's own characters in it.
  package func name(pipeline: String, table: TableName) -> String {
    pieces.map { piece in
      switch piece {
      case .text(let text): text
      case .pipeline: pipeline
      case .schema: table.namespace
      case .table: table.table
      }
    }.joined()
  }

  /// What Kafka allows of a name: everything outside `[a-zA-Z0-9._-]` becomes `_`, by UTF-16 unit as Debezium does. A name
  /// of more than 249 characters is cut and ends with its hash; `.` and `..` become `_` and `__`.
  package static func safe(_ name: String) -> String {
    var safe = ""
    for unit in name.utf16 {
      switch unit {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x5f, 0x2d:
        safe.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      default: safe.append("_")
      }
    }
    if safe.isEmpty || safe == "." || safe == ".." { return String(repeating: "_", count: max(1, safe.utf8.count)) }
    if safe.utf8.count <= 249 { return safe }
    // FNV-1a: any hash that stays the same for ever does.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return safe.prefix(232) + "_" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}
