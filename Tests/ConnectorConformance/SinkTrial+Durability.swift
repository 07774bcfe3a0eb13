import Change
import MemoryConnector
import Pipeline
import Testing

extension SinkTrial {
  private var items: TableSchema { ConformanceSchema.items }

  private func insert(_ ids: ClosedRange<Int>, _ note: String = "new") -> [MemoryChange] {
    ids.map { .insert(items, ConformanceSchema.item($0, note)) }
  }

  func nothingIsVisibleBeforeItsCommit() async throws {
    try await session { session in
      try await session.write(insert(1...3))
      _ = try await session.commit()
      // Several pieces of one transaction, with a reader after each transaction that was written.
      try await session.write(insert(4...2000))
      try await expectSameContent([items])
      try await session.write(insert(2001...2002))
      try await expectSameContent([items])
      _ = try await session.commit()
      try await expectSameContent([items])
    }
  }

  func aSinkResumesAtItsLastCommit() async throws {
    try await session { session in
      expect(session.position == nil, "a fresh target has the position \(session.position?.text ?? "")")
      try await session.write(insert(1...3))
      _ = try await session.commit()
      try await session.write(insert(4...6))
    }
    try await session { session in
      let right: Position? = harness.capabilities.keepsCheckpoint ? MemoryPosition.position(behind: 1) : nil
      expect(session.position == right, "the position is \(session.position?.text ?? "missing") after one commit")
      try await session.write(insert(7...9))
      _ = try await session.commit()
    }
    try await session { session in
      let right: Position? = harness.capabilities.keepsCheckpoint ? MemoryPosition.position(behind: 2) : nil
      expect(session.position == right, "the position is \(session.position?.text ?? "missing") after two commits")
    }
    try await expectSameContent([items])
  }

  func whatWasNotCommittedIsGone() async throws {
    try await session { session in
      try await session.write(insert(1...3))
      _ = try await session.commit()
    }
    // Dropped without close: a crash between write and commit, as far as one process can have it.
    try await abandon { session in
      try await session.write([.delete(items, ConformanceSchema.item(1, "new"))])
      try await session.write(insert(4...500))
    }
    try await expectSameContent([items])
    try await session { session in
      try await session.write(insert(10...12, "after"))
      _ = try await session.commit()
    }
    try await expectSameContent([items])
  }

  private func abandon(_ body: (SinkSession) async throws -> Void) async throws { try await body(open()) }

  func twoOpensReturnTheSamePosition() async throws {
    try await session { session in
      try await session.write(insert(1...3))
      _ = try await session.commit()
    }
    var positions: [Position?] = []
    for _ in 0..<2 { try await session { positions.append($0.position) } }
    let right: Position? = harness.capabilities.keepsCheckpoint ? MemoryPosition.position(behind: 1) : nil
    expect(positions == [right, right], "two opens return \(positions)")
    try await expectSameContent([items])
  }

  func aSecondWriterFencesTheFirst() async throws {
    guard harness.capabilities.keepsCheckpoint else { return }
    let first = try await open()
    try await first.write(insert(1...3))
    _ = try await first.commit()
    let second = try await open()
    expect(second.position == MemoryPosition.position(behind: 1), "the second writer resumes elsewhere")
    var code: Failure.Code?
    do {
      try await first.write(insert(4...6, "of a fenced writer"))
      _ = try await first.commit()
    } catch let failure as Failure {
      code = failure.code
    }
    expect(code == .fenced, "the first writer's commit ends with \(code?.rawValue ?? "success")")
    await first.close()
    try await expectSameContent([items])
    try await second.write(insert(7...9))
    _ = try await second.commit()
    await second.close()
    try await expectSameContent([items])
  }

  func aTransactionLargerThanMemoryStreamsThrough() async throws {
    let text = String(repeating: "0123456789", count: 40)
    try await session { session in
      try await session.write(insert(1...3))
      _ = try await session.commit()
      // 12 MB of cells and text, with 8 MiB of memory.
      try await session.write(insert(4...30_000, text))
      _ = try await session.commit()
    }
    try await expectSameContent([items])
  }

  func emptyTransactionsMoveTheCheckpoint() async throws {
    try await session { session in
      try await session.write(insert(1...3))
      _ = try await session.commit()
      try await session.write([])
      let receipt = try await session.commit()
      expect(receipt.outcomes.values.allSatisfy { $0.total == 0 }, "an empty commit reports \(receipt.outcomes)")
    }
    guard harness.capabilities.keepsCheckpoint else { return }
    try await session { session in
      expect(
        session.position == MemoryPosition.position(behind: 2), "the position is \(session.position?.text ?? "missing")"
      )
    }
    try await expectSameContent([items])
  }
}
