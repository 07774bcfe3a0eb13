import Change
import MemoryConnector
import Pipeline
import Testing

struct ChangeFieldTests {
  private static let fields = """
    { compute: { table: "shop.*", columns: { seen: "change.commit_time", how: "change.operation", double: "id * 2" } } }
    """

  @Test func whatAChangeKnowsOfItselfIsNotInTheRowBefore() throws {
    let old: [MemoryValue] = [.int(1), .text("new")]
    let new: [MemoryValue] = [.int(1), .text("paid")]
    let rows = try TransformTrial.apply(
      ChangeFieldTests.fields,
      [.insert(Shop.orders, old), .update(Shop.orders, before: old, after: new), .delete(Shop.orders, new)])
    let time = MemoryValue.timestampZoned(microseconds: 1000)
    #expect(rows[0].after == old + [time, .text("insert"), .int(2)])
    #expect(rows[1].before == old + [.absent, .absent, .int(2)])
    #expect(rows[1].after == new + [time, .text("update"), .int(2)])
    #expect(rows[2].before == new + [.absent, .absent, .int(2)])
  }

  @Test func aTableWithoutAKeyTakesNothingOfTheChange() throws {
    let heap = TableSchema(name: Shop.orders.name, columns: Shop.orders.columns, key: [])
    let chain = try TransformTrial.chain(ChangeFieldTests.fields)
    let refused = failure { _ = try chain.schema(for: heap) }
    #expect(refused?.code == .configuration)
    #expect(refused?.message.contains("\"seen\"") == true)
    // The table's own name is no matter of the change.
    let named = try TransformTrial.chain("{ compute: { table: \"shop.*\", columns: { t: \"change.table\" } } }")
    #expect(failure { _ = try named.schema(for: heap) } == nil)
  }

  @Test func aFilterOverSuchAColumnLetsDeletesAndUpdatesComeToTheirRows() throws {
    let blocks = """
      { compute: { table: "shop.*", columns: { how: "change.operation" } } },
      { filter: { table: "shop.*", where: "how <> 'insert'" } }
      """
    let row: [MemoryValue] = [.int(1), .text("new")]
    let rows = try TransformTrial.apply(
      blocks, [.insert(Shop.orders, row), .update(Shop.orders, before: row, after: row), .delete(Shop.orders, row)])
    #expect(rows.map(\.operation) == [.update, .delete])
  }
}
