import Change
import Pipeline
import SQLRendering
import SQLiteDatabase
import TestRandom
import Testing

@testable import SQLiteConnector

/// What a mode's table must hold after each transaction, kept in the plainest way.
private struct Model {
  struct Version {
    var id: Int64
    var row: Player.Row
    var number: Int
    var from: Int
    var to: Int?
    var isCurrent: Bool
  }

  let kind: TargetMode.Kind
  private var log: [String] = []
  private var versions: [Version] = []
  private var marked: [Int64: (row: Player.Row, deletedAt: Int?)] = [:]

  init(_ kind: TargetMode.Kind) { self.kind = kind }

  mutating func take(_ events: [Player.Event], transaction: Int, second: Int, _ player: Player) {
    switch kind {
    case .mirror: break
    case .append:
      for (index, event) in events.enumerated() {
        let letter = event.before == nil ? "c" : event.after == nil ? "d" : "u"
        guard let shown = event.after ?? event.before else { continue }
        let position = "\(padded(transaction, 16)):\(padded(index, 10)):0-1-\(transaction)"
        log.append("\(player.text(shown.id, shown.row))|'\(letter)'|'\(position)'|\(time(second))")
      }
    case .softDelete:
      for event in events {
        if let before = event.before, before.id != event.after?.id { marked[before.id] = (before.row, second) }
        if let before = event.before, let after = event.after, before.id != after.id { marked[before.id] = nil }
        if let after = event.after { marked[after.id] = (after.row, nil) }
      }
    case .history:
      var touched: Set<Int64> = []
      for event in events {
        if let before = event.before { touched.insert(before.id) }
        if let after = event.after { touched.insert(after.id) }
      }
      for id in touched {
        for index in versions.indices where versions[index].id == id && versions[index].isCurrent {
          versions[index].isCurrent = false
          versions[index].to = second
        }
        guard let row = player.rows[id] else { continue }
        versions.append(Version(id: id, row: row, number: transaction, from: second, to: nil, isCurrent: true))
      }
    }
  }

  func expected(_ player: Player) -> [String] {
    switch kind {
    case .mirror: player.expected
    case .append: log.sorted()
    case .softDelete:
      marked.map { "\(player.text($0, $1.row))|\($1.deletedAt.map(time) ?? "NULL")" }.sorted()
    case .history:
      versions.map {
        "\(player.text($0.id, $0.row))|\($0.number)|\(time($0.from))|\($0.to.map(time) ?? "NULL")|\($0.isCurrent ? 1 : 0)"
      }.sorted()
    }
  }

  private func time(_ second: Int) -> String { "'1970-01-01 00:00:\(padded(second, 2)).000000Z'" }

  private func padded(_ value: Int, _ digits: Int) -> String {
    String(repeating: "0", count: digits - "\(value)".count) + "\(value)"
  }
}

/// Random transactions that are cut into batches anywhere, delivered in groups by sinks that are killed and started again.
@Suite struct RandomModesTests {
  static let kinds = TargetMode.Kind.allCases.filter { $0 != .mirror }

  @Test(arguments: kinds)
  func whateverTheChangesTheirCutsAndTheRestartsTheTableIsWhatTheModeSays(_ kind: TargetMode.Kind) async throws {
    let harness = try SinkHarness()
    for seed in 0..<300 { try await play(UInt64(seed), kind, harness) }
  }

  private func play(_ seed: UInt64, _ kind: TargetMode.Kind, _ harness: SinkHarness) async throws {
    try harness.execute(
      "PRAGMA journal_mode = off; PRAGMA synchronous = off; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS _freshet_sequence; DROP TABLE IF EXISTS _freshet_checkpoint; DROP TABLE IF EXISTS child"
    )
    // A foreign key with an action makes the sink apply each change by itself.
    if seed % 7 == 0 {
      try harness.execute(
        "CREATE TABLE parent (u INTEGER PRIMARY KEY); CREATE TABLE child (u REFERENCES parent ON DELETE CASCADE)")
    }
    defer { _ = Result { try harness.execute("DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS parent") } }
    var player = Player(seed: seed, hasPartialImages: seed % 2 == 1 && kind != .append)
    var model = Model(kind)
    var total = Outcome()
    var sink = try await open(harness, kind)
    var transaction = 0
    for group in 0..<4 {
      let builder = BatchBuilder()
      var batches: [Batch] = []
      for _ in 0..<(1 + player.random.next(below: 4)) {
        transaction += 1
        let second = transaction / 3
        builder.begin(
          commitTime: EventTime(seconds: UInt32(second)), mark: LogMark(sequence: UInt64(transaction)),
          identifier: "0-1-\(transaction)")
        player.events = []
        repeat {
          for _ in 0..<(1 + player.random.next(below: 12)) { player.play(builder) }
          if player.random.next(below: 3) == 0 { batches.append(take(builder, transaction - 1)) }
        } while player.events.isEmpty || player.random.next(below: 3) == 0
        builder.end(mark: LogMark(sequence: UInt64(transaction)))
        if player.random.next(below: 2) == 0 { batches.append(take(builder, transaction)) }
        model.take(player.events, transaction: transaction, second: second, player)
      }
      batches.append(take(builder, transaction))
      if player.random.next(below: 2) == 0 {
        try await write(batches, to: sink, &player)
        await sink.close()
        sink = try await open(harness, kind)
      }
      try await write(batches, to: sink, &player)
      for outcome in try await sink.commit(harness.checkpoint(group)).outcomes.values { total += outcome }
      let rows = try harness.rows("SELECT * FROM items").sorted()
      #expect(rows == model.expected(player), "\(kind), seed \(seed), group \(group)")
      guard rows == model.expected(player) else { break }
    }
    await sink.close()
    #expect(total.quarantined == 0 && total.filtered == 0)
    #expect(total.total == player.changes, "\(kind), seed \(seed)")
  }

  private func open(_ harness: SinkHarness, _ kind: TargetMode.Kind) async throws -> SQLiteSink {
    let sink = harness.sink {
      $0.mode = TargetMode(kind)
      $0.journalMode = "memory"
    }
    _ = try await sink.open()
    return sink
  }

  private func take(_ builder: BatchBuilder, _ transaction: Int) -> Batch {
    builder.take(position: Position(text: "0-1-\(transaction)", token: "{}"))
  }

  /// Part by part, and now and then applied before the transaction's end, as a transaction larger than memory is.
  private func write(_ batches: [Batch], to sink: SQLiteSink, _ player: inout Player) async throws {
    for batch in batches {
      for part in batch.transactions.indices {
        try await sink.write(batch, parts: part..<(part + 1))
        if player.random.next(below: 4) == 0 { try sink.applyAll() }
      }
    }
  }
}
