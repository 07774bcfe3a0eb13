import Change
import Flow
import Foundation
import MemoryConnector
import Pipeline
import Synchronization
import TestRandom

/// A log that a `SnapshotSource` reads: each time it is begun, more of it is there.
final class SnapshotLog: Sendable {
  static let buckets = 24

  private struct State {
    var transactions: [MemoryTransaction]
    var visible: Int
    var random: SeededRandom
    var inside = 0
  }

  private let state: Mutex<State>
  /// What the log holds of a change.
  let images: RememberTests.Images
  /// How long the source waits before it begins, between two chunks, and before the log; in nanoseconds.
  struct Pauses {
    var start: UInt64 = 0
    var chunk: UInt64 = 0
    var log: UInt64 = 0
  }
  let pauses: Mutex<Pauses>

  init(
    _ transactions: [MemoryTransaction], visible: Int, images: RememberTests.Images, seed: UInt64,
    pauses: Pauses = Pauses()
  ) {
    self.pauses = Mutex(pauses)
    state = Mutex(State(transactions: transactions, visible: visible, random: SeededRandom(seed: seed)))
    self.images = images
  }

  func pause(_ kind: KeyPath<Pauses, UInt64>) async throws {
    let nanoseconds = pauses.withLock { $0[keyPath: kind] }
    if nanoseconds > 0 { try await Task.sleep(nanoseconds: nanoseconds) }
  }

  /// What can be read now.
  var transactions: [MemoryTransaction] { state.withLock { Array($0.transactions[..<$0.visible]) } }
  /// How many runs went on inside a snapshot.
  var resumedInside: Int { state.withLock { $0.inside } }

  func noteInside() { state.withLock { $0.inside += 1 } }

  func grow() { state.withLock { $0.visible = min($0.transactions.count, $0.visible + number(0...6, &$0)) } }

  func complete() { state.withLock { $0.visible = $0.transactions.count } }

  func append(_ transaction: MemoryTransaction) {
    state.withLock { state in
      state.transactions.append(transaction)
      state.visible = state.transactions.count
    }
  }

  func number(_ range: ClosedRange<Int>) -> Int { state.withLock { number(range, &$0) } }

  func shuffled(_ numbers: [Int]) -> [Int] { state.withLock { numbers.shuffled(using: &$0.random) } }

  private func number(_ range: ClosedRange<Int>, _ state: inout State) -> Int {
    Int.random(in: range, using: &state.random)
  }

  /// Where a row is in the snapshot's order.
  static func bucket(_ row: [MemoryValue]) -> Int {
    if case .int(let id) = row[0] { Int(id) % buckets } else { 0 }
  }
}

/// A place in a log of transactions, with what a snapshot has read until there.
struct SnapshotPlace: Codable {
  struct Snapshot: Codable {
    var step = 0
    var level = 0
    var buckets: [Int] = []
  }

  var count: Int
  var snapshot: Snapshot?

  init(count: Int, snapshot: Snapshot?) { (self.count, self.snapshot) = (count, snapshot) }

  init(_ position: Position) throws(Failure) {
    do {
      self = try JSONDecoder().decode(SnapshotPlace.self, from: Data(position.token.utf8))
    } catch {
      throw Failure(.corruptState, "a position of a test makes no sense: \(position.token)")
    }
  }

  func position() throws -> Position {
    Position(text: "\(count)", token: String(decoding: try JSONEncoder().encode(self), as: UTF8.self))
  }

  /// Of two places with one rank the same rows of the snapshot were read.
  static func rank(_ place: SnapshotPlace?) -> [Int] {
    guard let place else { return [0, 0] }
    return place.snapshot.map { [$0.step, $0.level] } ?? [.max, 0]
  }
}

/// The arithmetic of these places.
final class SnapshotCoverage: PositionCoverage {
  private let levelled = Mutex<[Int]?>(nil)

  func beginLevelling(_ rank: [Int]) { levelled.withLock { $0 = rank } }

