import Change

/// A window's notion of time: the log's clock, and the watermark that follows from it or from the rows.
///
/// *Ordering*: neither goes back. Both are functions of the log alone; no clock of this machine is read.
struct WindowClock {
  let maximumDelay: Int64
  let idleAfter: Int64?
  let isCommitTime: Bool
  /// For how long behind the watermark a row is taken in.
  var allowedLateness: Int64 { isInsideSnapshot ? WindowClock.forEver : ownLateness }
  private let ownLateness: Int64
  /// No sum of it and an event time overflows.
  private static let forEver = Int64.max / 4
  /// Rows come in no order of time: the watermark stays, and none is late.
  var isInsideSnapshot = false

  /// Every change committed at or before it has been seen.
  private(set) var now = Int64.min
  /// No change with an event time at or before it is on time any more.
  private(set) var watermark = Int64.min
  /// The latest event time seen.
  private(set) var latest = Int64.min
  /// When the last change of the table was committed.
  private(set) var lastChange = Int64.min

  init(_ definition: WindowDefinition) {
    maximumDelay = definition.maximumDelay
    idleAfter = definition.idleAfter
    isCommitTime = definition.eventTime == nil
    ownLateness = definition.allowedLateness
  }

  mutating func restore(now: Int64, watermark: Int64, latest: Int64, lastChange: Int64) {
    (self.now, self.watermark, self.latest, self.lastChange) = (now, watermark, latest, lastChange)
  }

  @inline(__always) mutating func see(_ time: Int64) { latest = max(latest, time) }

  /// The clock moves on; so does the watermark where it is the clock, or where nothing has come for long.
  mutating func advance(to instant: Int64) {
    now = max(now, instant)
    if isCommitTime {
      watermark = now
    } else if let idleAfter, lastChange != .min, now >= lastChange + idleAfter {
      watermark = max(watermark, now - maximumDelay - 1)
    }
  }

  /// A transaction with rows of the table has ended; rows of a snapshot come in the order of their keys, and say
  /// nothing about what is still to come.
  mutating func endTransaction(at commit: Int64, isSnapshot: Bool) {
    lastChange = max(lastChange, commit)
    guard !isCommitTime, !isSnapshot, !isInsideSnapshot, latest != .min else { return }
    watermark = max(watermark, latest - maximumDelay - 1)
  }

  /// When the clock alone brings the watermark to `time`; nil when it never does.
  func instant(ofWatermark time: Int64) -> Int64? {
    if isCommitTime { return time }
    guard let idleAfter, lastChange != .min else { return nil }
    return max(time + maximumDelay + 1, lastChange + idleAfter)
  }
}
