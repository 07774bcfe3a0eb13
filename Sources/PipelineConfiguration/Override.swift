import Change
import Pipeline

/// One `--set key=value`: a dotted path into the file, with numbers for the items of lists, and the value to put there.
struct Override {
  private let path: [String]
  private let value: String
  private let place: Place

  /// - Parameter connectors: their options with dots in the name stay one step of the path.
  init(_ text: String, connectors: [any Connector]) throws(Failure) {
    guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
      throw Failure(
        .usage, "it is not of the form key=value", at: "--set", hint: "for example --set limits.memory=128MiB")
    }
    let key = String(text[..<equals])
    place = Place(file: "--set \(key.contains("://") ? "***" : key)", line: 0, column: 0)
    value = String(text[text.index(after: equals)...])
    path = Override.steps(
      key,
      dotted: connectors.flatMap { ($0.sourceOptions ?? []) + ($0.sinkOptions ?? []) } + Verbs.all.flatMap(\.options))
    guard !path.contains("") else {
      throw Failure(.usage, "the key has an empty step", at: place)
    }
  }

  func apply(to root: inout OptionNode, _ substitution: inout Substitution) throws(Failure) {
    do {
      let node = try parsed(&substitution)
      try set(node, at: path[...], in: &root)
    } catch {
      throw error.at(place.description)
    }
  }

  private func parsed(_ substitution: inout Substitution) throws(Failure) -> OptionNode {
    if value.hasPrefix("[") || value.hasPrefix("{") {
      var reader = try NodeReader(Array(value.utf8), file: place.file, substitution: substitution)
      let node = try reader.read()
      substitution = reader.substitution
      if let problem = reader.problems.first { throw problem }
      return node
    }
    let replaced = try substitution.replace(value)
    return OptionNode(.scalar(replaced.text, isPlain: true), at: place, isSecret: replaced.isSecret)
  }

  private func set(_ new: OptionNode, at path: ArraySlice<String>, in node: inout OptionNode) throws(Failure) {
    guard let step = path.first else {
      node = new
      return
    }
    switch node.content {
    case .map(var entries):
      if let index = entries.firstIndex(where: { $0.key == step }) {
        try set(new, at: path.dropFirst(), in: &entries[index].value)
      } else {
        var value = OptionNode(.empty, at: place)
        try set(new, at: path.dropFirst(), in: &value)
        entries.append(OptionNode.Entry(key: step, keyPlace: place, value: value))
      }
      node.content = .map(entries)
    case .list(var items):
      guard let index = Int(step), items.indices.contains(index) else {
        throw Failure(
          .configuration, "the list has no item \(NearestName.quoted(step)): it has \(items.count), counted from 0")
      }
      try set(new, at: path.dropFirst(), in: &items[index])
      node.content = .list(items)
    case .empty:
      var value = OptionNode(.empty, at: place)
      try set(new, at: path.dropFirst(), in: &value)
      node.content = .map([OptionNode.Entry(key: step, keyPlace: place, value: value)])
    case .scalar:
      throw Failure(.configuration, "there is a single value before \(NearestName.quoted(step)), not a block")
    }
  }

  private static func steps(_ key: String, dotted options: [Option]) -> [String] {
    let names = Set(options.map(\.name).filter { $0.contains(".") })
    var rest = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)[...]
    var steps: [String] = []
    while !rest.isEmpty {
      let length = (1...rest.count).last { names.contains(rest.prefix($0).joined(separator: ".")) } ?? 1
      steps.append(rest.prefix(length).joined(separator: "."))
      rest = rest.dropFirst(length)
    }
    return steps
  }
}
