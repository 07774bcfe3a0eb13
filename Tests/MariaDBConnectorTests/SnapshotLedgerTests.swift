import Change
import TestRandom
import Testing

@testable import MariaDBConnector

/// What the ledger says was read is exactly what was handed over, however the workers' chunks interleave.
struct SnapshotLedgerTests {
  private static let names = ["a", "b", "c"].map { TableName(namespace: "s", table: $0) }
  private static let keys = 60

  /// A chunk that a worker is reading, and the last key that it handed over.
  private struct Reading {
    var chunk: SnapshotChunk
    var at: Int
  }

  private static func key(_ number: Int) -> SnapshotState.Key { [String(number)] }
  private static func number(_ key: SnapshotState.Key?, _ open: Int) -> Int { key.flatMap { Int($0[0]) } ?? open }

  /// The keys of a range; keys run from 1 through `keys`.
  private static func members(_ range: SnapshotState.Range) -> ClosedRange<Int>? {
    let first = number(range.after, 0) + 1
    let last = number(range.through, keys)
    return first <= last ? first...last : nil
  }

  private static func read(_ state: SnapshotState, _ name: TableName) -> Set<Int> {
    if state.isDone(name) { return Set(1...keys) }
    return Set((state.table(name)?.ranges ?? []).compactMap(members).joined())
  }

  @Test(arguments: 0..<200) func `any interleaving and any restart keeps exact account`(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var handed: [TableName: Set<Int>] = [:]
    var state: SnapshotState?
    for _ in 0..<6 {
      var ledger = SnapshotLedger(state, names: SnapshotLedgerTests.names, isLevelling: false)
      var pending = SnapshotLedgerTests.names.flatMap { SnapshotLedgerTests.chunks($0, ledger, &random) }[...]
      var readings: [Reading] = []
      for _ in 0..<Int.random(in: 5...60, using: &random) {
        if readings.count < 4, let chunk = pending.popFirst() {
          readings.append(Reading(chunk: chunk, at: SnapshotLedgerTests.number(chunk.range.after, 0)))
        }
        guard let index = readings.indices.randomElement(using: &random) else { break }
        let reading = readings[index]
        let last = SnapshotLedgerTests.number(reading.chunk.range.through, SnapshotLedgerTests.keys)
        let next = reading.at + Int.random(in: 1...4, using: &random)
        if reading.at + 1 <= min(next, last) {
          handed[reading.chunk.table, default: []].formUnion((reading.at + 1)...min(next, last))
        }
        if next < last {
          ledger.advance(reading.chunk, through: SnapshotLedgerTests.key(next), rows: 1)
          readings[index].at = next
        } else {
          ledger.finish(reading.chunk, rows: max(0, last - reading.at))
          readings.remove(at: index)
        }
        for name in SnapshotLedgerTests.names {
          #expect(SnapshotLedgerTests.read(ledger.state, name) == handed[name] ?? [])
        }
      }
      state = ledger.state
    }
  }

  /// What is missing of a table, cut at random boundaries.
  private static func chunks(
    _ name: TableName, _ ledger: SnapshotLedger, _ random: inout SeededRandom
  ) -> [SnapshotChunk] {
    var chunks: [SnapshotChunk] = []
    for gap in ledger.gaps(name) {
      var chunk = SnapshotChunk(table: name, keyColumns: ["id"], range: gap.range, order: gap.order)
      while let members = members(chunk.range), members.count > 1, Int.random(in: 0..<4, using: &random) > 0 {
        // A boundary may be the gap's own end: what is left behind it is empty.
        let last = chunk.range.through == nil ? members.upperBound - 1 : members.upperBound
        let boundary = key(Int.random(in: members.lowerBound...last, using: &random))
        var first = chunk
        first.range.through = boundary
        chunks.append(first)
        chunk.range.after = boundary
        chunk.order += 1
      }
      chunks.append(chunk)
    }
    return chunks
  }
}
