package import Change
package import Pipeline

/// A pipeline file, read and checked.
package struct PipelineFile: Sendable {
  package let definition: PipelineDefinition
  /// The secrets of the file, to keep them out of logs and messages.
  package let redaction: Redaction

  /// Reads the file at `path`.
  /// - Parameter overrides: `key=value` as given to `--set`.
  /// - Returns: the pipeline, or everything that is wrong, in the order of the places.
  package static func load(
    path: String, connectors: [any Connector], environment: [String: String], overrides: [String] = []
  ) -> Result<PipelineFile, PipelineProblems> {
    do {
      let bytes = try FileText.read(path, limit: PipelineNodes.byteLimit)
      return load(bytes, name: path, connectors: connectors, environment: environment, overrides: overrides)
    } catch {
      return .failure(PipelineProblems(error.code == .limit ? PipelineNodes.tooLarge(path) : error))
    }
  }

  /// Reads a file's bytes.
  /// - Parameter name: the path for messages; `${file:PATH}` is relative to its directory.
  package static func load(
    _ bytes: [UInt8], name: String, connectors: [any Connector], environment: [String: String], overrides: [String] = []
  ) -> Result<PipelineFile, PipelineProblems> {
    PipelineNodes.read(bytes, name: name, connectors: connectors, environment: environment, overrides: overrides)
      .flatMap { load($0, connectors: connectors) }
  }

  /// Checks nodes, whether they come from a file or were made up.
  package static func load(
    _ nodes: PipelineNodes, connectors: [any Connector]
  ) -> Result<PipelineFile, PipelineProblems> {
    var redaction = nodes.redaction
    redaction.addPasswords(in: nodes.root)
    var reader = DefinitionReader(connectors: connectors)
    let definition = reader.read(nodes.root)
    // What could not be read has one problem already; that it is no number either says nothing new.
    let places = Set(nodes.problems.map(\.place))
    let all = nodes.problems + reader.problems.filter { !places.contains($0.place) }
    guard let definition, all.isEmpty else {
      return .failure(PipelineProblems(all.map { redaction($0) }))
    }
    return .success(PipelineFile(definition: definition, redaction: redaction))
  }
}

/// Everything that is wrong with a pipeline file; never empty, and without secrets.
package struct PipelineProblems: Error {
  package let failures: [Failure]

  init(_ failure: Failure) { failures = [failure] }

  /// Sorts by place; a failure of a flag comes last.
  package init(_ failures: [Failure]) {
    precondition(!failures.isEmpty, "problems hold something")
    self.failures = failures.enumerated().sorted { left, right in
      let (first, second) = (PipelineProblems.order(left.element), PipelineProblems.order(right.element))
      return first == second ? left.offset < right.offset : first < second
    }.map(\.element)
  }

  private static func order(_ failure: Failure) -> (Int, Int) {
    let numbers = failure.place.split(separator: ":").suffix(2).map { Int($0) }
    guard let last = numbers.last, let last else { return (.max, .max) }
    // `file:line`, where no column is known.
    guard numbers.count == 2, let line = numbers[0] else { return (last, 0) }
    return (line, last)
  }
}

extension Redaction {
  /// Adds the passwords of every URL, and the values of keys that are named like secrets.
  mutating func addPasswords(in node: OptionNode) {
    switch node.content {
    case .scalar(let text, _): addPassword(ofURL: text)
    case .list(let items): for item in items { addPasswords(in: item) }
    case .map(let entries):
      for entry in entries {
        let key = entry.key.lowercased()
        if let text = entry.value.text, ["password", "secret", "token"].contains(where: key.contains) { add(text) }
        addPassword(ofURL: entry.key)
        addPasswords(in: entry.value)
      }
    case .empty: break
    }
  }
}
