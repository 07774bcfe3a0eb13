import Change
import MemoryConnector
import Pipeline
import PipelineConfiguration
import Testing

@Suite struct PlannedWindowTests {
  private func plan(_ rest: String) throws -> PlannedWindow {
    let definitions = try WindowTrial.definitions(WindowTrial.block(rest))
    return try #require(try PlannedWindow.plans(of: definitions, over: [WindowTrial.orders]).first)
  }

  @Test func aPlanTellsWhatAWindowMakes() throws {
    let plan = try plan(
      "event_time: happened, group_by: [status], window: { hopping: { size: 1h, every: 90s } }, aggregate: { n: count() }"
    )
    #expect(plan.name == "revenue" && plan.from == WindowTrial.orders.name)
    #expect(plan.kind == "hopping 1h every 90s")
    #expect(plan.eventTime == "happened" && plan.groupBy == ["status"])
    #expect(plan.tables.map(\.name) == [WindowTrial.results, WindowTrial.late])
    #expect(plan.warnings == [])
  }

  @Test func aPlanWarnsOfGroupsThatMayBeNullAndOfAClockThatWaits() throws {
    let plan = try plan(
      "group_by: [amount, status], window: { tumbling: 1m }, aggregate: { n: count() }, trigger: { early: 5s }")
    #expect(plan.warnings.count == 2)
    #expect(plan.warnings.first?.contains("\"amount\"") == true)
    #expect(plan.warnings.last?.contains("heartbeats") == true)
    #expect(try self.plan("window: { tumbling: 1m }, aggregate: { n: count() }").warnings == [])
  }

  @Test func aNullInAGroupIsToldWithItsTableColumnAndPlace() throws {
    let log = [WindowTrial.transaction(10, [.insert(WindowTrial.orders, WindowTrial.order(1, "a", nil, at: 1))])]
    let block = WindowTrial.block("group_by: [amount], window: { tumbling: 1m }, aggregate: { n: count() }")
    do {
      _ = try WindowTrial.run(block, log)
      Issue.record("a NULL was accepted")
    } catch let failure as Failure {
      #expect(failure.code == .badValue)
      #expect(failure.place == "p.yaml:4:58 of window \"revenue\", table \"shop.orders\", 1 file 0 offset 0 row 0")
      #expect(failure.message.contains("\"shop.orders\"") && failure.message.contains("\"amount\""))
      #expect(failure.hint.contains("coalesce(amount"))
    }
  }

  @Test func aTableThatDoesNotComeIsToldWhereItIsNamed() throws {
    let definitions = try WindowTrial.definitions(
      "{ name: r, from: shop.ordrs, window: { tumbling: 1m }, aggregate: { n: count() } }")
    #expect(throws: Failure.self) { try PlannedWindow.plans(of: definitions, over: [WindowTrial.orders]) }
    do throws(Failure) {
      _ = try PlannedWindow.plans(of: definitions, over: [WindowTrial.orders])
    } catch {
      #expect(error.place == "p.yaml:4:28" && error.code == .configuration)
      #expect(error.message.contains("did you mean \"shop.orders\""))
    }
  }

  /// Log files, and an outbox, do not say which tables come.
  @Test func aTableThatIsNotKnownBeforeItIsReadIsNoMistake() throws {
    let definitions = try WindowTrial.definitions(
      "{ name: r, from: shop.ordrs, window: { tumbling: 1m }, aggregate: { n: count() }, trigger: { early: 5s } }")
    let plan = try #require(
      try PlannedWindow.plans(of: definitions, over: [WindowTrial.orders], areAll: false).first)
    #expect(plan.tables.isEmpty && plan.trigger == "at the end, every 5s before it")
    #expect(plan.warnings.contains { $0.contains("nothing is known of table \"shop.ordrs\"") })
  }

  @Test func overCommitTimesItIsToldWhichAggregatesSayNothingOfRowsThatChange() throws {
    let warnings = try plan("window: { tumbling: 1m }, aggregate: { n: count(), s: sum(id), m: min(id), a: avg(id) }")
      .warnings
    #expect(warnings.contains { $0.contains("m, a is right only where rows are never changed") })
    let timed = try plan("event_time: happened, window: { tumbling: 1m }, aggregate: { m: min(id) }").warnings
    #expect(!timed.contains { $0.contains("never changed") })
  }

  @Test(arguments: [
    ("sum(old.amount)", "reads `old.` or `change.`"),
    ("sum(case when change.operation = 'insert' then 1 else 0 end)", "reads `old.` or `change.`"),
  ])
  func whatOnlyAChangeHasIsNotAggregated(_ aggregate: String, _ message: String) throws {
    let definitions = try WindowTrial.definitions(
      "{ name: r, from: shop.orders, window: { tumbling: 1m }, aggregate: { n: \"\(aggregate)\" } }")
    let failure = #expect(throws: Failure.self) {
      try PlannedWindow.plans(of: definitions, over: [WindowTrial.orders])
    }
    #expect(failure?.code == .configuration && failure?.message.contains(message) == true)
    #expect(failure?.place.hasPrefix("p.yaml:4:") == true)
  }

  @Test func aWindowOverManyTablesIsRefused() {
    let problems = #expect(throws: PipelineProblems.self) {
      try WindowTrial.definitions("{ name: r, from: 'shop.*', window: { tumbling: 1m }, aggregate: { n: count() } }")
    }
    #expect(problems?.failures.first?.hint.contains("`route`") == true)
  }
}