  func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) throws(Failure) -> Bool {
    let place = try SnapshotPlace(checkpoint)
    if let levelled = levelled.withLock(\.self), SnapshotPlace.rank(place) != levelled { return true }
    return isSnapshot ? place.snapshot == nil : mark.sequence <= UInt64(place.count)
  }

  func hasReached(_ checkpoint: Position, at position: Position) throws(Failure) -> Bool {
    let (mine, reached) = (try SnapshotPlace(checkpoint), try SnapshotPlace(position))
    let rank = SnapshotPlace.rank(mine)
    if let levelled = levelled.withLock(\.self), rank != levelled { return false }
    return reached.count >= mine.count && !SnapshotPlace.rank(reached).lexicographicallyPrecedes(rank)
  }

  var mayBeginWithSnapshot: Bool { true }
  func isInsideSnapshot(_ position: Position) throws(Failure) -> Bool { try SnapshotPlace(position).snapshot != nil }
}

/// A source that takes a snapshot as the real ones do: what is missing is read at the log's end of the moment, in an order
/// of its own each time, behind the log of what was read before; and sinks at different places are brought level first.
struct SnapshotSource: Source {
  let log: SnapshotLog
  private let arithmetic = SnapshotCoverage()

  init(log: SnapshotLog) { self.log = log }

  var coverage: any PositionCoverage { arithmetic }

  func run(from checkpoints: [Position?], into output: any SourceOutput, control: SourceControl) async throws {
    log.grow()
    try await log.pause(\.start)
    var places: [SnapshotPlace?] = []
    for checkpoint in checkpoints { places.append(try checkpoint.map(SnapshotPlace.init)) }
    let ranks = places.map(SnapshotPlace.rank).sorted { $0.lexicographicallyPrecedes($1) }
    guard let least = ranks.first, let top = ranks.last else { return }
    if ranks.contains(where: { $0[0] != .max && $0[0] > 0 }) { log.noteInside() }
    var start = places.compactMap { $0?.count }.min() ?? 0
    if least != [.max, 0] {
      let group = places.filter { SnapshotPlace.rank($0) == least }
      if top != least { arithmetic.beginLevelling(least) }
      let target = top == least ? nil : places.compactMap(\.self).first { SnapshotPlace.rank($0) == top }
      start = try await snapshot(
        group.compactMap(\.self).min { $0.count < $1.count }, until: target, places.compactMap(\.self), output)
      if top != least {
        try await endLevelling(ranks.filter { $0 != least }, control) {
          try await sendEnd(behind: start, target?.snapshot, output)
        }
      }
    }
    try await log.pause(\.log)
    log.grow()
    try await stream(from: start, output)
  }

  /// - Returns: the place of the view.
  private func snapshot(
    _ base: SnapshotPlace?, until target: SnapshotPlace?, _ places: [SnapshotPlace], _ output: any SourceOutput
  ) async throws -> Int {
    var state = base?.snapshot ?? SnapshotPlace.Snapshot()
    let transactions = log.transactions
    if let base { try await catchUp(transactions, from: base.count, state, output) }
    var rows: [MemoryValue: [MemoryValue]] = [:]
    for change in transactions.flatMap(\.changes) {
      switch change {
      case .insert(_, let row), .update(_, _, let row): rows[row[0]] = row
      case .delete(_, let row): rows[row[0]] = nil
      default: break
      }
    }
    let wanted = target?.snapshot?.buckets ?? Array(0..<SnapshotLog.buckets)
    let isLevelling = target != nil
    if isLevelling {
      state.level = places.compactMap(\.snapshot).filter { $0.step == state.step }.map(\.level).max() ?? 0
    }
    let time = transactions.last?.commitTime ?? EventTime(microseconds: 0)
    var missing = log.shuffled(wanted.filter { !state.buckets.contains($0) })
    while !missing.isEmpty {
      let chunk = missing.prefix(log.number(1...4))
      missing.removeFirst(chunk.count)
      state.buckets += chunk
      if isLevelling { state.level += 1 } else { state.step += 1 }
      try await log.pause(\.chunk)
      let changes = rows.values.filter { chunk.contains(SnapshotLog.bucket($0)) }
        .map { MemoryChange.read(WindowTrial.orders, $0) }
      try await send(
        [MemoryTransaction(at: time, changes, isSnapshot: true)], behind: transactions.count, state, output)
    }
    try await sendEnd(behind: transactions.count, isLevelling ? target?.snapshot : nil, output)
    return transactions.count
  }

