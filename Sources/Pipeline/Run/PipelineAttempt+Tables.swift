import Change
import Flow
import Logging

extension PipelineAttempt {
  /// Sees to it that the tables and columns that transforms and windows name are there, before any row passes: one that is
  /// spelled wrong would let pass what is to be hidden.
  ///
  /// A pipeline that has begun is only warned: its log may tell of tables that are gone. So is one with a window over a table
  /// that is not there: it may be still to come.
  /// - Throws: `.configuration`, when nothing of the source is at any sink.
  func checkTables(_ resume: Resume, on thread: DedicatedThread, memory: Int) async throws {
    guard isFirst, namesTables || !definition.windows.isEmpty else { return }
    var hasBegun = false
    for source in definition.sources.indices {
      if try await resume.positions(of: source).contains(where: { $0 != nil }) { hasBegun = true }
    }
    do {
      try await compareTables(on: thread, memory: memory)
    } catch let failure as Failure where hasBegun {
      logger.warning(
        "the transforms or windows do not suit the tables that the source has now", metadata: ["error": "\(failure)"])
    }
  }

  private var namesTables: Bool { definition.transforms.contains(where: \.tables.isNamed) }

  private func compareTables(on thread: DedicatedThread, memory: Int) async throws {
    var tables: [TableSchema] = []
    // Of a source that does not know its tables any may come.
    var areAll = true
    for (index, source) in definition.sources.enumerated() {
      var context = context(
        source.name, thread: thread, memory: memory, state: definition.stateDirectory(of: source), source: index)
      // What the running source says of itself is its own business.
      context.source = SourceDescription()
      let plan: SourcePlan
      do {
        plan = try await source.definition.plan(context)
      } catch let failure as Failure where !namesTables && failure.code.remedy == .retryLater {
        // Nothing is to be hidden, and the others are not to wait for it.
        areAll = false
        continue
      }
      if plan.tables.isEmpty { areAll = false }
      tables += plan.tables.map(\.schema)
    }
    let chain = try TransformChain(
      definition.transforms,
      TransformContext(
        badRowPolicy: definition.badRowPolicy, hasOneSource: definition.sources.count == 1, logger: logger))
    let results = try chain.schemas(for: tables, areAll: areAll)
    let names = Set(results.map(\.name))
    let windows = try PlannedWindow.plans(of: definition.windows, over: results, areAll: false)
    guard areAll, !definition.transforms.contains(where: \.makesTables) else { return }
    for window in windows where !names.contains(window.from) {
      let near = NearestName.suggestion(for: window.from.description, in: names.map(\.description))
      logger.warning(
        "a window is over a table that is not there\(near)",
        metadata: ["window": "\(window.name)", "table": "\(window.from)"])
    }
  }
}
