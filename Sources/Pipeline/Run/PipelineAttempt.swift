import Change
import Flow
import Logging

/// One attempt to run a pipeline: named stages in one task group, from opening the sinks to the drain.
///
/// *End*: when the source has ended, what it sent flows down, every sink commits, and the attempt returns. *Failure*: the
/// first error ends all stages; what was in flight is dropped and read again from the checkpoints by the next attempt.
struct PipelineAttempt: Sendable {
  let definition: PipelineDefinition
  let meters: PipelineMeters
  let control: SourceControl
  let logger: Logger
  private let description = SourceDescription()

  init(definition: PipelineDefinition, meters: PipelineMeters, control: SourceControl, logger: Logger) {
    self.definition = definition
    self.meters = meters
    self.control = control
    self.logger = logger
  }

  func run() async throws {
    let shares = MemoryShares(
      limit: definition.memoryLimit, sinks: definition.sinks.count, hasTransforms: !definition.transforms.isEmpty,
      hasWindows: !definition.windows.isEmpty)
    let channels = definition.sinks.map { BatchChannel(name: "deliver.\($0.name)", byteLimit: shares.channel) }
    let checkpoints = Rendezvous<Position?>(count: definition.sinks.count)
    let coverage = Rendezvous<any PositionCoverage>(count: 1)
    let delay = SourceDelay()
    let delays = LagSamples(delay: delay)
    meters.attach(channels)
    // What the source fills: the sinks' own channels, unless transforms or windows lie between.
    let windows = windowStage(into: channels, shares)
    let behindTransforms = windows.map { [$0.input] } ?? channels
    let transforms = transformStage(into: behindTransforms, shares)
    let entries = transforms.map { [$0.input] } ?? behindTransforms
    let sourceThread = DedicatedThread(name: "source")
    let transformThread = transforms.map { _ in DedicatedThread(name: "transform") }
    let windowThread = windows.map { _ in DedicatedThread(name: "window") }
    let sinkThreads = definition.sinks.map { DedicatedThread(name: "deliver.\($0.name)") }
    defer {
      for thread in sinkThreads + [sourceThread, transformThread, windowThread].compactMap(\.self) { thread.stop() }
    }
    try await withThrowingTaskGroup { group in
      group.addTask(name: "source", executorPreference: sourceThread) {
        let context = context(definition.source.name, thread: sourceThread, memory: shares.source)
        let order = OrderStage(channels: entries, meter: meters.source, delay: delay)
        try await read(context, checkpoints: checkpoints, coverage: coverage, windows, into: order, entries)
      }
      if let transforms {
        group.addTask(name: "transform", executorPreference: transformThread) { try await transforms.run() }
      }
      if let windows {
        group.addTask(name: "window", executorPreference: windowThread) { try await windows.run() }
      }
      for (index, sink) in definition.sinks.enumerated() {
        let thread = sinkThreads[index]
        group.addTask(name: "deliver.\(sink.name)", executorPreference: thread) {
          let context = context(sink.name, thread: thread, memory: shares.sink)
          try await deliver(index, context, from: channels[index], checkpoints: checkpoints, coverage: coverage, delays)
        }
      }
      // Unlike `waitForAll`, the loop leaves at the first error, and leaving cancels the stages that wait for each other.
      for try await _ in group {}
    }
  }

  private func transformStage(into channels: [BatchChannel], _ shares: MemoryShares) -> TransformStage? {
    guard let meter = meters.transforms else { return nil }
    var logger = logger
    logger[metadataKey: "stage"] = "transform"
    return TransformStage(
      input: BatchChannel(name: "transform", byteLimit: shares.channel), outputs: channels,
      definitions: definition.transforms,
      context: TransformContext(badRowPolicy: definition.badRowPolicy, logger: logger), meter: meter)
  }

  private func windowStage(into channels: [BatchChannel], _ shares: MemoryShares) -> WindowStage? {
    guard let meter = meters.windows else { return nil }
    var logger = logger
    logger[metadataKey: "stage"] = "window"
    return WindowStage(
      input: BatchChannel(name: "window", byteLimit: shares.channel), outputs: channels,
      definitions: definition.windows, stateDirectory: definition.stateDirectory, memoryLimit: shares.windows,
      interval: definition.windowStateInterval, sinks: meters.sinks, meter: meter, logger: logger)
  }

  private func read(
    _ context: ConnectorContext, checkpoints: Rendezvous<Position?>, coverage: Rendezvous<any PositionCoverage>,
    _ windows: WindowStage?, into order: OrderStage, _ channels: [BatchChannel]
  ) async throws {
    do {
      let source = try definition.source.definition.makeSource(context)
      coverage.arrive(0, with: windows.map { _ in WindowCoverage(log: source.coverage) } ?? source.coverage)
      var start = try await checkpoints.all()
      // The source begins where the state of the windows is, too, and knows nothing of results.
      if let windows { start = try windows.begin(at: start, source.coverage) }
      try await source.run(from: start, into: order, control: control)
      for channel in channels { channel.finish() }
    } catch {
      for channel in channels { channel.fail(error) }
      throw error
    }
  }

  private func deliver(
    _ index: Int, _ context: ConnectorContext, from channel: BatchChannel, checkpoints: Rendezvous<Position?>,
    coverage: Rendezvous<any PositionCoverage>, _ delays: LagSamples
  ) async throws {
    let sink = try definition.sinks[index].definition.makeSink(context)
    do {
      let checkpoint = try await sink.open()
      checkpoints.arrive(index, with: checkpoint)
      meters.sinks[index].update { $0.position = checkpoint ?? $0.position }
      let arithmetic = try await coverage.all()
      var delivery = Delivery(
        channel: channel, sink: sink, meter: meters.sinks[index], delays: delays,
        catchUp: checkpoint.flatMap { checkpoint in
          arithmetic.first.map { CatchUp(checkpoint: checkpoint, coverage: $0) }
        })
      try await delivery.run()
      await sink.close()
    } catch {
      channel.fail(error)
      await sink.close()
      throw error
    }
  }

  private func context(_ name: String, thread: DedicatedThread, memory: Int) -> ConnectorContext {
    var logger = logger
    logger[metadataKey: "stage"] = "\(thread.name)"
    return ConnectorContext(
      pipeline: definition.name, name: name, stateDirectory: definition.stateDirectory, memoryLimit: memory,
      schemaChangePolicy: definition.schemaChangePolicy, badRowPolicy: definition.badRowPolicy, thread: thread,
      logger: logger, source: description)
  }
}

/// How a pipeline's memory limit is divided, in bytes. What is left is for the program itself and its libraries.
struct MemoryShares {
  /// A quarter for the source, half for the sinks with their channels; windows take theirs from both.
  let source: Int
  let sink: Int
  let channel: Int
  let windows: Int

  init(limit: Int, sinks: Int, hasTransforms: Bool, hasWindows: Bool) {
    source = limit / (hasWindows ? 8 : 4)
    // The channels in front of the transforms and windows take their part from those of the sinks.
    channel = max(1 << 20, min(16 << 20, limit / 8 / (sinks + (hasTransforms ? 1 : 0) + (hasWindows ? 1 : 0))))
    sink = max(4 << 20, limit * (hasWindows ? 1 : 3) / 8 / sinks)
    windows = hasWindows ? limit * 3 / 8 : 0
  }
}
