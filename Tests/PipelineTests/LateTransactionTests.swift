import Change
import MemoryConnector
import Pipeline
import Testing

/// `late: quarantine`: what comes behind the watermark is set aside.
@Suite(.timeLimit(.minutes(1))) struct LateTransactionTests {
  private static let aside = TableName(namespace: "shop", table: "orders_freshet_quarantine")

  private static func row(_ key: Int64, _ state: String = "") -> [MemoryValue] { [.int(key), .text(state)] }

  /// One source is silent until the other was let go on to 100; then it brings `late`.
  private func run(
    _ late: [MemoryTransaction], transforms: String = "", batchBytes: Int = 512 << 10
  ) async throws -> (MemoryTarget, PipelineRun) {
    let silent = MemoryLog([MergeTests.transaction(5, 1)])
    let busy = MemoryLog((1...10).map { MergeTests.transaction($0 * 10, 100 + $0) })
    let target = MemoryTarget()
    let run = Shop.merge(
      [silent, busy].map { MemorySourceDefinition(log: $0, batchBytes: batchBytes) },
      order: OrderSettings(idleAfter: 20_000_000, late: .quarantine),
      into: [("copy", MemorySinkDefinition(target: target))],
      transforms: transforms.isEmpty ? [] : try TransformTrial.definitions(transforms))
    let running = Task { try await run.run(until: .never) }
    try await target.wait { $0.journal.count == 11 }
    for transaction in late { silent.append(transaction) }
    silent.append(MergeTests.transaction(200, 2))
    busy.append(MergeTests.transaction(200, 200))
    let count = 13 + late.flatMap(\.changes).count
    try await target.wait { $0.journal.count == count }
    run.requestStop()
    try await running.value
    return (target, run)
  }

  @Test func itsChangesAreRowsOfTheTableOfWhatWasSetAside() async throws {
    let late = MemoryTransaction(
      at: EventTime(microseconds: 50),
      [
        .insert(Shop.orders, LateTransactionTests.row(7, "secret")), .delete(Shop.orders, LateTransactionTests.row(1)),
      ])
    let (target, run) = try await run([late])
    let aside = target.content.journal.filter { $0.table == LateTransactionTests.aside }
    #expect(aside.map { $0.after?[1] } == [.text("shop.orders"), .text("shop.orders")])
    #expect(aside.map { $0.after?[2] } == [.text("insert"), .text("delete")])
    #expect(aside.map { $0.after?[3] } == [.text(#"{"id":7}"#), .text(#"{"id":1}"#)])
    #expect(aside.map { $0.after?[6] } == Array(repeating: .timestampZoned(microseconds: 50), count: 2))
    guard case .text(let reason)? = aside[0].after?[5] else { return #expect(Bool(false), "a reason is a text") }
    #expect(reason.contains(#"a transaction of source "a" came 0 ms behind the watermark"#))
    #expect(!aside.contains { $0.after?.contains(.text("secret")) ?? false })
    // Its rows are as they were, and what follows goes on.
    let keys = target.content.journal.filter { $0.table == Shop.orders.name }.map { $0.after?.first }
    #expect(keys.prefix(11) == [.int(1)] + (101...110).map { .int($0) })
    #expect(Set(keys.suffix(2)) == [.int(2), .int(200)])
    #expect(run.report.sources["a"]?.late == 1)
    let accounting = try #require(run.report.sinks["copy"]?.accounting)
    #expect(accounting.quarantined == 2)
    #expect(accounting.unaccounted == 0)
  }

  @Test func transformsLeadItToItsTableAndHideOfItWhatTheyHide() async throws {
    let late = MemoryTransaction(
      at: EventTime(microseconds: 50), [.insert(Shop.orders, LateTransactionTests.row(7))])
    let blocks = """
      { filter: { table: shop.orders, where: 'id > 0' } }, { mask: { table: shop.orders, columns: { state: redact } } }, \
      { route: { from: 'shop\\.(.*)', to: 'copy.$1', merge: true } }
      """
    let (target, run) = try await run([late], transforms: blocks)
    let aside = target.content.journal.filter { $0.table.description == "copy.orders_freshet_quarantine" }
    #expect(aside.map { $0.after?[3] } == [.null])
    #expect(run.report.sinks["copy"]?.accounting.quarantined == 1)
    #expect(run.report.sinks["copy"]?.accounting.unaccounted == 0)
  }

  @Test func aTransactionInPiecesIsSetAsideWhole() async throws {
    let text = String(repeating: "x", count: 1000)
    let late = MemoryTransaction(
      at: EventTime(microseconds: 50),
      (0..<500).map { .insert(Shop.orders, LateTransactionTests.row(1000 + $0, text)) })
    let (target, run) = try await run([late], batchBytes: 64 << 10)
    let aside = target.content.journal.filter { $0.table == LateTransactionTests.aside }
    #expect(Set(aside.map { $0.after?[3] }).count == 500)
    #expect(Set(aside.map(\.commit)).count == 1)
    #expect(run.report.sources["a"]?.late == 1)
    #expect(run.report.sinks["copy"]?.accounting.quarantined == 500)
  }

  @Test func changesOfSchemasAreCarriedOut() async throws {
    let change = SchemaChange(
      kind: .alter, table: Shop.orders.name, before: Shop.orders, after: Shop.orders, statement: "")
    let late = MemoryTransaction(at: EventTime(microseconds: 50), [.schema(change)])
    let (_, run) = try await run([late])
    #expect(run.report.sources["a"]?.late == 1)
    #expect(run.report.sinks["copy"]?.accounting.quarantined == 0)
    #expect(run.report.sinks["copy"]?.accounting.delivered == 14)
  }
}
