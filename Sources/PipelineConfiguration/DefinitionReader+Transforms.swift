import Change
import Pipeline

extension DefinitionReader {
  /// Reads `transforms:`, a list of blocks with one verb each.
  mutating func readTransforms(_ block: OptionBlock) -> [any TransformDefinition] {
    guard let node = block.node("transforms"), case .list(let items) = node.content else { return [] }
    return items.compactMap { readTransform($0) }
  }

  private mutating func readTransform(_ node: OptionNode) -> (any TransformDefinition)? {
    let names = Verbs.all.map(\.name)
    guard case .map(let entries) = node.content, entries.count == 1 else {
      problems.append(
        Failure(
          .configuration, "a transform is a block of one verb, not \(described(node))", at: node.place,
          hint: NearestName.list("verbs", names)))
      return nil
    }
    let entry = entries[0]
    guard let verb = Verbs.all.first(where: { $0.name == entry.key }) else {
      problems.append(
        Failure(
          .configuration,
          "unknown verb \(NearestName.quoted(entry.key))\(NearestName.suggestion(for: entry.key, in: names))",
          at: entry.keyPlace, hint: NearestName.list("verbs", names)))
      return nil
    }
    let block = OptionBlock(entry.value, options: verb.options)
    let found = block.problems
    problems += found
    guard found.isEmpty else { return nil }
    do {
      return try verb.definition(block)
    } catch {
      problems.append(error.at(block.place))
      return nil
    }
  }

  private func described(_ node: OptionNode) -> String {
    if case .map(let entries) = node.content { return "a block of \(entries.count)" }
    return node.described
  }
}
