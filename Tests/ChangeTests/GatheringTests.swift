import Change
import Testing

struct GatheringTests {
  private let schemas = (1...3).map { number in
    TableSchema(
      name: TableName(namespace: "s", table: "t\(number)"),
      columns: (0...number).map { ColumnSchema(name: "c\($0)", type: .text(length: 0)) }, key: [0])
  }

  /// What a part says, in words: all that a reader sees of it.
  private func described(_ batch: Batch) -> [String] {
    batch.transactions.map { part in
      let rows = batch.changes[part.range].map { change -> String in
        if change.operation == .schema { return batch.schemaChanges[Int(change.row)].statement }
        let schema = batch.schemas[Int(change.schema)]
        let image = { (first: UInt32) in
          batch.cells[Int(first)..<(Int(first) + schema.columns.count)]
            .map { $0.isSlice ? batch.text(of: $0) : "\($0.int)" }
        }
        return
          "\(schema.name)\(change.hasBefore ? image(change.before) : [])\(change.hasAfter ? image(change.after) : [])"
      }
      return "\(batch.identifier(of: part)) \(part.begins) \(part.ends) \(part.preceding) \(rows)"
    }
  }

  private func batch(_ seed: Int) -> Batch {
    let builder = BatchBuilder(byteLimit: 4096)
    for number in 0..<20 {
      let mark = LogMark(sequence: UInt64(number))
      builder.begin(commitTime: EventTime(microseconds: Int64(number)), mark: mark, identifier: "\(seed)-\(number)")
      for row in 0..<((number * 7 + seed) % 4) {
        let schema = schemas[(row + number) % 3]
        let rows = (0..<(row + 1) % 3).map { image -> UInt32 in
          let first = UInt32(builder.cells.count)
          for column in schema.columns.indices {
            let length = (number * row + column + seed) % 5
            let cell = column == 0 ? Cell.int(Int64(row)) : builder.text(String(repeating: "\(image)", count: length))
            builder.cells.append(cell)
          }
          return first
        }
        builder.append(
          RowChange(
            operation: .update, schema: builder.index(of: schema), before: rows.first ?? RowChange.noCells,
            after: rows.count > 1 ? rows[1] : RowChange.noCells, time: EventTime(microseconds: 0)))
      }
      if number == 11 {
        builder.append(
          SchemaChange(
            kind: .alter, table: schemas[0].name, before: nil, after: schemas[0], statement: "alter \(seed)"),
          time: EventTime(microseconds: 0), logOffset: 0)
      }
      builder.end(mark: mark)
    }
    return builder.take(position: Position(text: "", token: ""))
  }

  @Test func partsOfSeveralBatchesSayTheSameInTheBatchThatIsMadeOfThem() {
    let batches = (0..<5).map(batch)
    let builder = BatchBuilder()
    var expected: [String] = []
    for first in stride(from: 0, to: 20, by: 3) {
      for (number, batch) in batches.enumerated() {
        let parts = first..<min(20, first + 1 + (first + number) % 3)
        #expect(builder.hasRoom(for: batch))
        builder.append(parts, of: batch) { $0.source = UInt16(number) }
        expected += described(batch)[parts]
      }
    }
    let made = builder.take(position: Position(text: "", token: ""))
    #expect(described(made) == expected)
    #expect(made.transactions.last?.range.upperBound == made.changes.count)
    #expect(Set(made.transactions.map(\.source)) == [0, 1, 2, 3, 4])
    #expect(made.schemas.count == 3)
  }
}
