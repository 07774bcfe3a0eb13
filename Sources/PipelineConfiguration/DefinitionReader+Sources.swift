import Change
import Pipeline

extension DefinitionReader {
  /// Reads `source:`, or the list `sources:`.
  mutating func readSources(_ block: OptionBlock) -> [PipelineDefinition.NamedSource] {
    let nodes = sourceNodes(block)
    let needsNames = nodes.count > 1 && !block.has("source")
    var names: Set<String> = []
    var sources: [PipelineDefinition.NamedSource] = []
    for node in nodes {
      let read = readBlock(node, "source", types: sourceTypes, options: \.sourceOptions) {
        connector, block throws(Failure) in try connector.source(block)
      }
      guard let read else { continue }
      let name = read.name ?? "source"
      if needsNames, read.name == nil {
        // A name that cannot be one was told.
        if read.hasName { continue }
        problems.append(
          Failure(
            .configuration, "one of several sources has no name", at: read.namePlace,
            hint: "give each source a \"name\" of its own; checkpoints and reports keep it"))
      } else if names.insert(name).inserted || !needsNames {
        sources.append(PipelineDefinition.NamedSource(name: name, definition: read.definition))
      } else {
        problems.append(
          Failure(
            .configuration, "two sources are called \"\(name)\"", at: read.namePlace,
            hint: "give each source a \"name\" of its own"))
      }
    }
    return sources
  }

  private mutating func sourceNodes(_ block: OptionBlock) -> [OptionNode] {
    let one = block.node("source")
    var nodes = one.map { [$0] } ?? []
    if let many = block.node("sources"), case .list(let items) = many.content {
      if one != nil {
        problems.append(Failure(.configuration, "\"source\" and \"sources\" exclude each other", at: many.place))
      }
      nodes += items
      if items.isEmpty {
        problems.append(Failure(.configuration, "\"sources\" holds no source", at: many.place))
      } else if items.count > PipelineOptions.mostSources {
        problems.append(
          Failure(.configuration, "\"sources\" holds at most \(PipelineOptions.mostSources)", at: many.place))
      }
    }
    if one == nil, !block.has("sources") {
      problems.append(
        Failure(
          .configuration, "\"source\" is missing", at: block.place,
          hint: "source: { type: \(sourceTypes.first ?? "NAME"), … }"))
    }
    return nodes
  }

  /// Reads `order:`.
  mutating func readOrder(_ block: OptionBlock) -> OrderSettings {
    guard let order = block.block("order") else { return OrderSettings() }
    let idleAfter =
      order.string("idle_after") == "never"
      ? nil : order.duration("idle_after") ?? OrderSettings.defaultIdleAfter
    let late = order.string("late").flatMap(OrderSettings.LatePolicy.init) ?? .emit
    let stated = order.has("shared_keys") ? order.string("shared_keys") : nil
    let sharedKeys = stated.flatMap(OrderSettings.SharedKeyPolicy.init) ?? (late == .quarantine ? .last : .stop)
    if late == .quarantine, sharedKeys == .stop {
      problems.append(
        Failure(
          .configuration, "`shared_keys: stop` does not go with `late: quarantine`", at: order.place(of: "shared_keys"),
          hint: "when deletions are set aside, a row in the way may be the source's own: shared_keys: last"))
    }
    return OrderSettings(idleAfter: idleAfter, late: late, sharedKeys: sharedKeys)
  }
}
