package import Change
package import Pipeline

/// The nodes of a pipeline file: read, substituted and overridden, but not checked yet.
package struct PipelineNodes: Sendable {
  package static let byteLimit = 1 << 20

  package var root: OptionNode
  package var redaction: Redaction
  /// What was wrong on the way, but no reason to stop reading.
  package var problems: [Failure]

  package init(root: OptionNode, redaction: Redaction = Redaction(), problems: [Failure] = []) {
    self.root = root
    self.redaction = redaction
    self.problems = problems
  }

  /// Reads a file's bytes.
  /// - Parameter name: the path for messages; `${file:PATH}` is relative to its directory.
  package static func read(
    _ bytes: [UInt8], name: String, connectors: [any Connector], environment: [String: String], overrides: [String] = []
  ) -> Result<PipelineNodes, PipelineProblems> {
    guard bytes.count <= byteLimit else { return .failure(PipelineProblems(tooLarge(name))) }
    let directory = name.lastIndex(of: "/").map { $0 == name.startIndex ? "/" : String(name[..<$0]) } ?? "."
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
      return .success(PipelineNodes(root: root, redaction: substitution.redaction, problems: problems))
    } catch {
      return .failure(PipelineProblems(error))
    }
  }

  static func tooLarge(_ name: String) -> Failure {
    Failure(.configuration, "a pipeline file has at most 1 MiB", at: name)
  }
}
