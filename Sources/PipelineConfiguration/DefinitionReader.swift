import Change
import Pipeline

/// Turns the nodes of a pipeline file into a definition, and collects everything that is wrong on the way.
struct DefinitionReader {
  let connectors: [any Connector]
  var problems: [Failure] = []

  init(connectors: [any Connector]) { self.connectors = connectors }

  /// The definition; nil when there are problems.
  mutating func read(_ root: OptionNode) -> PipelineDefinition? {
    guard case .map(let entries) = root.content else {
      problems += OptionBlock(root, options: PipelineOptions.all).problems
      return nil
    }
    let missing = entries.filter { PipelineOptions.unavailable.contains($0.key) }
    for entry in missing {
      problems.append(
        Failure(.configuration, "\"\(entry.key)\" is not available in this version", at: entry.keyPlace))
    }
    let others = entries.filter { !PipelineOptions.unavailable.contains($0.key) }
    let block = OptionBlock(OptionNode(.map(others), at: root.place), options: PipelineOptions.all)
    problems += block.problems
    let name = pipelineName(block)
    let sources = readSources(block)
    let transforms = readTransforms(block)
    let windows = readWindows(block)
    let sinks = readSinks(block)
    let memory = memoryLimit(block)
    guard problems.isEmpty, let name, !sources.isEmpty else { return nil }
    return PipelineDefinition(
      name: name, sources: sources, order: readOrder(block), transforms: transforms, windows: windows, sinks: sinks,
      schemaChangePolicy: block.string("on_schema_change").flatMap(SchemaChangePolicy.init) ?? .evolve,
      badRowPolicy: block.string("on_bad_row").flatMap(BadRowPolicy.init) ?? .stop, memoryLimit: memory,
      stateDirectory: block.string("state") ?? ".freshet/\(name)")
  }

  private mutating func pipelineName(_ block: OptionBlock) -> String? {
    guard let node = block.node("pipeline"), node.text != nil else { return nil }
    return checkedName(node)
  }

  private mutating func readSinks(_ block: OptionBlock) -> [PipelineDefinition.NamedSink] {
    guard let node = block.node("sinks"), case .list(let items) = node.content else { return [] }
    if items.isEmpty { problems.append(Failure(.configuration, "\"sinks\" holds no sink", at: node.place)) }
    var names: Set<String> = []
    var sinks: [PipelineDefinition.NamedSink] = []
    for item in items {
      let read = readBlock(item, "sink", types: sinkTypes, options: \.sinkOptions) { connector, block throws(Failure) in
        try connector.sink(block)
      }
      guard let read else { continue }
      let name = read.name ?? read.type
      if names.insert(name).inserted {
        sinks.append(PipelineDefinition.NamedSink(name: name, definition: read.definition))
      } else {
        problems.append(
          Failure(
            .configuration, "two sinks are called \"\(name)\"", at: read.namePlace,
            hint: "give each sink a \"name\" of its own"))
      }
    }
    return sinks
  }

  struct Read<Definition> {
    var type: String
    /// Nil when none is written, or it cannot be one, which was told.
    var name: String?
    var hasName: Bool
    var namePlace: Place
    var definition: Definition
  }

  /// Reads one block of a source or sink by the options of the connector that its `type` names.
  mutating func readBlock<Definition>(
    _ node: OptionNode, _ kind: String, types: [String], options: (any Connector) -> [Option]?,
    _ make: (any Connector, OptionBlock) throws(Failure) -> Definition
  ) -> Read<Definition>? {
    guard case .map(let entries) = node.content else {
      problems.append(
        Failure(.configuration, "a \(kind) is a block of keys and values, not \(node.described)", at: node.place))
      return nil
    }
    guard let type = entries.first(where: { $0.key == "type" })?.value, let typeName = type.text else {
      problems.append(
        Failure(.configuration, "\"type\" is missing", at: node.place, hint: NearestName.list("types", types)))
      return nil
    }
    guard let connector = connectors.first(where: { $0.name == typeName }), let declared = options(connector) else {
      problems.append(unknown(type, typeName, kind, types))
      return nil
    }
    let block = OptionBlock(node, options: PipelineOptions.common(types) + declared)
    let found = block.problems
    problems += found
    let nameNode = block.node("name")
    let name = nameNode.flatMap { $0.text == nil ? nil : checkedName($0) }
    guard found.isEmpty else { return nil }
    do {
      return Read(
        type: typeName, name: name, hasName: nameNode != nil, namePlace: nameNode?.place ?? node.place,
        definition: try make(connector, block))
    } catch {
      problems.append(error.at(block.place))
      return nil
    }
  }

  private func unknown(_ node: OptionNode, _ name: String, _ kind: String, _ types: [String]) -> Failure {
    let hint = NearestName.list("types", types)
    if connectors.contains(where: { $0.name == name }) {
      return Failure(.configuration, "\"\(name)\" cannot be a \(kind)", at: node.place, hint: hint)
    }
    let near = node.isSecret ? "" : NearestName.suggestion(for: name, in: types)
    return Failure(.configuration, "unknown type \(node.described)\(near)", at: node.place, hint: hint)
  }

  /// A name becomes part of paths, metrics and topics.
  private mutating func checkedName(_ node: OptionNode) -> String? {
    guard let text = node.text else { return nil }
    if PipelineOptions.isName(text) { return text }
    problems.append(
      Failure(
        .configuration, "\(node.described) cannot be a name", at: node.place,
        hint: "a name has 1 to 64 letters, digits, \"_\", \"-\" and \".\", and begins with a letter or digit"))
    return nil
  }

  private mutating func memoryLimit(_ block: OptionBlock) -> Int {
    let limits = block.block("limits")
    let bytes = limits?.size("memory") ?? PipelineOptions.defaultMemory
    if bytes < PipelineOptions.leastMemory, let limits {
      problems.append(
        Failure(.configuration, "\"memory\" must be at least 64MiB", at: limits.place(of: "memory")))
    }
    return bytes
  }

  var sourceTypes: [String] { connectors.filter { $0.sourceOptions != nil }.map(\.name) }
  private var sinkTypes: [String] { connectors.filter { $0.sinkOptions != nil }.map(\.name) }
}
