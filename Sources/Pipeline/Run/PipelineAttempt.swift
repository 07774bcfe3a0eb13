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
  /// Whether no attempt of this run was before it.
  let isFirst: Bool
  private let descriptions: [SourceDescription]
  private let merged: MergedTables

  init(
    definition: PipelineDefinition, meters: PipelineMeters, control: SourceControl, logger: Logger, isFirst: Bool
  ) {
    self.definition = definition
    self.isFirst = isFirst
    descriptions = definition.sources.map { _ in SourceDescription() }
    merged = MergedTables(sources: definition.sources.map(\.name))
    self.meters = meters
    self.control = control
    self.logger = logger
  }

  func run() async throws {
    let shares = MemoryShares(
      limit: definition.memoryLimit, sources: definition.sources.count, sinks: definition.sinks.count,
      hasTransforms: !definition.transforms.isEmpty, hasWindows: !definition.windows.isEmpty)
    let channels = definition.sinks.map { BatchChannel(name: "deliver.\($0.name)", byteLimit: shares.channel) }
    // What the attempt before has read of tables says nothing of this one.
    for source in meters.sources { source.update { $0.snapshot = nil } }
    meters.attach(channels)
    // What the sources fill: the sinks' own channels, unless transforms, windows or the order of several sources lie between.
    let windows = windowStage(into: channels, shares)
    let resume = Resume(definition, sinks: meters.sinks, windows: windows)
    let behindTransforms = windows.map { [$0.input] } ?? channels
    let transforms = transformStage(into: behindTransforms, shares)
    let entries = transforms.map { [$0.input] } ?? behindTransforms
    let intakes = SourceIntakes(definition, entries: entries, laneBytes: shares.lane, meters: meters)
    let delays = LagSamples(delays: intakes.delays)
    let sourceThreads = intakes.stageNames.map { DedicatedThread(name: $0) }
    let orderThread = intakes.bell.map { _ in DedicatedThread(name: "order") }
    let transformThread = transforms.map { _ in DedicatedThread(name: "transform") }
    let windowThread = windows.map { _ in DedicatedThread(name: "window") }
    let sinkThreads = definition.sinks.map { DedicatedThread(name: "deliver.\($0.name)") }
    defer {
      let stages = [orderThread, transformThread, windowThread].compactMap(\.self)
      for thread in sinkThreads + sourceThreads + stages { thread.stop() }
    }
    try await withThrowingTaskGroup { group in
      for index in definition.sources.indices {
        let thread = sourceThreads[index]
        group.addTask(name: thread.name, executorPreference: thread) {
          try await read(index, on: thread, memory: shares.source, resume: resume, into: intakes)
        }
      }
      if let bell = intakes.bell {
        group.addTask(name: "order", executorPreference: orderThread) {
          try await merge(resume, intakes, bell: bell, windows, into: entries)
        }
      }
      if let transforms, let transformThread {
        group.addTask(name: "transform", executorPreference: transformThread) {
          try await transforms.run { try await checkTables(resume, on: transformThread, memory: shares.source) }
        }
      }
      if let windows, let windowThread {
        group.addTask(name: "window", executorPreference: windowThread) {
          try await windows.run(resume) {
            if transforms == nil { try await checkTables(resume, on: windowThread, memory: shares.source) }
          }
        }
      }
      for (index, sink) in definition.sinks.enumerated() {
        let thread = sinkThreads[index]
        group.addTask(name: "deliver.\(sink.name)", executorPreference: thread) {
          var context = context(sink.name, thread: thread, memory: shares.sink, state: definition.stateDirectory)
          context.isInsideSnapshot = { try await resume.isInsideSnapshot($0) }
          try await deliver(index, context, from: channels[index], resume: resume, delays)
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
      input: BatchChannel(name: "transform", byteLimit: shares.transforms), outputs: channels,
      definitions: definition.transforms,
      context: TransformContext(
        badRowPolicy: definition.badRowPolicy, hasOneSource: definition.sources.count == 1, logger: logger),
      meter: meter)
  }

  private func windowStage(into channels: [BatchChannel], _ shares: MemoryShares) -> WindowStage? {
    guard let meter = meters.windows else { return nil }
    var logger = logger
    logger[metadataKey: "stage"] = "window"
    return WindowStage(
      input: BatchChannel(name: "window", byteLimit: shares.channel), outputs: channels,
      definitions: definition.windows, sources: definition.sources.map(\.name),
      stateDirectory: definition.stateDirectory, memoryLimit: shares.windows,
      interval: definition.windowStateInterval, sinks: meters.sinks, meter: meter, logger: logger)
  }

  private func read(
    _ index: Int, on thread: DedicatedThread, memory: Int, resume: Resume, into intakes: SourceIntakes
  ) async throws {
    let named = definition.sources[index]
    let context = context(
      named.name, thread: thread, memory: memory, state: definition.stateDirectory(of: named), source: index)
    do {
      let source = try named.definition.makeSource(context)
      let coverage = CurrentCoverage(source.coverage)
      resume.coverage.arrive(index, with: coverage)
      var control = control
      control.checkpoints = { [sinks = meters.sinks, sources = definition.sources.map(\.name)] in
        (sinks.map(\.reading).filter(\.keepsCheckpoint).map(\.position) + resume.storedState()).map {
          ResumePlan.stored($0, of: index, sources)
        }
      }
      let start = try await resume.positions(of: index)
      let output = intakes.outputs[index]
      do {
        try await source.run(from: start, into: output, control: control)
      } catch let failure as Failure where mayWait(failure, output) {
        try await runAgain(after: failure, named, context, coverage, from: start, into: output, control)
      }
      for channel in intakes.channels[index] { channel.finish() }
    } catch {
      for channel in intakes.channels[index] { channel.fail(error) }
      throw error
    }
  }

  /// Whether the others go on while one of several sources is tried again: its server cannot be reached, and it has brought
  /// nothing in this attempt. What was never delivered is told at once, as a wrong address is.
  private func mayWait(_ failure: Failure, _ output: SourceIntake) -> Bool {
    definition.sources.count > 1 && failure.code == .unreachable && !output.hasBegun && meters.commits > 0
      && !control.stop.isRequested
  }

  /// Tries a source until its server can be reached, or the pipeline is to stop.
  private func runAgain(
    after failure: Failure, _ named: PipelineDefinition.NamedSource, _ context: ConnectorContext,
    _ coverage: CurrentCoverage, from start: [Position?], into output: SourceIntake, _ control: SourceControl
  ) async throws {
    var (backoff, failure) = (RetryBackoff(), failure)
    while true {
      // What a connection says when it is broken off by a cancellation is no failure.
      try Task.checkCancellation()
      let pause = backoff.pause(after: .later, hadProgress: false, random: { UInt64.random(in: $0) })
      logger.warning(
        "trying a source again, while the others go on",
        metadata: [
          "source": "\(named.name)", "error": "\(failure)", "code": "\(failure.code.rawValue)",
          "pause_ms": "\(pause / 1_000_000)",
        ])
      try await control.stop.sleep(nanoseconds: pause)
      if control.stop.isRequested { return }
      do {
        let source = try named.definition.makeSource(context)
        coverage.follow(source.coverage)
        return try await source.run(from: start, into: output, control: control)
      } catch let another as Failure where mayWait(another, output) {
        failure = another
      }
    }
  }

  private func merge(
    _ resume: Resume, _ intakes: SourceIntakes, bell: NewsBell, _ windows: WindowStage?,
    into entries: [BatchChannel]
  ) async throws {
    let inputs = intakes.channels.compactMap(\.first)
    let order: CommitOrder
    let tables: SharedTables
    let journal: OrderJournal?
    var logger = logger
    logger[metadataKey: "stage"] = "order"
    do {
      journal = try await windows?.journal()
      order = try await resume.order(journal)
      tables = try SharedTables(
        directory: definition.stateDirectory, names: definition.sources.map(\.name),
        chain: TransformChain(
          definition.transforms,
          TransformContext(
            badRowPolicy: definition.badRowPolicy, hasOneSource: definition.sources.count == 1, logger: logger)),
        merged: definition.order.sharedKeys == .stop ? merged : nil)
    } catch {
      for channel in inputs + entries { channel.fail(error) }
      throw error
    }
    try await OrderStage(
      order, inputs: inputs, outputs: entries, bell: bell, settings: definition.order, meters: meters,
      tables: tables, hasTransforms: !definition.transforms.isEmpty, journal: journal, stop: control.stop,
      logger: logger
    ).run()
  }

  private func deliver(
    _ index: Int, _ context: ConnectorContext, from channel: BatchChannel, resume: Resume, _ delays: LagSamples
  ) async throws {
    let sink = try definition.sinks[index].definition.makeSink(context)
    do {
      let checkpoint = try await sink.open()
      let keepsCheckpoint = sink.traits.keepsCheckpoint
      meters.sinks[index].update { $0.keepsCheckpoint = keepsCheckpoint }
      resume.checkpoints.arrive(index, with: checkpoint)
      meters.sinks[index].update { $0.position = checkpoint ?? $0.position }
      var delivery = Delivery(
        channel: channel, sink: sink, meter: meters.sinks[index], delays: delays,
        // Results of windows come behind the transactions that they follow from, also with earlier times.
        isOneLog: definition.sources.count == 1 && definition.windows.isEmpty,
        catchUp: try await resume.catchUp(of: index), watermark: try await resume.plan().watermark(of: index))
      try await delivery.run()
      await sink.close()
    } catch {
      channel.fail(error)
      await sink.close()
      throw error
    }
  }

  func context(
    _ name: String, thread: DedicatedThread, memory: Int, state: String, source: Int = 0
  ) -> ConnectorContext {
    var logger = logger
    logger[metadataKey: "stage"] = "\(thread.name)"
    return ConnectorContext(
      pipeline: definition.name, name: name, stateDirectory: state, memoryLimit: memory,
      schemaChangePolicy: definition.schemaChangePolicy, badRowPolicy: definition.badRowPolicy, thread: thread,
      logger: logger, source: descriptions[source], sources: descriptions, merged: merged)
  }
}
