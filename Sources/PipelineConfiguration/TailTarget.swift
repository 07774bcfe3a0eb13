import Change
package import Pipeline

/// The pipeline of `freshet tail`: a source without its snapshot, and standard output. No file describes it.
package struct TailTarget: Sendable {
  private let tables: [String]
  private let format: String
  private let from: String?
  private let state: String

  /// - Parameter from: `now`, `earliest` or a position; nil is `now` for a server and the beginning for a log file.
  package init(tables: [String], format: String, from: String?, state: String) {
    self.tables = tables
    self.format = format
    self.from = from
    self.state = state
  }

  /// - Parameter source: a URL whose scheme is a connector's name, a pipeline file, or a binary log file.
  package func nodes(
    _ source: String, connectors: [any Connector], environment: [String: String]
  ) -> Result<PipelineNodes, PipelineProblems> {
    do throws(Failure) {
      if source.contains("://") { return .success(try url(source, connectors, environment)) }
      if source.hasSuffix(".yaml") || source.hasSuffix(".yml") { return try file(source, connectors, environment) }
      let reader = connectors.first { $0.sourceOptions?.contains { $0.name == "files" } ?? false }
      guard let reader else { throw Failure(.usage, "no connector reads log files", at: source) }
      let block = map([("type", scalar(reader.name)), ("files", list([source]))])
      return .success(PipelineNodes(root: root(block, from: from ?? "earliest")))
    } catch {
      return .failure(PipelineProblems(error))
    }
  }

  private func url(
    _ text: String, _ connectors: [any Connector], _ environment: [String: String]
  ) throws(Failure) -> PipelineNodes {
    var substitution = Substitution(environment: environment, directory: ".")
    let replaced = try substitution.replace(text)
    let scheme = String(text.prefix { $0 != ":" })
    // MySQL speaks the same protocol, and the connector tells the two apart.
    let type = scheme == "mysql" ? "mariadb" : scheme
    let names = connectors.filter { $0.sourceOptions != nil }.map(\.name)
    guard names.contains(type) else {
      throw Failure(
        .usage, "there is no source for \(NearestName.quoted(scheme)) URLs", hint: NearestName.list("sources", names))
    }
    let block = map([("type", scalar(type)), ("url", scalar(replaced.text, isSecret: true))])
    return PipelineNodes(root: root(block, from: from ?? "now"), redaction: substitution.redaction)
  }

  private func file(
    _ path: String, _ connectors: [any Connector], _ environment: [String: String]
  ) throws(Failure) -> Result<PipelineNodes, PipelineProblems> {
    let bytes = try FileText.read(path, limit: PipelineNodes.byteLimit)
    let read = PipelineNodes.read(bytes, name: path, connectors: connectors, environment: environment)
    return read.flatMap { nodes in
      guard case .map(let entries) = nodes.root.content,
        let block = entries.first(where: { $0.key == "source" })?.value, case .map = block.content
      else {
        return .failure(
          PipelineProblems(Failure(.configuration, "\"source\" is missing", at: nodes.root.place)))
      }
      var changed = nodes
      changed.root = root(block, from: from ?? "now")
      return .success(changed)
    }
  }

  private func root(_ source: OptionNode, from: String) -> OptionNode {
    var changes = [("snapshot", map([("mode", scalar("never"))])), ("start", start(from))]
    if !tables.isEmpty { changes.append(("tables", list(tables))) }
    let sink = map([("type", scalar("stdout")), ("format", scalar(format))])
    return map([
      ("pipeline", scalar("tail")), ("source", replacing(changes, in: source)),
      ("sinks", OptionNode(.list([sink]), at: place)), ("state", scalar(state)),
    ])
  }

  private func start(_ from: String) -> OptionNode {
    let place = Place(file: "--from", line: 0, column: 0)
    func scalar(_ text: String) -> OptionNode { OptionNode(.scalar(text, isPlain: true), at: place) }
    switch from {
    case "now": return scalar("latest")
    case "earliest": return scalar("earliest")
    default:
      guard let colon = from.lastIndex(of: ":"), let offset = UInt64(from[from.index(after: colon)...]),
        from[..<colon].contains(".")
      else { return map([("gtid", scalar(from))]) }
      return map([("file", scalar(String(from[..<colon]))), ("offset", scalar(String(offset)))])
    }
  }

  private func replacing(_ changes: [(String, OptionNode)], in node: OptionNode) -> OptionNode {
    guard case .map(let entries) = node.content else { return node }
    let kept = entries.filter { entry in !changes.contains { $0.0 == entry.key } }
    var result = node
    result.content = .map(kept + changes.map { OptionNode.Entry(key: $0.0, keyPlace: place, value: $0.1) })
    return result
  }

  private var place: Place { Place(file: "freshet tail", line: 0, column: 0) }

  private func scalar(_ text: String, isSecret: Bool = false) -> OptionNode {
    OptionNode(.scalar(text, isPlain: true), at: place, isSecret: isSecret)
  }

  private func list(_ texts: [String]) -> OptionNode { OptionNode(.list(texts.map { scalar($0) }), at: place) }

  private func map(_ members: [(String, OptionNode)]) -> OptionNode {
    OptionNode(.map(members.map { OptionNode.Entry(key: $0.0, keyPlace: place, value: $0.1) }), at: place)
  }
}
