import Change

/// A window's notion of time: the log's clock, and the watermark that follows from it or from the rows.
///
/// *Ordering*: neither goes back. Both are functions of the log alone; no clock of this machine is read. *Several sources*:
/// the watermark over a column is the least of those of the sources that are waited for.
struct WindowClock {
  /// What is known of the rows of one source.
  struct SourceTimes: BitwiseCopyable {
    /// The latest event time seen.
    var latest = Int64.min
    /// What its rows say: no change with an event time at or before it is on time any more.
    var watermark = Int64.min
    /// When its last change of the table was committed.
    var lastChange = Int64.min
  }

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
  /// The latest event time of the open transaction.
  private var latest = Int64.min
  /// When the first change of the table was committed.
  private(set) var firstChange = Int64.min
  /// By source. A pointer, because the clock is handed on for every row, and a reference would be counted each time; the
  /// window that made the clock outlives its copies, and frees it.
  private let sources: UnsafeMutableBufferPointer<SourceTimes>

  init(_ definition: WindowDefinition, sources count: Int) {
    maximumDelay = definition.maximumDelay
    idleAfter = definition.idleAfter
    isCommitTime = definition.eventTime == nil
    ownLateness = definition.allowedLateness
    sources = .allocate(capacity: count)
    sources.initialize(repeating: SourceTimes())
  }

  /// Frees what the clock and its copies share. None is used any more.
  func free() { sources.deallocate() }

  subscript(source: Int) -> SourceTimes {
    get { sources[source] }
    nonmutating set { sources[source] = newValue }
  }

  mutating func restore(now: Int64, watermark: Int64, firstChange: Int64) {
    (self.now, self.watermark, self.firstChange) = (now, watermark, firstChange)
  }

  @inline(__always) mutating func see(_ time: Int64) { latest = max(latest, time) }

  /// Rows come in the order of time again: what they have said meanwhile holds. Every row that was there was seen, so what
  /// is still to come lies no more than the delay before the latest of them.
  mutating func endSnapshot(at instant: Int64) {
    isInsideSnapshot = false
    for source in sources.indices { raise(&sources[source]) }
    advance(to: instant)
    if !isCommitTime { raise() }
  }

  /// Raises what the rows of one source say of those that are still to come.
  private func raise(_ times: inout SourceTimes) {
    guard !isCommitTime, times.latest != .min else { return }
    times.watermark = max(times.watermark, times.latest - maximumDelay - 1)
  }

  /// The clock moves on; so does the watermark where it is the clock, or where nothing has come for long.
  mutating func advance(to instant: Int64) {
    now = max(now, instant)
    if isCommitTime { watermark = now } else if idleAfter != nil { raise() }
  }

  /// A transaction with rows of the table has ended; rows of a snapshot come in the order of their keys, and say
  /// nothing about what is still to come before all have.
  mutating func endTransaction(at commit: Int64, isSnapshot: Bool, source: Int) {
    var times = sources[source]
    times.lastChange = max(times.lastChange, commit)
    times.latest = max(times.latest, latest)
    latest = .min
    firstChange = firstChange == .min ? commit : firstChange
    if !isSnapshot { raise(&times) }
    sources[source] = times
    if !isCommitTime, !isSnapshot, !isInsideSnapshot { raise() }
  }

  /// Raises the watermark to the least that is true of all sources that are waited for.
  private mutating func raise() {
    guard firstChange != .min else { return }
    var least = Int64.max
    for times in sources {
      guard let silentAt = silentInstant(times) else { continue }
      least = min(least, now >= silentAt ? max(times.watermark, now - maximumDelay - 1) : times.watermark)
    }
    if least != .max { watermark = max(watermark, least) }
  }

  /// When a source has been silent for so long that the clock speaks for it, the latest instant of all where it never does;
  /// nil: the source is not waited for, since no row of the table has ever come from it, and nothing says for how long one
  /// should wait.
  private func silentInstant(_ times: SourceTimes) -> Int64? {
    guard let idleAfter else { return times.lastChange == .min ? nil : .max }
    return (times.lastChange == .min ? firstChange : times.lastChange) + idleAfter
  }

  /// When the clock alone brings the watermark to `time`; nil when it never does.
  func instant(ofWatermark time: Int64) -> Int64? {
    if isCommitTime { return time }
    guard idleAfter != nil, firstChange != .min else { return nil }
    var instant = time + maximumDelay + 1
    for times in sources where times.watermark < time {
      if let silentAt = silentInstant(times) { instant = max(instant, silentAt) }
    }
    return instant
  }
}
