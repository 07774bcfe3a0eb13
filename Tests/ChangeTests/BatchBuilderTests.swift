import Change
import Testing

@Suite struct BatchBuilderTests {
  private let schema = TableSchema(
    name: TableName(namespace: "shop", table: "orders"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false)),
      ColumnSchema(name: "text", type: .text(length: 0)),
    ], key: [0])

  private func insert(_ id: Int64, into builder: BatchBuilder) {
    let first = UInt32(builder.cells.count)
    builder.cells.append(.int(id))
    let text = builder.text("row \(id)")
    builder.cells.append(text)
    builder.append(
      RowChange(
        operation: .insert, schema: builder.index(of: schema), after: first, time: EventTime(microseconds: id)))
  }

  private func position(_ number: Int) -> Position { Position(text: "\(number)", token: "\(number)") }

  @Test func aBatchHoldsItsTransactionsWithoutAGap() throws {
    let builder = BatchBuilder(byteLimit: 1024)
    for number in 1...3 {
      builder.begin(
        commitTime: EventTime(microseconds: Int64(number)), mark: LogMark(sequence: UInt64(number)),
        identifier: "0-1-\(number)")
      for row in 0..<(number - 1) { insert(Int64(number * 10 + row), into: builder) }
      builder.end(mark: LogMark(sequence: UInt64(number), endOffset: UInt64(number)))
    }
    let batch = builder.take(position: position(3))
    #expect(builder.isEmpty)
    #expect(batch.transactions.map(\.range) == [0..<0, 0..<1, 1..<3])
    #expect(batch.transactions.allSatisfy { $0.begins && $0.ends })
    #expect(batch.transactions.map(batch.identifier(of:)) == ["0-1-1", "0-1-2", "0-1-3"])
    #expect(batch.cells.filter(\.isSlice).map(batch.text(of:)) == ["row 20", "row 30", "row 31"])
    #expect(batch.schemas.count == 1)
    #expect(!batch.endsInsideTransaction)
    #expect(batch.position.text == "3")
  }

  @Test func aTransactionThatIsCutGoesOnInTheNextBatch() throws {
    let builder = BatchBuilder(byteLimit: 1024)
    builder.begin(commitTime: EventTime(microseconds: 5), mark: LogMark(sequence: 7), identifier: "0-1-7")
    var batches: [Batch] = []
    for row in 0..<1000 {
      insert(Int64(row), into: builder)
      if builder.isFull { batches.append(builder.take(position: position(6))) }
    }
    builder.end(commitTime: EventTime(microseconds: 9), mark: LogMark(sequence: 7, endOffset: 99))
    batches.append(builder.take(position: position(7)))
    #expect(batches.count > 10)
    let parts = batches.compactMap(\.transactions.first)
    #expect(parts.count == batches.count)
    #expect(parts.first?.begins == true && parts.dropFirst().allSatisfy { !$0.begins })
    #expect(parts.last?.ends == true && parts.dropLast().allSatisfy { !$0.ends })
    #expect(parts.last?.commitTime == EventTime(microseconds: 9))
    #expect(parts.allSatisfy { $0.mark.sequence == 7 })
    #expect(batches.dropLast().allSatisfy { $0.endsInsideTransaction })
    #expect(batches.dropLast().allSatisfy { $0.position.text == "6" })
    var preceding: UInt64 = 0
    for (batch, part) in zip(batches, parts) {
      #expect(part.preceding == preceding)
      #expect(part.range == 0..<batch.changes.count)
      #expect(batch.identifier(of: part) == "0-1-7")
      preceding += UInt64(part.count)
    }
    let ids = batches.flatMap { batch in batch.changes.map { batch.cells[Int($0.after)].int } }
    #expect(ids == Array(0..<1000))
    #expect(batches.dropLast().allSatisfy { $0.arena.count + $0.cells.count * 16 <= 1024 + 64 })
  }

  @Test func aSmallBatchKeepsLittleMemoryAlive() {
    let builder = BatchBuilder()
    for number in 1...3 {
      builder.begin(commitTime: EventTime(microseconds: 1), mark: LogMark(sequence: 1), identifier: "1")
      insert(Int64(number), into: builder)
      builder.end(mark: LogMark(sequence: 1))
      let batch = builder.take(position: position(number))
      #expect(batch.byteCount < 4096)
      #expect(batch.text(of: batch.cells[1]) == "row \(number)")
    }
  }

  @Test func schemaChangesKeepTheirPlaceAmongTheRows() throws {
    let builder = BatchBuilder()
    builder.begin(commitTime: EventTime(microseconds: 1), mark: LogMark(sequence: 1), identifier: "")
    insert(1, into: builder)
    builder.append(
      SchemaChange(kind: .truncate, table: schema.name, before: schema, after: schema, statement: "TRUNCATE orders"),
      time: EventTime(microseconds: 1), logOffset: 4)
    insert(2, into: builder)
    builder.end(mark: LogMark(sequence: 1))
    let batch = builder.take(position: position(1))
    #expect(batch.changes.map(\.operation) == [.insert, .schema, .insert])
    #expect(batch.schemaChanges[Int(batch.changes[1].row)].kind == .truncate)
    #expect(!batch.changes[1].hasAfter && !batch.changes[1].hasBefore)
  }

  /// A full batch of rows `first`, `first + 1`, …
  private func filled(_ builder: BatchBuilder, from first: Int64) -> Batch {
    builder.begin(commitTime: EventTime(microseconds: 1), mark: LogMark(sequence: 1), identifier: "")
    var row = first
    while !builder.isFull {
      insert(row, into: builder)
      row += 1
    }
    builder.end(mark: LogMark(sequence: 1))
    return builder.take(position: position(1))
  }

  private func address(of batch: Batch) -> UnsafeRawPointer? { batch.arena.withUnsafeBytes(\.baseAddress) }

  @Test func theMemoryOfABatchThatIsGoneIsUsedAgainAndThatOfOneThatLivesIsNot() {
    let builder = BatchBuilder(byteLimit: 4096)
    let kept = filled(builder, from: 0)
    let copy = (arena: Array(kept.arena), cells: Array(kept.cells))
    let shared = filled(builder, from: 1_000).arena
    let sharedCopy = Array(shared[...])
    var addresses: Set<UnsafeRawPointer?> = []
    for round in 2..<50 {
      let batch = filled(builder, from: Int64(round) * 1_000)
      addresses.insert(address(of: batch))
      #expect(batch.cells.first { $0.tag == .text }.map(batch.text(of:)) == "row \(round * 1_000)")
    }
    // How many are in use in turns is the allocator's business, too; 48 would be a new one each time.
    #expect(addresses.count < 24)
    #expect(!addresses.contains(address(of: kept)))
    #expect(kept.arena == copy.arena && kept.cells == copy.cells)
    #expect(shared == sharedCopy)
  }

  @Test func eachBatchNamesItsSchemasAnew() {
    let builder = BatchBuilder()
    let other = TableSchema(name: TableName(namespace: "shop", table: "users"), columns: [], key: [])
    #expect(builder.index(of: schema) == 0 && builder.index(of: other) == 1 && builder.index(of: schema) == 0)
    _ = builder.take(position: position(0))
    #expect(builder.index(of: other) == 0)
  }
}
