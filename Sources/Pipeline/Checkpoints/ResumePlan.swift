import Change

/// What a pipeline's sources make of its sinks' checkpoints: where each begins, and what each sink already has.
///
/// A pipeline with one source stores that source's positions as they are, one with several a ``VectorPosition``.
struct ResumePlan: Sendable {
  /// By source, then by sink: nil where nothing of the source is at the sink.
  let progress: [[SourceProgress?]]
  /// The least watermark that any sink has stored; what is promised stays promised.
  let watermark: EventTime
  /// By sink: what it has stored of several sources; nil: nothing, or there is one source.
  let stored: [VectorPosition?]

  /// - Throws: `.identity` when a checkpoint was made by a pipeline with other sources.
  init(_ checkpoints: [Position?], sources names: [String]) throws(Failure) {
    if names.count == 1 {
      for case let checkpoint? in checkpoints {
        guard try VectorPosition(checkpoint) == nil else {
          throw Failure(
            .identity, "the checkpoint is one of several sources, and the pipeline has one", at: checkpoint.text,
            hint: "name the same sources again, or reset the sink")
        }
      }
      progress = [checkpoints.map { $0.map { SourceProgress(position: $0) } }]
      watermark = .distantPast
      stored = checkpoints.map { _ in nil }
      return
    }
    var vectors: [VectorPosition?] = []
    for checkpoint in checkpoints {
      vectors.append(try checkpoint.map { position throws(Failure) in try ResumePlan.vector(position, names) })
    }
    progress = names.map { name in vectors.map { $0?[name] } }
    stored = vectors
    watermark = stored.map { $0?.watermark ?? .distantPast }.min() ?? .distantPast
  }

  /// The watermark that a sink has stored.
  func watermark(of sink: Int) -> EventTime { stored[sink]?.watermark ?? .distantPast }

  private static func vector(_ checkpoint: Position, _ names: [String]) throws(Failure) -> VectorPosition {
    guard let vector = try VectorPosition(checkpoint) else {
      throw Failure(
        .identity, "the checkpoint is one of a single source, and the pipeline has several", at: checkpoint.text,
        hint: "give the pipeline that merges them a name of its own, or reset the sink")
    }
    if let unknown = vector.components.first(where: { !names.contains($0.name) }) {
      throw Failure(
        .identity, "the checkpoint has a source \"\(unknown.name)\" that the pipeline does not name",
        at: checkpoint.text,
        hint: "a source keeps its name; to take one out of a pipeline, reset its sinks")
    }
    return vector
  }

  /// What a sink's checkpoint says of one source; nil: nothing, or nothing that can be read.
  static func stored(_ checkpoint: Position?, of source: Int, _ names: [String]) -> Position? {
    guard let checkpoint else { return nil }
    let log = WindowPosition(checkpoint).log
    if names.count == 1 { return log }
    // One that makes no sense has stopped the attempt before.
    return (try? VectorPosition(log))??[names[source]]?.position
  }

  /// The progress of a source that all sinks share: what was left of it behind its position needs to go to none of them.
  func shared(by source: Int) -> SourceProgress? {
    guard let first = progress[source].first, let first, progress[source].allSatisfy({ $0 == first }) else {
      return nil
    }
    return first
  }

  /// Whether a source begins by bringing some level in a snapshot, while others stay where they are.
  func isLevelled(_ source: Int, _ coverage: any PositionCoverage) throws(Failure) -> Bool {
    guard shared(by: source) == nil else { return false }
    for case let position? in progress[source].map({ $0?.position }) where try coverage.isInsideSnapshot(position) {
      return true
    }
    return false
  }

  /// Where a source begins: what all sinks share, or the position that is furthest behind.
  func start(of source: Int, _ coverage: any PositionCoverage) throws(Failure) -> SourceProgress {
    if let shared = shared(by: source) { return shared }
    return try least(of: source, coverage)?.floor ?? SourceProgress()
  }

  /// The last transaction behind the start of a source that all sinks have: it comes again, and goes to none of them. Nil:
  /// there is none, or it does not come.
  func everywhere(of source: Int, _ coverage: any PositionCoverage) throws(Failure) -> LogMark? {
    try shared(by: source) == nil ? least(of: source, coverage)?.last : nil
  }

  /// The progress of the sink that is furthest behind; nil: one has nothing.
  private func least(of source: Int, _ coverage: any PositionCoverage) throws(Failure) -> SourceProgress? {
    var least: SourceProgress?
    for sink in progress[source] {
      guard let sink else { return nil }
      guard let known = least else {
        least = sink
        continue
      }
      guard let position = sink.position, let other = known.position else {
        // Before the source's first position only what has left tells.
        if sink.position == nil, known.position != nil || sink.ended < known.ended { least = sink }
        continue
      }
      guard try coverage.hasReached(position, at: other) else { continue }
      if try !coverage.hasReached(other, at: position) || sink.ended < known.ended { least = sink }
    }
    return least
  }

  /// The place that is before none of the checkpoints'; nil: one has nothing.
  func least(_ names: [String], _ coverage: [any PositionCoverage]) throws(Failure) -> Position? {
    if names.count == 1 { return try start(of: 0, coverage[0]).position }
    var vector = VectorPosition(watermark: watermark, components: [])
    for (index, name) in names.enumerated() {
      vector.components.append(.init(name: name, progress: try start(of: index, coverage[index])))
    }
    return vector.position
  }

  /// The place of several sources that none of the checkpoints is beyond, of those that were counted from one beginning.
  func furthest(_ names: [String]) -> VectorPosition {
    let known = zip(names, progress).compactMap { name, progress -> VectorPosition.Component? in
      let places = progress.compactMap(\.self)
      // The state of the windows comes last, and is counted as what comes will be.
      guard var furthest = places.last else { return nil }
      for place in places where place.count.distance(from: furthest.count) ?? 0 > 0 { furthest = place }
      return .init(name: name, progress: furthest)
    }
    let watermark = stored.map { $0?.watermark ?? .distantPast }.max() ?? .distantPast
    return VectorPosition(watermark: watermark, components: known)
  }

  /// What each source has at a sink; nil: it has nothing, everything is new to it.
  /// - Parameter starts: where the sources begin.
  func catchUps(of sink: Int, from starts: [SourceProgress]) -> [SourceProgress?] {
    progress.indices.map { source in
      guard let mine = progress[source][sink] else { return nil }
      // What was left of it behind its position by then goes to no sink.
      return mine == starts[source] ? SourceProgress(position: mine.position, count: mine.count) : mine
    }
  }
}