  private func sendEnd(
    behind count: Int, _ state: SnapshotPlace.Snapshot?, _ output: any SourceOutput
  ) async throws {
    let time = count > 0 ? log.transactions[count - 1].commitTime : EventTime(microseconds: 0)
    try await send([MemoryTransaction(at: time, [], isSnapshot: true)], behind: count, state, output)
  }

  /// Sends of the log what concerns the rows that were read.
  private func catchUp(
    _ transactions: [MemoryTransaction], from start: Int, _ state: SnapshotPlace.Snapshot, _ output: any SourceOutput
  ) async throws {
    for number in start..<max(start, transactions.count) {
      var transaction = transactions[number]
      transaction.changes.removeAll { change in
        switch change {
        case .insert(_, let row), .update(_, _, let row), .delete(_, let row):
          !state.buckets.contains(SnapshotLog.bucket(row))
        default: false
        }
      }
      try await send([transaction], behind: number + 1, state, output)
    }
  }

  private func stream(from start: Int, _ output: any SourceOutput) async throws {
    let transactions = log.transactions
    var next = start
    while next < transactions.count {
      let end = min(transactions.count, next + log.number(1...4))
      try await send(Array(transactions[next..<end]), behind: end, nil, output)
      output.advance(to: EventTime(microseconds: transactions[end - 1].commitTime.microseconds - 1))
      next = end
    }
  }

  private func send(
    _ transactions: [MemoryTransaction], behind end: Int, _ state: SnapshotPlace.Snapshot?, _ output: any SourceOutput
  ) async throws {
    let builder = BatchBuilder()
    for (index, transaction) in transactions.enumerated() {
      let number = UInt64(end - transactions.count + index + 1)
      let mark = LogMark(sequence: transaction.isSnapshot ? 0 : number, endOffset: number)
      builder.begin(
        commitTime: transaction.commitTime, mark: mark, identifier: "", isSnapshot: transaction.isSnapshot)
      for change in transaction.changes {
        log.images.reduced(change).append(to: builder, at: transaction.commitTime, offset: number)
      }
      builder.logBytes += transaction.changes.count
      builder.end(mark: mark)
    }
    try await output.send(builder.take(position: try SnapshotPlace(count: end, snapshot: state).position()))
  }

  /// Who has not stored the end in time is levelled once more, and is told the end again before.
  private func endLevelling(
    _ others: [[Int]], _ control: SourceControl, remind: () async throws -> Void
  ) async throws {
    var stored = control.checkpoints()
    var (moved, reminded) = (MonotonicTime.now(), MonotonicTime.now())
    while try stored.contains(where: { try !others.contains(SnapshotPlace.rank($0.map(SnapshotPlace.init))) }),
      MonotonicTime.now() < moved + 5_000_000_000
    {
      try await Task.sleep(nanoseconds: 200_000)
      let now = control.checkpoints()
      if now != stored { (stored, moved) = (now, MonotonicTime.now()) }
      guard MonotonicTime.now() > reminded + 50_000_000 else { continue }
      try await remind()
      reminded = MonotonicTime.now()
    }
    throw Failure(.busy, "who was behind is level")
  }
}

struct SnapshotSourceDefinition: SourceDefinition {
  let log: SnapshotLog

  func makeSource(_ context: ConnectorContext) throws -> any Source { SnapshotSource(log: log) }

  func plan(_ context: ConnectorContext) async throws -> SourcePlan {
    SourcePlan(server: "test", tables: [], start: "0", end: "0", warnings: [])
  }
}
