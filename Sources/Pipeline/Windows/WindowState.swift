import Change

/// The state of one kind of window: rows come in, panes go out.
///
/// *Determinism*: what is written at an instant, and behind a transaction, depends on the transactions before it alone.
protocol WindowState: AnyObject {
  var groups: GroupIndex { get }
  /// Bytes, in memory and in files.
  var byteCount: Int { get }
  /// Those of them that stay in memory.
  var fixedByteCount: Int { get }
  /// How many windows and groups have a state.
  var entryCount: Int { get }

  /// Takes a row in, in every window that it belongs to, and forgets the group when nothing came of it; calls `late` with the end of each that is gone already.
  func add(
    _ row: AccumulatorLayout.Row, group: UInt32, clock: WindowClock, late: (Int64) throws(Failure) -> Void
  ) throws(Failure)

  /// The next instant of the clock at which something may have to be told; nil: none before more rows come.
  func nextInstant(_ clock: WindowClock) -> Int64?
  /// Tells what is due now that the clock has come to `clock.now`.
  func fire(_ clock: WindowClock, to writer: PaneWriter) throws(Failure)
  /// Tells what the rows of a transaction have brought about.
  func endTransaction(_ clock: WindowClock, to writer: PaneWriter) throws(Failure)
  /// Forgets what the rows of a transaction have brought about: it is told at the end of the snapshot.
  func passOverTransaction() throws(Failure)
  /// Tells what the rows of a snapshot have brought about, from the stored state alone.
  func endSnapshot(_ clock: WindowClock, to writer: PaneWriter) throws(Failure)
  /// Rows come by another version of the table's schema.
  func rebind(_ plan: WindowPlan) throws(Failure)
  func encode(to writer: inout StateWriter) throws(Failure)
  func decode(from reader: inout StateReader) throws(Failure)
}
