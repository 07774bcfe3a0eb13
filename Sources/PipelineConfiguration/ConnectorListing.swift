package import Pipeline

/// What can be connected, and every option of it: for people as a table, for programs as JSON.
package enum ConnectorListing {
  /// One line a connector.
  package static func overview(_ connectors: [any Connector], width: Int? = nil) -> String {
    TextTable.text(
      header: ["NAME", "SOURCE", "SINK", ""],
      connectors.map {
        [$0.name, $0.sourceOptions == nil ? "" : "yes", $0.sinkOptions == nil ? "" : "yes", $0.summary]
      }, width: width)
  }

  /// Every option of one connector.
  package static func details(_ connector: any Connector, width: Int? = nil) -> String {
    var text = "\(connector.name): \(connector.summary)\n"
    for (title, options) in [("source", connector.sourceOptions), ("sink", connector.sinkOptions)] {
      guard let options else { continue }
      text += "\nAs a \(title):\n"
      text +=
        options.isEmpty
        ? "  no options\n"
        : TextTable.text(
          header: ["OPTION", "TYPE", "DEFAULT", ""], rows(options, prefix: ""), width: width)
    }
    return text
  }

  /// One line a verb of `transforms:`.
  package static func overview(_ verbs: [any Verb], width: Int? = nil) -> String {
    TextTable.text(header: ["VERB", ""], verbs.map { [$0.name, $0.summary] }, width: width)
  }

  /// Every option of one verb.
  package static func details(_ verb: any Verb, width: Int? = nil) -> String {
    "\(verb.name): \(verb.summary)\n\n"
      + TextTable.text(header: ["OPTION", "TYPE", "DEFAULT", ""], rows(verb.options, prefix: ""), width: width)
  }

  package static func json(_ verbs: [any Verb]) -> JSONValue {
    .array(
      verbs.map { verb in
        .object(["name": .string(verb.name), "summary": .string(verb.summary), "options": json(verb.options)])
      })
  }

  package static func json(_ connectors: [any Connector]) -> JSONValue {
    .array(
      connectors.map { connector in
        var members: [String: JSONValue] = ["name": .string(connector.name), "summary": .string(connector.summary)]
        members["source"] = connector.sourceOptions.map(json) ?? .null
        members["sink"] = connector.sinkOptions.map(json) ?? .null
        return .object(members)
      })
  }

  private static func json(_ options: [Option]) -> JSONValue {
    .array(
      options.map { option in
        var members: [String: JSONValue] = [
          "name": .string(option.name), "type": .string(option.kind.shortName), "summary": .string(option.summary),
          "required": .boolean(option.isRequired),
        ]
        members["default"] = option.defaultText.map(JSONValue.string) ?? .null
        if !option.kind.blockOptions.isEmpty { members["options"] = json(option.kind.blockOptions) }
        return .object(members)
      })
  }

  /// The options of nested blocks follow theirs, named `snapshot: mode`.
  private static func rows(_ options: [Option], prefix: String) -> [[String]] {
    options.flatMap { option in
      let row = [
        prefix + option.name, option.kind.shortName, option.isRequired ? "required" : option.defaultText ?? "",
        option.summary,
      ]
      return [row] + rows(option.kind.blockOptions, prefix: "\(prefix)\(option.name): ")
    }
  }
}

extension Option.Kind {
  /// The type with its unit, for a column of a table.
  fileprivate var shortName: String {
    switch self {
    case .string: "text"
    case .url: "URL"
    case .path: "path"
    case .integer(let range):
      switch (range.lowerBound, range.upperBound) {
      case (.min, .max): "integer"
      case (let low, .max): "integer ≥ \(low)"
      case (.min, let high): "integer ≤ \(high)"
      case (let low, let high): "integer \(low)–\(high)"
      }
    case .boolean: "true or false"
    case .duration: "duration (ms, s, m, h)"
    case .size: "size (KiB, MiB, GiB)"
    case .choice(let names): names.joined(separator: " | ")
    case .list(let kind): "list of \(kind.shortName)"
    case .block: "block"
    case .either(let kinds): kinds.map(\.shortName).joined(separator: " | ")
    case .anything: "value"
    }
  }
}
