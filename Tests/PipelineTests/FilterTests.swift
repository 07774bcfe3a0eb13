import Change
import MemoryConnector
import Pipeline
import Testing

struct FilterTests {
  private static func row(_ id: Int64, _ state: MemoryValue) -> [MemoryValue] { [.int(id), state] }
  private static let paid = "{ filter: { table: shop.orders, where: \"state = 'paid'\" } }"

  @Test func whatPassesIsATableOfItsOwn() throws {
    let new = FilterTests.row(1, .text("new"))
    let paid = FilterTests.row(1, .text("paid"))
    let rows = try TransformTrial.apply(
      FilterTests.paid,
      [
        .insert(Shop.orders, new), .insert(Shop.orders, paid), .insert(Shop.orders, FilterTests.row(2, .null)),
        .update(Shop.orders, before: new, after: paid), .update(Shop.orders, before: paid, after: new),
        .update(Shop.orders, before: paid, after: paid), .update(Shop.orders, before: new, after: new),
        .delete(Shop.orders, paid), .delete(Shop.orders, new),
        .insert(TransformTrial.users, TransformTrial.row(1, "a")),
      ])
    #expect(rows.map(\.operation) == [.insert, .insert, .delete, .update, .delete, .insert])
    #expect(rows.map(\.before) == [nil, nil, paid, paid, paid, nil])
    #expect(rows.prefix(5).map(\.after) == [paid, paid, nil, paid, nil])
  }

  @Test func aRowThatEntersIsWhole() throws {
    let rows = try TransformTrial.apply(
      FilterTests.paid,
      [.update(Shop.orders, before: FilterTests.row(7, .text("new")), after: [.absent, .text("paid")])])
    #expect(rows[0].operation == .insert)
    #expect(rows[0].after == FilterTests.row(7, .text("paid")))
  }

  @Test func aRowThatEntersInPartOnlyStopsThePipeline() throws {
    let change = MemoryChange.update(
      Shop.orders, before: [.absent, .text("new")], after: [.absent, .text("paid")])
    let stop = failure { _ = try TransformTrial.apply(FilterTests.paid, [change]) }
    #expect(stop?.code == .badValue && stop?.message.contains("\"id\"") == true)
  }

  @Test func aTableWithoutRowsInABatchIsNoMatterForTheNextVerb() throws {
    let blocks = """
      { filter: { table: shop.orders, where: "state = 'paid'" } },
      { project: { table: shop.orders, rename: { state: phase } } },
      { filter: { table: shop.orders, where: "phase = 'paid'" } }
      """
    let rows = try TransformTrial.apply(
      blocks,
      [
        .insert(Shop.orders, FilterTests.row(1, .text("new"))),
        .insert(TransformTrial.users, TransformTrial.row(1, "a")),
      ])
    #expect(rows.map(\.table.table) == ["users"])
  }

  @Test func aConditionOverTheRowBeforeIsAboutChanges() throws {
    let blocks = "{ filter: { table: shop.orders, where: \"old.state is null or old.state <> state\" } }"
    let (new, paid) = (FilterTests.row(1, .text("new")), FilterTests.row(1, .text("paid")))
    let rows = try TransformTrial.apply(
      blocks,
      [
        .insert(Shop.orders, new), .update(Shop.orders, before: new, after: paid),
        .update(Shop.orders, before: paid, after: paid),
      ])
    #expect(rows.map(\.operation) == [.insert, .update])
  }

  @Test func anUpdateWithoutTheRowBeforeTakesTheRowOutByItsKey() throws {
    let builder = BatchBuilder()
    builder.begin(commitTime: EventTime(microseconds: 1), mark: LogMark(sequence: 1), identifier: "1")
    let index = builder.index(of: Shop.orders)
    for state in ["paid", "new"] {
      let first = UInt32(builder.cells.count)
      builder.cells.append(.int(1))
      let cell = builder.text(state)
      builder.cells.append(cell)
      builder.append(RowChange(operation: .update, schema: index, after: first, time: EventTime(microseconds: 1)))
    }
    builder.end(mark: LogMark(sequence: 1))
    let chain = try TransformTrial.chain(FilterTests.paid)
    let rows = TransformTrial.rows(try chain.apply(to: builder.take(position: Position(text: "1", token: ""))))
    #expect(rows.map(\.operation) == [.update, .delete])
    #expect(rows[1].before == FilterTests.row(1, .text("new")))
    #expect(rows[1].after == nil)
  }

  @Test func anExpressionThatDoesNotSuitTheTableIsToldWithItsPlace() throws {
    let chain = try TransformTrial.chain("{ filter: { table: shop.orders, where: \"stat = 'paid'\" } }")
    let problem = failure { _ = try chain.schema(for: Shop.orders) }
    #expect(problem?.code == .configuration)
    #expect(problem?.place.hasPrefix("p.yaml:4:") == true)
    #expect(problem?.message.contains("did you mean \"state\"") == true)
  }

  @Test func aRowWithoutAResultStopsWithItsTableAndNotItsValues() throws {
    let problem = failure {
      _ = try TransformTrial.apply(
        "{ filter: { table: shop.orders, where: \"id * 9223372036854775807 > 1\" } }",
        [.insert(Shop.orders, FilterTests.row(1, .null)), .insert(Shop.orders, FilterTests.row(77_777, .null))])
    }
    #expect(
      problem?.message.contains("of table \"shop.orders\" in transaction 1") == true, "\(String(describing: problem))")
    #expect(problem?.description.contains("77777") == false)
  }
}

struct ComputeTests {
  @Test func computedColumnsStandInBothImages() throws {
    let blocks = "{ compute: { table: shop.users, columns: { half: \"balance / 2\", email: \"upper(email)\" } } }"
    let rows = try TransformTrial.apply(
      blocks,
      [
        .insert(Shop.orders, [.int(1), .text("new")]),
        .update(
          TransformTrial.users, before: TransformTrial.row(1, "a@b", "c", "3.00"),
          after: TransformTrial.row(1, "d@e", "c", "5.00")),
        .delete(TransformTrial.users, [.int(1), .absent, .absent, .absent]),
      ])
    #expect(rows[0].after == [.int(1), .text("new")])
    #expect(rows[1].before?.prefix(4) == [.int(1), .text("A@B"), .text("c"), .decimal("3.00")])
    #expect(rows[1].after?.prefix(4) == [.int(1), .text("D@E"), .text("c"), .decimal("5.00")])
    #expect(rows[1].before?.last == .decimal("1.500000"))
    #expect(rows[1].after?.last == .decimal("2.500000"))
    #expect(rows[2].before == [.int(1), .absent, .absent, .absent, .absent])
    let schema = try TransformTrial.chain(blocks).schema(for: TransformTrial.users)
    #expect(schema.columns.map(\.name) == ["id", "email", "card", "balance", "half"])
    #expect(schema.indexes?.map(\.name) == ["by_card"])
  }

  @Test func aKeyIsNotComputedAnew() throws {
    let chain = try TransformTrial.chain("{ compute: { table: shop.users, columns: { id: \"id + 1\" } } }")
    #expect(failure { _ = try chain.schema(for: TransformTrial.users) }?.code == .configuration)
  }
}
