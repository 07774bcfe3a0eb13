import Change
import Pipeline

extension DefinitionReader {
  /// Reads `windows:`, a list of blocks.
  mutating func readWindows(_ block: OptionBlock) -> [WindowDefinition] {
    guard let node = block.node("windows"), case .list(let items) = node.content else { return [] }
    var windows: [WindowDefinition] = []
    var tables: [TableName: String] = [:]
    var names: Set<String> = []
    for item in items {
      guard let window = readWindow(item) else { continue }
      guard names.insert(window.name).inserted else {
        problems.append(
          Failure(
            .configuration, "two windows are called \"\(window.name)\"",
            at: OptionBlock(item, options: WindowOptions.all).place(of: "name"),
            hint: "give each window a \"name\" of its own"))
        continue
      }
      for table in window.tables {
        if let owner = tables[table] {
          problems.append(
            Failure(
              .configuration, "the windows \"\(owner)\" and \"\(window.name)\" write to the same table \"\(table)\"",
              at: item.place, hint: "give each a name or a table of its own"))
        }
        tables[table] = window.name
      }
      windows.append(window)
    }
    return windows
  }

  private mutating func readWindow(_ node: OptionNode) -> WindowDefinition? {
    let block = OptionBlock(node, options: WindowOptions.all)
    var found = BlockProblems(block)
    if let name = block.string("name"), !PipelineOptions.isName(name) {
      found.noteUnreadable(
        Failure(
          .configuration, "\(NearestName.quoted(name)) cannot be a name", at: block.place(of: "name"),
          hint: "a name has 1 to 64 letters, digits, \"_\", \"-\" and \".\", and begins with a letter or digit"))
    }
    let definition = WindowOptions.definition(block, &found)
    return finish(definition, found, block)
  }
}
