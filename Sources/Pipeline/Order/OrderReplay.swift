import Change

/// What is to leave again as it left before, because a sink has results of windows that follow from it.
///
/// It is a list of places, each a number of transactions of every source. Up to a place the logs say the order, and all
/// sources that have not come there are waited for; from some places on one source comes alone.
package struct OrderReplay: Sendable {
  package struct Goal: Hashable, Sendable {
    var counts: [TransactionCount]
    /// What was promised there.
    var watermark: EventTime
    /// The source that comes next alone, and with how many transactions.
    var lane: Int?
    var transactions: UInt64 = 0
  }

  /// The next one last.
  private var goals: [Goal] = []
  /// Where it ends; nil: there is nothing to replay.
  package let end: VectorPosition?
  /// The breaks in it.
  package let breaks: [OrderBreak]

  /// Whether rows of snapshots wait until it is over: they were not there when what comes again came first.
  let holdsSnapshots: Bool

  /// Nothing is to leave again.
  package init() { (end, breaks, holdsSnapshots) = (nil, [], false) }

  /// What the state of the windows has comes first, and what any sink has before anything else; both in any order.
  /// - Parameter furthest: the place that no sink is beyond.
  init(_ names: [String], through state: VectorPosition, to furthest: VectorPosition) {
    goals = [furthest, state].map { place in
      // More than the state's promise binds only sinks that were ahead.
      Goal(counts: names.map { place[$0]?.count ?? TransactionCount() }, watermark: state.watermark)
    }
    (end, breaks, holdsSnapshots) = (furthest, [], false)
  }

  /// - Parameters:
  ///   - state: where the state of the windows is.
  ///   - furthest: the place that no sink is beyond.
  ///   - breaks: in the order in which they came.
  package init(_ names: [String], state: VectorPosition?, furthest: VectorPosition, breaks: [OrderBreak]) {
    let counts = { (vector: VectorPosition?) in names.map { vector?[$0]?.count ?? TransactionCount() } }
    let (first, last) = (counts(state), counts(furthest))
    var list: [Goal] = []
    if let state { list.append(Goal(counts: first, watermark: state.watermark)) }
    self.breaks = OrderReplay.between(first, last, breaks)
    for place in self.breaks {
      list.append(
        Goal(
          counts: place.counts, watermark: place.watermark, lane: place.lane, transactions: place.transactions))
    }
    list.append(Goal(counts: last, watermark: furthest.watermark))
    goals = list.reversed()
    end = furthest
    holdsSnapshots = true
  }

  /// The breaks, or what there is of them, behind one place and before another: those that were counted from the beginning
  /// from which the first place is.
  package static func between(
    _ first: [TransactionCount], _ last: [TransactionCount], _ breaks: [OrderBreak]
  ) -> [OrderBreak] {
    breaks.compactMap { place in
      guard zip(place.counts, first).allSatisfy({ $0.epoch == $1.epoch }) else { return nil }
      guard isReached(place.counts, at: last), isReached(first, at: place.end) else { return nil }
      var place = place
      let lane = place.lane
      // The first place may lie among the transactions that came alone.
      if let passed = first[lane].distance(from: place.counts[lane]), passed > 0 {
        place.transactions -= min(place.transactions, UInt64(passed))
        place.counts = first
      }
      if let rest = last[lane].distance(from: place.counts[lane]) {
        place.transactions = min(place.transactions, UInt64(max(0, rest)))
      }
      return place.transactions > 0 ? place : nil
    }
  }

  /// Whether all sources that were counted from one beginning have come to a place.
  private static func isReached(_ place: [TransactionCount], at counts: [TransactionCount]) -> Bool {
    zip(place, counts).allSatisfy { mine, other in other.distance(from: mine).map { $0 >= 0 } ?? true }
  }

  package var isOver: Bool { goals.isEmpty }

  /// How many transactions of a source may leave before something else has to.
  func remaining(_ lane: Int, _ count: TransactionCount) -> UInt64 {
    guard let goal = goals.last else { return .max }
    if goal.lane == lane, goal.counts.isEmpty { return goal.transactions }
    guard goal.counts.indices.contains(lane), let rest = goal.counts[lane].distance(from: count) else { return 0 }
    return UInt64(max(0, rest))
  }

  /// Whether a source comes alone now.
  func isAlone(_ lane: Int) -> Bool { goals.last.map { $0.counts.isEmpty && $0.lane == lane } ?? false }

  /// Passes over the places to which the sources have come.
  /// - Parameter left: how many transactions have left of a source that comes alone, since the last call.
  /// - Returns: what was promised there; nil: they are still on their way.
  mutating func pass(_ counts: [TransactionCount], left: (lane: Int, transactions: UInt64)? = nil) -> EventTime? {
    var promised: EventTime?
    if let left, let goal = goals.last, goal.counts.isEmpty, goal.lane == left.lane {
      goals[goals.count - 1].transactions -= min(goal.transactions, left.transactions)
    }
    while let goal = goals.last {
      if goal.counts.isEmpty {
        guard goal.transactions == 0 else { return promised }
        goals.removeLast()
        continue
      }
      guard OrderReplay.isReached(goal.counts, at: counts) else { return promised }
      promised = max(promised ?? .distantPast, goal.watermark)
      if goal.lane == nil { goals.removeLast() } else { goals[goals.count - 1].counts = [] }
    }
    return promised
  }
}
