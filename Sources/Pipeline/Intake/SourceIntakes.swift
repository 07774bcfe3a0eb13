import Change
import Flow

/// Where the sources of an attempt put what they read: one the sinks' channels themselves, several a channel each.
struct SourceIntakes: Sendable {
  /// By source.
  let channels: [[BatchChannel]]
  let delays: [SourceDelay]
  let outputs: [SourceIntake]
  /// The names of the sources' stages.
  let stageNames: [String]
  /// Rung when a source has news, where there are several.
  let bell: NewsBell?

  init(_ definition: PipelineDefinition, entries: [BatchChannel], laneBytes: Int, meters: PipelineMeters) {
    let names = definition.sources.map(\.name)
    let bell = names.count > 1 ? NewsBell() : nil
    stageNames = names.count > 1 ? names.map { "source.\($0)" } : ["source"]
    let delays = names.map { _ in SourceDelay() }
    let channels = stageNames.map { name in
      bell == nil ? entries : [BatchChannel(name: name, byteLimit: laneBytes, bell: bell)]
    }
    outputs = names.indices.map { SourceIntake(channels: channels[$0], meter: meters.sources[$0], delay: delays[$0]) }
    self.bell = bell
    self.delays = delays
    self.channels = channels
  }
}
