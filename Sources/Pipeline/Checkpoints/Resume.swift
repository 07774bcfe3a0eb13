import Change
import Flow

/// Where the stages of an attempt meet before they begin: the sinks leave their checkpoints, the sources their arithmetic.
struct Resume: Sendable {
  let checkpoints: Rendezvous<Position?>
  let coverage: Rendezvous<any PositionCoverage>
  private let names: [String]
  private let sinks: [SinkMeter]
  /// Where the state of the windows is; nil: the pipeline has none.
  private let windows: WindowStage?

  init(_ definition: PipelineDefinition, sinks: [SinkMeter], windows: WindowStage?) {
    self.sinks = sinks
    checkpoints = Rendezvous(count: definition.sinks.count)
    coverage = Rendezvous(count: definition.sources.count)
    names = definition.sources.map(\.name)
    self.windows = windows
  }

  /// What each sink has, without the results of windows; once every sink has told its checkpoint.
  func plan() async throws -> ResumePlan { try ResumePlan(try await logs(), sources: names) }

  private func logs() async throws -> [Position?] {
    try await checkpoints.all().map { $0.map { WindowPosition($0).log } }
  }

  /// The places that the sources begin for: those of the sinks, and of the windows.
  private func places() async throws -> ResumePlan {
    if let windows { return try ResumePlan(try await windows.history().places, sources: names) }
    return try ResumePlan(Resume.beginnings(try await logs(), sinks), sources: names)
  }

  /// The checkpoints that say where the sources begin. A sink that never keeps one begins with the others: it would have
  /// everything come again at each start, and a snapshot never end.
  static func beginnings(_ checkpoints: [Position?], _ sinks: [SinkMeter]) -> [Position?] {
    let kept = zip(checkpoints, sinks).filter { $1.reading.keepsCheckpoint }.map(\.0)
    return kept.contains { $0 != nil } ? kept : checkpoints
  }

  /// The positions that a source begins for.
  func positions(of source: Int) async throws -> [Position?] {
    try await places().progress[source].map { $0?.position }
  }

  private func starts() async throws -> [SourceProgress] {
    let places = try await places()
    let arithmetic = try await coverage.all()
    var starts: [SourceProgress] = []
    for source in names.indices {
      // A snapshot brings those that are behind level first, from a place of its own: until it comes, none is known.
      let isLevelling = try places.isLevelled(source, arithmetic[source])
      starts.append(isLevelling ? SourceProgress() : try places.start(of: source, arithmetic[source]))
    }
    return starts
  }

  /// Whether a snapshot of any source goes on at a sink's position. Once every source was made.
  func isInsideSnapshot(_ position: Position) async throws -> Bool {
    let arithmetic = try await coverage.all()
    let log = WindowPosition(position).log
    if names.count == 1 { return try arithmetic[0].isInsideSnapshot(log) }
    return try VectorCoverage(names, arithmetic).isInsideSnapshot(log)
  }

  /// What a sink already has; nil when that is nothing. Once every source was made.
  func catchUp(of sink: Int) async throws -> CatchUp? {
    let panes = try await checkpoints.all()[sink].map { WindowPosition($0).panes } ?? 0
    return try await catchUp(try await plan(), sink, panes: windows == nil ? nil : panes)
  }

  /// What the state of the windows has; nil when there is none.
  func catchUpOfState() async throws -> CatchUp? {
    guard let state = try await windows?.history().start, let state else { return nil }
    let plan = try ResumePlan([state], sources: names)
    // Where all are right there, nothing comes that the state has. Who begins there while a snapshot brings another one level
    // is sent what it has.
    let places = try await places()
    let isLevel = zip(plan.progress, places.progress).allSatisfy { state, all in all.allSatisfy { $0 == state[0] } }
    if isLevel { return nil }
    return try await catchUp(plan, 0, panes: nil)
  }

  private func catchUp(_ plan: ResumePlan, _ index: Int, panes: UInt64?) async throws -> CatchUp? {
    let known = plan.catchUps(of: index, from: try await starts())
    let arithmetic = try await coverage.all()
    return CatchUp(
      zip(names, zip(known, arithmetic)).map { name, source in
        source.0.map { CatchUp.Component(name: name, progress: $0, coverage: source.1) }
      }, panes: panes, stored: plan.stored[index])
  }

  /// Where the state of the windows is that was stored last, as a sink's checkpoint; empty where there is none.
  func storedState() -> [Position?] { windows?.stored() ?? [] }

  /// The order of several sources as it begins.
  /// - Parameter journal: where the order was broken before; nil: nobody asks for the same order again.
  func order(_ journal: OrderJournal?) async throws -> CommitOrder {
    let now = MonotonicTime.now()
    let arithmetic = try await coverage.all()
    var lanes: [SourceLane] = []
    let places = try await places()
    for (index, progress) in try await starts().enumerated() {
      let isLevelling = try places.isLevelled(index, arithmetic[index])
      lanes.append(
        SourceLane(
          index: UInt16(index), name: names[index], progress: progress,
          everywhere: isLevelling ? nil : try places.everywhere(of: index, arithmetic[index]),
          coverage: arithmetic[index], now: now))
    }
    let watermark = places.watermark
    guard let windows, let journal else { return CommitOrder(lanes, watermark: watermark) }
    let history = try await windows.history()
    let state = try history.start?.flatMap { position in try VectorPosition(position) }
    let furthest = try ResumePlan(history.places, sources: names).furthest(names)
    let replay: OrderReplay
    if history.isBehindResults {
      replay = OrderReplay(names, state: state, furthest: furthest, breaks: try journal.read())
    } else if let state {
      // No sink has results beyond the state. What any has beyond it may come in another order, but before anything else: a
      // sink could get results that another one's changes had no part in.
      replay = OrderReplay(names, through: state, to: furthest)
    } else {
      replay = OrderReplay()
    }
    try journal.replace(with: replay.breaks)
    return CommitOrder(lanes, watermark: watermark, replay: replay)
  }
}
