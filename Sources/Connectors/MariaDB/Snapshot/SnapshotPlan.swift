internal import Change

/// What a snapshot of this run must read, decided from the sinks' checkpoints.
///
/// *Exactly once.* A sink's checkpoint inside a snapshot says: the rows in its ranges D are as the log has them at P,
/// and no other row is there. A resumed snapshot opens a new view at P' behind P. First the log from P to P' is
/// delivered for rows in D alone, whose keys are compared exactly as the server orders them; then D holds what the
/// view shows of it. The rows outside D are read under the view, so each is delivered once, as of P'; the log from P'
/// on concerns all rows. A batch's checkpoint is stored with its rows in one step, so D is never more or less than
/// what a sink has.
///
/// *Several sinks*, and what a pipeline keeps beside them, may have stopped with different D. As they received one sequence
/// of batches, the largest contains the others. The smallest is brought level with it alone: it gets the log for its D and
/// then exactly the rows that the largest has more. Meanwhile everything is covered for the others
/// (`MariaDBPositions.beginLevelling`) and none of their checkpoints moves. Then the attempt ends with a failure that the pipeline retries; the next one finds the same D
/// everywhere, and only places of the log that differ, which is the ordinary catching up. A new sink beside a
/// complete one is the case D = nothing.
struct SnapshotPlan {
  /// What the sinks that this run feeds have; nil: nothing.
  var base: MariaDBPosition?
  /// What the sinks of the highest rank have, when this run only brings others level with them.
  var target: MariaDBPosition?
  /// Behind every `levelStep` that a sink has stored of the snapshot's same step: a rank stands for the same rows always.
  var levelStep: UInt64 = 0
  /// Those of sinks that this run does not bring level.
  private var others: [SnapshotRank] = []
  var rank: SnapshotRank
  var isLevelling: Bool
  /// The sinks may hold rows of an earlier time: each table is emptied first.
  var emptiesTables = false

  /// For sinks whose checkpoint the log no longer has.
  static let anew = SnapshotPlan(emptiesTables: true)

  private init(emptiesTables: Bool) {
    rank = .nothing
    isLevelling = false
    self.emptiesTables = emptiesTables
  }

  /// - Returns: nil when there is nothing to read: the stream goes on from the checkpoints, or from `start`.
  init?(_ checkpoints: [MariaDBPosition?], _ options: MariaDBSourceOptions) throws(Failure) {
    let ranks = checkpoints.map(SnapshotRank.init)
    guard let least = ranks.min(), least != .complete else { return nil }
    let isPartial = ranks.contains { $0 != .nothing && $0 != .complete }
    if options.snapshotMode == .never || (options.start != nil && ranks.allSatisfy { $0 == .nothing }) {
      guard !isPartial else {
        throw Failure(
          .configuration, "a sink stopped inside a snapshot, and the source is told to take none",
          hint: "set snapshot: initial until the snapshot is complete, or reset that sink")
      }
      return nil
    }
    rank = least
    base = try MariaDBPositions.smallest(zip(checkpoints, ranks).compactMap { $1 == least ? $0 : nil })
    guard let top = ranks.max(), top > least else {
      isLevelling = false
      return
    }
    isLevelling = true
    others = ranks.filter { $0 != least }
    target = try MariaDBPositions.smallest(zip(checkpoints, ranks).compactMap { $1 == top ? $0 : nil })
    let step = base?.snapshot?.step ?? 0
    levelStep = checkpoints.compactMap { $0?.snapshot }.filter { $0.step == step }.map(\.levelStep).max() ?? 0
    if let snapshot = target?.snapshot, snapshot.step == step { throw SnapshotPlan.lost }
  }

  /// Both were on their way to a third one, which is not there any more.
  private static var lost: Failure {
    Failure(
      .identity, "two sinks were being brought level with a third one in a snapshot, which is not there any more",
      hint: "reset these sinks, or name the third one in the pipeline again")
  }

  /// Whether a sink that has stored this is still to be brought level.
  func isBehind(_ checkpoint: MariaDBPosition?) -> Bool { !others.contains(SnapshotRank(checkpoint)) }

  /// The ranges of a table that this run reads at most; nil: all of it.
  func limit(_ table: TableName) -> [SnapshotState.Range]? {
    guard let state = target?.snapshot, !state.isDone(table) else { return nil }
    return state.table(table)?.ranges ?? []
  }
}
