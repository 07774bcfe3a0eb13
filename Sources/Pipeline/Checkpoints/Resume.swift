import Change
import Flow

/// Where the stages of an attempt meet before they begin: the sinks leave their checkpoints, the sources their arithmetic.
struct Resume: Sendable {
  let checkpoints: Rendezvous<Position?>
  let coverage: Rendezvous<any PositionCoverage>
  private let names: [String]

  init(_ definition: PipelineDefinition) {
    checkpoints = Rendezvous(count: definition.sinks.count)
    coverage = Rendezvous(count: definition.sources.count)
    names = definition.sources.map(\.name)
  }

  /// Once every sink has told its checkpoint.
  func plan() async throws -> ResumePlan { try ResumePlan(await checkpoints.all(), sources: names) }

  /// What a sink already has; nil when that is nothing. Once every source was made.
  func catchUp(of sink: Int) async throws -> CatchUp? {
    let known = try await plan().catchUps(of: sink)
    let arithmetic = try await coverage.all()
    return CatchUp(
      zip(names, zip(known, arithmetic)).map { name, source in
        source.0.map { CatchUp.Component(name: name, progress: $0, coverage: source.1) }
      })
  }

  /// The order of several sources as it begins.
  func order() async throws -> CommitOrder {
    let plan = try await plan()
    let arithmetic = try await coverage.all()
    let now = MonotonicTime.now()
    var lanes: [SourceLane] = []
    for (index, name) in names.enumerated() {
      let progress = try plan.start(of: index, arithmetic[index])
      lanes.append(
        SourceLane(index: UInt16(index), name: name, progress: progress, coverage: arithmetic[index], now: now))
    }
    return CommitOrder(lanes, watermark: plan.watermark)
  }
}
