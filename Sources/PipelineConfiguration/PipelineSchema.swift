package import Pipeline

/// The JSON Schema (draft 2020-12) of a pipeline file, for editors.
package enum PipelineSchema {
  package static func schema(connectors: [any Connector]) -> JSONValue {
    let sources = connectors.compactMap { connector in connector.sourceOptions.map { block(connector, $0) } }
    let sinks = connectors.compactMap { connector in connector.sinkOptions.map { block(connector, $0) } }
    var properties: [String: JSONValue] = [:]
    for option in PipelineOptions.all { properties[option.name] = property(option) }
    properties["source"] = .object(["oneOf": .array(sources)])
    properties["sources"] = array(of: sources, most: PipelineOptions.mostSources)
    properties["sinks"] = array(of: sinks, most: nil)
    properties["transforms"] = .object([
      "type": .string("array"), "items": .object(["oneOf": .array(Verbs.all.map(block))]),
    ])
    properties["windows"] = .object(["type": .string("array"), "items": block(WindowOptions.all)])
    return .object([
      "$schema": .string("https://json-schema.org/draft/2020-12/schema"),
      "title": .string("Freshet pipeline"),
      "type": .string("object"),
      "properties": .object(properties),
      "required": .array([.string("pipeline"), .string("sinks")]),
      "oneOf": .array([
        .object(["required": .array([.string("source")])]), .object(["required": .array([.string("sources")])]),
      ]),
      "additionalProperties": .boolean(false),
    ])
  }

  private static func array(of items: [JSONValue], most: Int?) -> JSONValue {
    var members: [String: JSONValue] = [
      "type": .string("array"), "minItems": .integer(1), "items": .object(["oneOf": .array(items)]),
    ]
    if let most { members["maxItems"] = .integer(most) }
    return .object(members)
  }

  private static func block(_ connector: any Connector, _ options: [Option]) -> JSONValue {
    let all = PipelineOptions.common([connector.name]) + options
    guard case .object(var members) = block(all) else { preconditionFailure("a block is an object") }
    members["title"] = .string(connector.name)
    members["description"] = .string(connector.summary)
    return .object(members)
  }

  /// A verb's block has one key, the verb.
  private static func block(_ verb: any Verb) -> JSONValue {
    .object([
      "type": .string("object"), "title": .string(verb.name), "description": .string(verb.summary),
      "properties": .object([verb.name: block(verb.options)]), "required": .array([.string(verb.name)]),
      "additionalProperties": .boolean(false),
    ])
  }

  private static func block(_ options: [Option]) -> JSONValue {
    var properties: [String: JSONValue] = [:]
    for option in options { properties[option.name] = property(option) }
    let required = options.filter(\.isRequired).map { JSONValue.string($0.name) }
    return .object([
      "type": .string("object"), "properties": .object(properties), "required": .array(required),
      "additionalProperties": .boolean(false),
    ])
  }

  private static func property(_ option: Option) -> JSONValue {
    guard case .object(var members) = schema(option.kind) else { preconditionFailure("a schema is an object") }
    members["description"] = .string(option.summary)
    if let text = option.defaultText { members["default"] = defaultValue(text, option.kind) }
    return .object(members)
  }

  private static func defaultValue(_ text: String, _ kind: Option.Kind) -> JSONValue {
    switch kind {
    case .integer: Int(text).map(JSONValue.integer) ?? .string(text)
    case .boolean: OptionText.boolean(text).map(JSONValue.boolean) ?? .string(text)
    default: .string(text)
    }
  }

  private static func schema(_ kind: Option.Kind) -> JSONValue {
    switch kind {
    case .string: .object(["type": .array(["string", "number", "boolean"].map(JSONValue.string))])
    case .url, .path: .object(["type": .string("string"), "minLength": .integer(1)])
    case .integer(let range): orSubstitution(integer(range))
    case .boolean: orSubstitution(.object(["type": .string("boolean")]))
    case .duration: pattern("^[0-9]+(us|ms|s|m|h|d)$|\\$\\{")
    case .size:
      anyOf([
        .object(["type": .string("integer"), "minimum": .integer(0)]), pattern("^[0-9]+(B|KiB|MiB|GiB|TiB)?$|\\$\\{"),
      ])
    case .choice(let names): orSubstitution(.object(["enum": .array(names.map(JSONValue.string))]))
    case .list(let item): anyOf([.object(["type": .string("array"), "items": schema(item)]), schema(item)])
    case .block(let options): block(options)
    case .either(let kinds): anyOf(kinds.map(schema))
    case .anything: .object([:])
    }
  }

  private static func integer(_ range: ClosedRange<Int>) -> JSONValue {
    var members: [String: JSONValue] = ["type": .string("integer")]
    if range.lowerBound != .min { members["minimum"] = .integer(range.lowerBound) }
    if range.upperBound != .max { members["maximum"] = .integer(range.upperBound) }
    return .object(members)
  }

  private static func orSubstitution(_ schema: JSONValue) -> JSONValue { anyOf([schema, pattern("\\$\\{")]) }

  private static func pattern(_ text: String) -> JSONValue {
    .object(["type": .string("string"), "pattern": .string(text)])
  }

  private static func anyOf(_ schemas: [JSONValue]) -> JSONValue { .object(["anyOf": .array(schemas)]) }
}
