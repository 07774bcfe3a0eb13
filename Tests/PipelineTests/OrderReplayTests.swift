import Change
import MemoryConnector
import Pipeline
import TestRandom
import Testing

/// After a restart anywhere, what was given downstream comes again in its order, however the sources come.
@Suite(.timeLimit(.minutes(2))) struct OrderReplayTests {
  /// One transaction as it left: its source, its number in the log, and the time that it was given.
  private struct Left: Hashable {
    var lane: Int
    var number: UInt64
    var time: Int64
  }

  private struct Numbers: PositionCoverage {
    func covers(_ mark: LogMark, isSnapshot: Bool, in checkpoint: Position) -> Bool {
      mark.sequence <= UInt64(checkpoint.token) ?? 0
    }
    func hasReached(_ checkpoint: Position, at position: Position) -> Bool {
      UInt64(position.token) ?? 0 >= UInt64(checkpoint.token) ?? 0
    }
  }

  private static let names = ["a", "b", "c"]

  /// Brings logs into one order, in batches and with silences of its own.
  private struct Run {
    var order: CommitOrder
    var left: [Left] = []
    var breaks: [OrderBreak] = []
    /// Where the order is, behind each transaction that ended.
    var places: [VectorPosition] = []
    private let logs: [[Int64]]
    private var random: SeededRandom
    private var next: [Int]

    init(_ logs: [[Int64]], from start: VectorPosition?, replay: OrderReplay, seed: UInt64) {
      self.logs = logs
      random = SeededRandom(seed: seed)
      next = names.map { Int(start?[$0]?.position?.token ?? "0") ?? 0 }
      order = CommitOrder(
        names.enumerated().map { index, name in
          SourceLane(
            index: UInt16(index), name: name, progress: start?[name] ?? SourceProgress(), coverage: Numbers(), now: 0)
        }, watermark: start?.watermark ?? .distantPast, replay: replay)
    }

    /// - Parameter patience: whether no source is let go.
    mutating func go(patience: Bool, limit: Int) throws {
      var now: UInt64 = 0
      for _ in 0..<10_000 where left.count < limit {
        now += 10
        if let lane = logs.indices.randomElement(using: &random), order.lanes[lane].isEmpty, !order.lanes[lane].isEnded
        {
          try bring(lane, now)
        }
        try leave(limit)
        if !patience, Int.random(in: 0..<4, using: &random) == 0 {
          _ = order.findIdle(limit: UInt64.random(in: 5...60, using: &random), now: now)
          try leave(limit)
        }
        if Bool.random(using: &random) { _ = order.advance() }
        if order.isFinished { return }
      }
    }

    private mutating func bring(_ lane: Int, _ now: UInt64) throws {
      let log = logs[lane]
      let end = min(log.count, next[lane] + Int.random(in: 0...5, using: &random))
      let builder = BatchBuilder()
      for number in next[lane]..<end {
        let mark = LogMark(sequence: UInt64(number + 1))
        builder.begin(commitTime: EventTime(microseconds: log[number]), mark: mark, identifier: "", isSnapshot: false)
        MemoryChange.insert(Shop.orders, [.int(Int64(number)), .text("")])
          .append(to: builder, at: EventTime(microseconds: log[number]), offset: 4)
        builder.end(mark: mark)
      }
      let batches = end == next[lane] ? [] : [builder.take(position: Position(text: "\(end)", token: "\(end)"))]
      // A log promises up to before its last; or, when it is at its end, for ever.
      let promise = end > 0 && Bool.random(using: &random) ? log[..<end].max().map { $0 - 1 } ?? 0 : 0
      next[lane] = end
      _ = try order.receive(
        batches, watermark: EventTime(microseconds: promise), isLast: end == log.count && Bool.random(using: &random),
        into: lane, now: now)
    }

    private mutating func leave(_ limit: Int) throws {
      while left.count < limit, let run = order.nextRun() {
        let parts = order.lanes[run.lane].head?.transactions[run.parts] ?? []
        let watermark = order.watermark
        if let place = order.takeBreak(run) { breaks.append(place) }
        for part in parts {
          let time = part.commitTime <= watermark ? watermark.microseconds + 1 : part.commitTime.microseconds
          left.append(Left(lane: run.lane, number: part.mark.sequence, time: time))
        }
        if run.isWholeBatch, Bool.random(using: &random) {
          _ = try order.takeBatch(run)
        } else {
          try order.leave(run)
        }
        // A place between the transactions of a run is none that anything is told at.
        for _ in parts.dropLast() { places.append(VectorPosition(watermark: .distantPast, components: [])) }
        places.append(
          VectorPosition(
            watermark: order.watermark, components: order.lanes.map { .init(name: $0.name, progress: $0.progress) }))
        if Int.random(in: 0..<3, using: &random) == 0 { _ = order.advance() }
      }
    }
  }

  @Test func whatHasLeftLeavesAgainInItsOrder() throws {
    for seed in UInt64(0)..<3000 {
      var random = SeededRandom(seed: seed)
      let logs = OrderReplayTests.names.map { _ in
        var time: Int64 = 100
        return (0..<Int.random(in: 0...40, using: &random)).map { _ in
          time += Int64.random(in: 0...9, using: &random)
          return max(1, time)
        }
      }
      let total = logs.reduce(0) { $0 + $1.count }
      var first = Run(logs, from: nil, replay: OrderReplay(), seed: random.next())
      try first.go(patience: false, limit: Int.random(in: 0...total, using: &random))
      let places = first.places.filter { !$0.components.isEmpty }
      guard let furthest = places.last else { continue }
      let expected = first.left
      var breaks = first.breaks
      var states = places
      // Some restarts: each goes further than the one before, or not as far.
      for _ in 0..<3 {
        guard let state = states.randomElement(using: &random) else { break }
        let from = OrderReplayTests.taken(state)
        let replay = OrderReplay(OrderReplayTests.names, state: state, furthest: furthest, breaks: breaks)
        var again = Run(logs, from: state, replay: replay, seed: random.next())
        try again.go(patience: Bool.random(using: &random), limit: expected.count - from)
        try #require(
          OrderReplayTests.text(again.left) == OrderReplayTests.text(expected[from...]),
          "\(logs) seed \(seed) from \(from) of \(expected.count)")
        breaks = replay.breaks + again.breaks
        states = states.filter { OrderReplayTests.taken($0) >= from }
      }
    }
  }

  private static func text(_ left: some Sequence<Left>) -> String {
    left.map { "\(names[$0.lane])\($0.number)@\($0.time)" }.joined(separator: " ")
  }

  private static func taken(_ place: VectorPosition) -> Int {
    place.components.reduce(0) { $0 + Int($1.progress.count.transactions) }
  }
}
