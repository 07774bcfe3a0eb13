import Change
import Pipeline
import Testing

/// What `plan` tells of transforms and windows that do not fit the tables: all of it.
@Suite struct PlanProblemTests {
  private static func problems(
    _ blocks: String, _ tables: [TableSchema] = [TransformTrial.users, Shop.orders]
  ) throws -> [String] {
    var problems: [Failure] = []
    _ = try TransformTrial.chain(blocks).plan(tables, areAll: true, &problems)
    return problems.map { "\($0.place) \($0.message.prefix(30))" }
  }

  @Test func eachExpressionThatDoesNotFitItsTableIsTold() throws {
    let told = try PlanProblemTests.problems(
      "{ compute: { table: shop.users, columns: { a: nosuch, b: id, c: email + 1, id: id + 1 } } },"
        + " { filter: { table: shop.orders, where: missing = 1 } }, { only: { table: shop.order, operations: insert } }"
    )
    #expect(
      told.map { $0.prefix(20).trimmed } == [
        "p.yaml:4:60", "p.yaml:4:78", "p.yaml:4:93", "p.yaml:4:146", "p.yaml:4:180",
      ], "\(told)")
  }

  @Test func aTableThatIsRefusedIsNotMissingBehindThat() throws {
    let told = try PlanProblemTests.problems(
      "{ compute: { table: shop.users, columns: { a: nosuch } } }, { route: { from: 'shop\\.(.*)', to: 'b.$1' } },"
        + " { project: { table: b.*, exclude: [a] } }, { filter: { table: b.users, where: a = 1 } }")
    #expect(told.count == 1 && told[0].hasPrefix("p.yaml:4:60"), "\(told)")
  }

  @Test func aTableThatFitsIsWhatTheSinksGet() throws {
    var problems: [Failure] = []
    let planned = try TransformTrial.chain(
      "{ compute: { table: shop.users, columns: { a: nosuch } } }, { route: { from: 'shop\\.(.*)', to: 'b.$1' } }"
    ).plan([TransformTrial.users, Shop.orders], areAll: true, &problems)
    #expect(planned.map(\.name.description) == ["b.users", "b.orders"])
    #expect(planned.map { $0.schema == nil } == [true, false])
  }

  private static func windowProblems(_ blocks: String) throws -> [Failure] {
    var problems: [Failure] = []
    let planned = try TransformTrial.chain("").plan([WindowTrial.orders], areAll: true, &problems)
    return PlannedWindow.problems(of: try WindowTrial.definitions(blocks), over: planned, areAll: true)
  }

  @Test func eachOptionOfAWindowThatDoesNotFitItsTableIsTold() throws {
    let told = try PlanProblemTests.windowProblems(
      "{ name: r, from: shop.orders, event_time: amount, group_by: [status, nosuch, other], window: { tumbling: 1m },"
        + " aggregate: { a: sum(status), b: count(), c: max(missing), d: sum(old.amount) } },"
        + " { name: s, from: shop.ordrs, window: { tumbling: 1m }, aggregate: { n: count() } },"
        + " { name: t, from: shop.orders, window: { tumbling: 1m }, aggregate: { is_last: count() } }")
    #expect(
      told.map(\.place) == [
        "p.yaml:4:53", "p.yaml:4:80", "p.yaml:4:88", "p.yaml:4:138", "p.yaml:4:170", "p.yaml:4:183", "p.yaml:4:221",
        "p.yaml:4:288",
      ], "\(told)")
    #expect(
      try PlanProblemTests.windowProblems(WindowTrial.block("window: { tumbling: 1m }, aggregate: { n: count() }"))
        .isEmpty)
  }
}

extension Substring {
  /// Up to the first space.
  fileprivate var trimmed: String { String(prefix { $0 != " " }) }
}
