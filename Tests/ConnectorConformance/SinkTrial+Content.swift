import Change
import MemoryConnector
import Pipeline
import Testing

extension SinkTrial {
  private var items: TableSchema { ConformanceSchema.items }

  private func item(_ id: Int, _ note: String) -> [MemoryValue] { ConformanceSchema.item(id, note) }

  func changesOfAKeyApplyInOrder() async throws {
    try await session { session in
      try await session.write((1...20).map { .insert(items, item($0, "0")) })
      _ = try await session.commit()
      for round in 1...30 {
        try await session.write(
          (1...20).map { .update(items, before: item($0, "\(round - 1)"), after: item($0, "\(round)")) })
        if round % 7 == 0 { _ = try await session.commit() }
      }
      // Deleted and inserted again, inserted and deleted, all in one group.
      try await session.write([.delete(items, item(1, "30")), .insert(items, item(1, "again"))])
      try await session.write([.insert(items, item(21, "short")), .delete(items, item(21, "short"))])
      try await session.write([.delete(items, item(2, "30"))])
      _ = try await session.commit()
    }
    try await expectSameContent([items])
  }

  func everyTypeComesBackExactly() async throws {
    let columns = ConformanceSchema.columns
    let types = ConformanceSchema.types
    func held(_ number: Int) -> [MemoryValue] {
      columns.map { harness.canHold($0.values[number], in: $0.column) ? $0.values[number] : .null }
    }
    let first = [.int(1)] + held(0)
    let second = [.int(2)] + held(1)
    let nothing = [.int(3)] + columns.map { _ in MemoryValue.null }
    try await session { session in
      try await session.write([.insert(types, first), .insert(types, second), .insert(types, nothing)])
      _ = try await session.commit()
      try await expectSameContent([types])
      let swapped = [.int(1)] + Array(second.dropFirst())
      try await session.write([
        .update(types, before: first, after: swapped),
        .update(types, before: nothing, after: [.int(3)] + Array(first.dropFirst())),
        .update(types, before: second, after: [.int(2)] + Array(nothing.dropFirst())),
      ])
      _ = try await session.commit()
    }
    try await expectSameContent([types])
  }

  func tablesWithoutAKeyKeepTheirDuplicates() async throws {
    guard harness.capabilities.takesPartialRows else { return }
    let events = ConformanceSchema.keyless
    try await session { session in
      try await session.write([
        .insert(events, item(1, "same")), .insert(events, item(1, "same")), .insert(events, item(1, "same")),
        .insert(events, [.null, .null]), .insert(events, [.null, .null]),
      ])
      _ = try await session.commit()
      try await session.write([
        .delete(events, item(1, "same")), .delete(events, [.null, .null]),
        .update(events, before: item(1, "same"), after: item(1, "other")),
      ])
      _ = try await session.commit()
    }
    try await expectSameContent([events])
  }

  func keysMayChangeAndSwap() async throws {
    try await session { session in
      try await session.write([
        .insert(items, item(1, "a")), .insert(items, item(2, "b")), .insert(items, item(3, "c")),
      ])
      _ = try await session.commit()
      // 1 and 2 swap through a key that nobody keeps; 3 moves away and its place is taken.
      try await session.write([
        .update(items, before: item(1, "a"), after: item(-1, "a")),
        .update(items, before: item(2, "b"), after: item(1, "b")),
        .update(items, before: item(-1, "a"), after: item(2, "a")),
        .update(items, before: item(3, "c"), after: item(4, "c")),
        .insert(items, item(3, "new")),
      ])
      _ = try await session.commit()
    }
    try await expectSameContent([items])
  }

  func absentValuesStayAsTheyAre() async throws {
    guard harness.capabilities.takesPartialRows, harness.capabilities.isMirror else { return }
    let wide = TableSchema(
      name: ConformanceSchema.name,
      columns: [ConformanceSchema.id, ConformanceSchema.note, ColumnSchema(name: "state", type: .text(length: 8))],
      key: [0])
    try await session { session in
      try await session.write([
        .insert(wide, [.int(1), .text("kept"), .text("old")]), .insert(wide, [.int(2), .text("kept"), .null]),
        .insert(wide, [.int(3), .text("goes"), .null]),
      ])
      _ = try await session.commit()
      try await session.write([
        .update(wide, before: [.int(1), .absent, .absent], after: [.absent, .absent, .text("new")]),
        .update(wide, before: [.int(2), .absent, .absent], after: [.int(5), .absent, .absent]),
        .delete(wide, [.int(3), .absent, .absent]),
      ])
      _ = try await session.commit()
    }
    try await expectSameContent([wide])
  }

  func hostileNamesAreOnlyNames() async throws {
    let long = String(repeating: "😀", count: 64)
    let names = [
      "a\"b`c'd", "../../etc", "..", ".", "new\nline", "semi;colon -- x", long, "select", " space ", "a/b\\c",
    ]
    let schemas = names.filter(harness.canName).map { name in
      TableSchema(
        name: TableName(namespace: name, table: name),
        columns: [ConformanceSchema.id, ColumnSchema(name: name, type: .text(length: 0))], key: [0])
    }
    try await session { session in
      for schema in schemas { try await session.write([.insert(schema, item(1, schema.name.table))]) }
      _ = try await session.commit()
      for schema in schemas {
        try await session.write([
          .update(schema, before: item(1, schema.name.table), after: item(1, "x")), .insert(schema, item(2, "y")),
          .delete(schema, item(2, "y")),
        ])
      }
      _ = try await session.commit()
    }
    try await expectSameContent(schemas)
  }

  func everyChangeIsAccountedFor() async throws {
    try await session { session in
      try await session.write((1...50).map { .insert(items, item($0, "0")) })
      try await session.write([
        .insert(ConformanceSchema.keyless, item(1, "a")), .insert(ConformanceSchema.keyless, item(1, "a")),
      ])
      for round in 1...5 {
        try await session.write(
          (1...50).map { .update(items, before: item($0, "\(round - 1)"), after: item($0, "\(round)")) })
      }
      try await session.write((1...10).map { .delete(items, item($0, "5")) })
      let written = session.written
      let receipt = try await session.commit()
      for (table, count) in written {
        let outcome = receipt.outcomes[table] ?? Outcome()
        expect(outcome.total == count, "\(count) changes of \(table) were written and \(outcome) came back")
      }
      expect(
        Set(receipt.outcomes.keys).isSubset(of: written.keys), "outcomes name tables that were not written")
    }
    try await expectSameContent([items])
  }
}
