import Change
import MemoryConnector
import Pipeline
import Testing

struct OnlyTests {
  private static let row: [MemoryValue] = [.int(1), .text("new")]
  private static let changes: [MemoryChange] = [
    .insert(Shop.orders, row), .update(Shop.orders, before: row, after: row), .delete(Shop.orders, row),
    .read(Shop.orders, row), .insert(TransformTrial.users, TransformTrial.row(1, "a")),
  ]

  @Test(arguments: [
    ("insert", [0, 4]), ("[insert, update]", [0, 1, 4]), ("delete", [2]), ("read", [3]),
    ("[insert, update, delete, read]", [0, 1, 2, 3, 4]),
  ])
  func onlyTheOperationsThatAreNamedPass(operations: String, kept: [Int]) throws {
    let rows = try TransformTrial.apply("{ only: { operations: \(operations) } }", OnlyTests.changes)
    let all = TransformTrial.rows(TransformTrial.batch([OnlyTests.changes]))
    #expect(rows == kept.map { all[$0] })
  }

  @Test func otherTablesAreLeftAsTheyAre() throws {
    let rows = try TransformTrial.apply("{ only: { table: shop.orders, operations: delete } }", OnlyTests.changes)
    #expect(rows.map(\.operation) == [.delete, .insert])
  }

  @Test func aTransactionWithoutChangesKeepsItsPlace() throws {
    let batch = try TransformTrial.chain("{ only: { operations: delete } }").apply(
      to: TransformTrial.batch([[OnlyTests.changes[0]], [OnlyTests.changes[2]], [OnlyTests.changes[0]]]))
    #expect(batch.transactions.map(\.count) == [0, 1, 0])
    #expect(batch.transactions.map(\.first) == [0, 0, 1])
    #expect(batch.transactions.map(\.mark.sequence) == [1, 2, 3])
    #expect(batch.transactions.allSatisfy { $0.begins && $0.ends })
    #expect(batch.position.text == "3")
  }
}
