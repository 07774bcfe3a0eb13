package import Change
package import Pipeline

/// A pipeline file, read and checked.
package struct PipelineFile: Sendable {
  package static let byteLimit = 1 << 20

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
      let bytes = try FileText.read(path, limit: byteLimit)
      return load(bytes, name: path, connectors: connectors, environment: environment, overrides: overrides)
    } catch {
      return .failure(PipelineProblems(error.code == .limit ? tooLarge(path) : error))
    }
  }

  /// Reads a file's bytes.
  /// - Parameter name: the path for messages; `${file:PATH}` is relative to its directory.
  package static func load(
    _ bytes: [UInt8], name: String, connectors: [any Connector], environment: [String: String], overrides: [String] = []
  ) -> Result<PipelineFile, PipelineProblems> {
    guard bytes.count <= byteLimit else { return .failure(PipelineProblems(tooLarge(name))) }
    let directory = name.lastIndex(of: "/").map { String(name[..<$0]) } ?? "."
    var substitution = Substitution(environment: environment, directory: directory)
    do {
      var reader = try NodeReader(bytes, file: name, substitution: substitution)
      var root = try reader.read()
      var problems = reader.problems
      substitution = reader.substitution
      for override in overrides {
        do {
          try Override(override, connectors: connectors).apply(to: &root, &substitution)
        } catch {
          problems.append(error)
        }
      }
      return load(root, connectors: connectors, redaction: substitution.redaction, problems: problems)
    } catch {
      return .failure(PipelineProblems(error))
    }
  }

  /// Checks nodes that did not come from a file.
  package static func load(
    _ root: OptionNode, connectors: [any Connector], redaction: Redaction = Redaction(), problems: [Failure] = []
  ) -> Result<PipelineFile, PipelineProblems> {
    var redaction = redaction
    redaction.addPasswords(in: root)
    var reader = DefinitionReader(connectors: connectors)
    let definition = reader.read(root)
    let all = problems + reader.problems
    guard let definition, all.isEmpty else {
      return .failure(PipelineProblems(all.map { redaction($0) }))
    }
    return .success(PipelineFile(definition: definition, redaction: redaction))
  }

  private static func tooLarge(_ name: String) -> Failure {
    Failure(.configuration, "a pipeline file has at most 1 MiB", at: name)
  }
}

/// Everything that is wrong with a pipeline file; never empty, and without secrets.
package struct PipelineProblems: Error {
  package let failures: [Failure]

  init(_ failure: Failure) { failures = [failure] }

  /// Sorts by place; a failure of a flag comes last.
  init(_ failures: [Failure]) {
    precondition(!failures.isEmpty, "problems hold something")
    self.failures = failures.enumerated().sorted { left, right in
      let (first, second) = (PipelineProblems.order(left.element), PipelineProblems.order(right.element))
      return first == second ? left.offset < right.offset : first < second
    }.map(\.element)
  }

  private static func order(_ failure: Failure) -> (Int, Int) {
    let numbers = failure.place.split(separator: ":").suffix(2).compactMap { Int($0) }
    return numbers.count == 2 ? (numbers[0], numbers[1]) : (.max, .max)
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
