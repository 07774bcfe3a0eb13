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
    var found = BlockProblems(block)
    let definition = verb.definition(block, &found)
    return finish(definition, found, block)
  }

  /// What was read of a block; nil when anything is wrong with it, which is told.
  mutating func finish<Definition>(
    _ definition: Definition?, _ found: BlockProblems, _ block: OptionBlock
  ) -> Definition? {
    problems += found.failures.map { $0.at(block.place) }
    guard found.isEmpty else { return nil }
    if definition == nil {
      problems.append(Failure(.internal, "a block cannot be read, and nobody says why", at: block.place))
    }
    return definition
  }

  private func described(_ node: OptionNode) -> String {
    if case .map(let entries) = node.content { return "a block of \(entries.count)" }
    return node.described
  }
}
