import ArgumentParser
import Change
import Flow
import Logging
import Pipeline
import PipelineConfiguration

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Connect and show what a run would do: tables, keys, types, statements, start, warnings.",
    discussion: "Changes nothing.")

  @OptionGroup var pipeline: PipelineArguments
  @Argument(help: "A pipeline file.") var file: String
  @Flag(help: "Print JSON.") var json = false
  @ArgumentParser.Option(help: "How logs look: text or json.") var logFormat = LogFormat.text

  func run() async throws {
    let loaded = try pipeline.require(file)
    do {
      let plan = try await PipelinePlan.make(loaded, logFormat: logFormat)
      StandardOutput.write(loaded.redaction(json ? plan.json.text() + "\n" : plan.text))
    } catch let failure as Failure {
      throw loaded.redaction(failure)
    } catch let problems as PipelineProblems {
      throw problems
    } catch {
      throw loaded.redaction(Failure(.internal, "an unexpected error ended the plan", cause: "\(error)"))
    }
  }
}

/// What the source and the sinks of a pipeline say about a run.
struct PipelinePlan {
  let pipeline: String
  let sources: [(name: String, plan: SourcePlan)]
  /// The tables as the sinks get them, in the order of the sources'; nil when the pipeline has no transforms.
  let transformed: [TableSchema]?
  let windows: [PlannedWindow]
  let sinks: [(name: String, plan: SinkPlan)]

  static func make(_ file: PipelineFile, logFormat: LogFormat) async throws -> PipelinePlan {
    let definition = file.definition
    let logger = Logger.freshet(logFormat, redaction: file.redaction, pipeline: definition.name)
    let thread = DedicatedThread(name: "plan")
    defer { thread.stop() }
    let descriptions = definition.sources.map { _ in SourceDescription() }
    func context(_ name: String, state: String? = nil, source: Int = 0) -> ConnectorContext {
      ConnectorContext(
        pipeline: definition.name, name: name, stateDirectory: state ?? definition.stateDirectory,
        memoryLimit: definition.memoryLimit / 4, schemaChangePolicy: definition.schemaChangePolicy,
        badRowPolicy: definition.badRowPolicy, thread: thread, logger: logger, source: descriptions[source],
        sources: descriptions)
    }
    return try await withTaskExecutorPreference(thread) {
      var sources: [(name: String, plan: SourcePlan)] = []
      for (index, source) in definition.sources.enumerated() {
        let context = context(source.name, state: definition.stateDirectory(of: source), source: index)
        sources.append((source.name, try await source.definition.plan(context)))
      }
      let tables = sources.flatMap { $0.plan.tables.map(\.schema) }
      // Where a source does not know its tables, any may come.
      let areAll = sources.allSatisfy { !$0.plan.tables.isEmpty }
      let shaped = try shaped(tables, areAll: areAll, file, logger)
      let transformed = definition.transforms.isEmpty ? nil : shaped
      let windows = try PlannedWindow.plans(
        of: definition.windows, over: shaped,
        areAll: areAll && !definition.transforms.contains(where: \.makesTables))
      let results = windows.flatMap(\.tables)
      var sinks: [(name: String, plan: SinkPlan)] = []
      for sink in definition.sinks {
        let plan = try await sink.definition.plan(
          for: PipelinePlan.distinct(shaped + results), context(sink.name))
        sinks.append((sink.name, plan))
      }
      return PipelinePlan(
        pipeline: definition.name, sources: sources, transformed: transformed, windows: windows, sinks: sinks)
    }
  }

  /// The tables behind the transforms.
  /// - Throws: `PipelineProblems`, all that the transforms and windows say of the tables, each place once.
  private static func shaped(
    _ tables: [TableSchema], areAll: Bool, _ file: PipelineFile, _ logger: Logger
  ) throws -> [TableSchema] {
    let definition = file.definition
    let chain = try TransformChain(
      definition.transforms,
      TransformContext(
        badRowPolicy: definition.badRowPolicy, hasOneSource: definition.sources.count == 1, logger: logger))
    var problems: [Failure] = []
    let planned = chain.plan(tables, areAll: areAll, &problems)
    problems += PlannedWindow.problems(
      of: definition.windows, over: planned,
      areAll: areAll && !definition.transforms.contains(where: \.makesTables))
    // Of many tables, a block says the same of each.
    var places: Set<String> = []
    let told = problems.filter { places.insert($0.place.isEmpty ? $0.message : $0.place).inserted }
    if !told.isEmpty { throw PipelineProblems(told.map { file.redaction($0) }) }
    return planned.compactMap(\.schema)
  }

  /// Tables that were merged into one are one.
  static func distinct(_ tables: [TableSchema]) -> [TableSchema] {
    var names: Set<TableName> = []
    return tables.filter { names.insert($0.name).inserted }
  }
}
