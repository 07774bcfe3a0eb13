import Change
import MemoryConnector
import Pipeline
import Testing

/// Names of tables and columns that are spelled wrong: what a block is to hide must not pass.
@Suite(.timeLimit(.minutes(1))) struct TransformNameTests {
  private static let tables = [Shop.orders, TransformTrial.users]

  private func refusal(_ blocks: String, areAll: Bool = true) throws -> String? {
    let chain = try TransformTrial.chain(blocks)
    return failure { _ = try chain.schemas(for: TransformNameTests.tables, areAll: areAll) }?.description
  }

  @Test(arguments: [
    "mask: { table: NAME, columns: { email: redact } }", "filter: { table: NAME, where: 'id > 0' }",
    "project: { table: NAME, exclude: card }", "compute: { table: NAME, columns: { n: id } }",
    "cast: { table: NAME, columns: { card: text } }", "flatten: { table: NAME, column: card, fields: { a: text } }",
    "only: { table: NAME, operations: insert }", "outbox: { table: NAME }",
  ])
  func aTableThatDoesNotComeIsRefusedAtItsPlace(_ verb: String) throws {
    func block(_ name: String) -> String { "{ \(verb.replacing("NAME", with: name)) }" }
    let told = try #require(try refusal(block("shop.usres")))
    let column = 15 + (verb.firstIndex(of: "N").map { verb.distance(from: verb.startIndex, to: $0) } ?? 0) + 1
    #expect(
      told.hasPrefix(
        "p.yaml:4:\(column): no table \"shop.usres\" comes to this transform (did you mean \"shop.users\"?) [configuration]"
      ), "\(told)")
    #expect(try refusal(block("[shop.users, shop.usres]"))?.contains("\"shop.usres\"") == true)
    if !verb.hasPrefix("outbox") { #expect(try refusal(block("shop.users")) == nil) }
    #expect(try refusal(block("'shop.usre*'")) == nil)
    #expect(try refusal(block("shop.usres"), areAll: false) == nil)
    let problems = TransformTrial.problems(block("users"))
    #expect(problems.map(\.message) == ["\"users\" is the name of no table"])
  }

  @Test func namesAreThoseBehindTheTransformsBefore() throws {
    let route = "{ route: { from: 'shop\\.(.*)', to: 'copy.$1' } }"
    let mask = { (table: String) in "{ mask: { table: \(table), columns: { email: redact } } }" }
    #expect(try refusal("\(route), \(mask("copy.users"))") == nil)
    #expect(try refusal("\(route), \(mask("shop.users"))") != nil)
    #expect(try refusal("\(mask("shop.users")), \(route)") == nil)
    // What tables an outbox makes only its rows say.
    let outbox = "{ outbox: { table: 'shop.outbo?' } }"
    #expect(try refusal("\(outbox), \(mask("outbox.order"))") == nil)
  }

  @Test func aColumnThatNoTableOfAPatternHasIsRefused() throws {
    let told = try refusal("{ mask: { table: 'shop.*', columns: { state: redact, emial: redact } } }")
    #expect(
      told?.hasPrefix(
        "p.yaml:4:67: `mask` names column \"emial\", which none of its tables has (did you mean \"email\"?)")
        == true, "\(String(describing: told))")
    #expect(try refusal("{ mask: { table: 'shop.*', columns: { state: redact, email: redact } } }") == nil)
    #expect(try refusal("{ mask: { table: 'shop.*', columns: { emial: redact }, missing: warn } }") == nil)
    for verb in ["project: { table: '*', exclude: emial }", "cast: { table: '*', columns: { emial: text } }"] {
      #expect(try refusal("{ \(verb) }")?.contains("`\(verb.prefix { $0 != ":" })` names column \"emial\"") == true)
    }
  }

  /// A source that knows its tables.
  private struct KnowingSource: SourceDefinition {
    let source: MemorySourceDefinition

    func makeSource(_ context: ConnectorContext) throws -> any Source { try source.makeSource(context) }

    func plan(_ context: ConnectorContext) async throws -> SourcePlan {
      SourcePlan(
        server: "", tables: TransformNameTests.tables.map { PlannedTable(schema: $0, rows: nil) }, start: "", end: "",
        warnings: [])
    }
  }

  @Test func nothingPassesWhenAPipelineBeginsWithANameThatIsSpelledWrong() async throws {
    let target = MemoryTarget()
    let insert = MemoryTransaction(
      at: EventTime(microseconds: 1), [.insert(TransformTrial.users, TransformTrial.row(1, "a@b.c"))])
    func run(_ table: String) async -> Failure? {
      do {
        try await Shop.run(
          KnowingSource(source: MemorySourceDefinition(log: MemoryLog([insert]))),
          into: [("copy", MemorySinkDefinition(target: target))],
          transforms: try TransformTrial.definitions("{ mask: { table: \(table), columns: { email: redact } } }")
        ).run(until: .now)
        return nil
      } catch {
        return error as? Failure
      }
    }
    let refused = await run("shop.usres")
    #expect(refused?.code == .configuration)
    #expect(refused?.place == "p.yaml:4:31")
    #expect(target.content.tables.isEmpty)
    #expect(await run("shop.users") == nil)
    #expect(target.content.tables.count == 1)
    // A table may be gone, and in the log still.
    #expect(await run("shop.usres") == nil)
  }
}
