import Change
import Expressions

/// One entry of `windows:` at work: takes the rows of its table in, and tells its results when they are due.
///
/// *Thread*: one at a time.
final class WindowOperator {
  let definition: WindowDefinition
  var clock: WindowClock
  /// Nil while no row of the table has come.
  private(set) var plan: WindowPlan?
  private(set) var state: (any WindowState)?
  /// How many rows were taken in: their order in the log.
  var order: Int64 = 0
  /// How many changes came too late.
  var lateCount: Int64 = 0

  private let budget: StateBudget
  /// Makes whole rows, where the window remembers what its table holds.
  let completion: RowCompletion?
  /// The batch with whole rows, until its parts were taken in.
  private var completed: Batch?
  /// What is taken in, where late changes are set aside.
  private(set) var late: LateChange?

  private let scratch = ScratchArena()
  /// By schema of the batch, whether its rows are the window's.
  @exclusivity(unchecked) private var isOurs: [Bool] = []
  @exclusivity(unchecked) private var after: [UInt32] = []
  @exclusivity(unchecked) private var before: [UInt32] = []
  @exclusivity(unchecked) private var nextAfter = 0
  @exclusivity(unchecked) private var nextBefore = 0
  private let key = GroupKeyBuffer()
  // What every row needs of the plan and the state.
  @exclusivity(unchecked) private var needed: [Int] = []
  @exclusivity(unchecked) private var groupColumns: [Int] = []
  @exclusivity(unchecked) private var groups: GroupIndex
  /// Whether the open transaction has rows of the table.
  private var hasRows = false
  private var isComputed = false

  /// - Parameter sources: how many the pipeline has.
  init(_ definition: WindowDefinition, sources: Int, _ budget: StateBudget) {
    self.definition = definition
    self.budget = budget
    groups = GroupIndex(budget)
    clock = WindowClock(definition, sources: sources)
    completion = definition.remembers ? RowCompletion(window: definition.name, budget) : nil
  }

  deinit { clock.free() }

  /// Bytes of the state, in memory and in files.
  var byteCount: Int { (state?.byteCount ?? 0) + (completion?.byteCount ?? 0) }

  func adopt(_ plan: WindowPlan, _ state: any WindowState) {
    (self.plan, self.state) = (plan, state)
    (needed, groupColumns, groups) = (plan.needed, plan.groupColumns, state.groups)
    isComputed = plan.measures.contains { $0.evaluator != nil }
  }

  func state(for plan: WindowPlan) -> any WindowState {
    if case .session(let gap) = plan.definition.kind { return SessionWindows(plan, gap: gap, budget) }
    return FixedWindows(plan, budget)
  }

  /// Makes ready for the rows of a batch.
  func prepare(_ batch: Batch) throws(Failure) {
    for change in batch.schemaChanges { try check(change) }
    completed = nil
    find(in: batch)
    guard isOurs.contains(true) else { return }
    for (index, schema) in batch.schemas.enumerated() where isOurs[index] { try bind(schema) }
    (nextAfter, nextBefore) = (0, 0)
    guard let completion else { return try compute(batch) }
    let whole = try completion.complete(batch, isOurs)
    find(in: whole)
    completed = whole
    try compute(whole)
  }

  private func find(in batch: Batch) {
    isOurs.removeAll(keepingCapacity: true)
    for schema in batch.schemas { isOurs.append(schema.name == definition.from) }
  }

  /// Computes the arguments of the aggregates.
  private func compute(_ batch: Batch) throws(Failure) {
    guard let plan, isComputed else { return }
    after.removeAll(keepingCapacity: true)
    before.removeAll(keepingCapacity: true)
    for (index, change) in batch.changes.enumerated() where change.operation != .schema && isOurs[Int(change.schema)] {
      if change.hasBefore { before.append(UInt32(index)) }
      if change.hasAfter { after.append(UInt32(index)) }
    }
    scratch.removeAll()
    for measure in plan.measures {
      try measure.evaluate(batch, after: after, before: before, scratch)
    }
  }

  private func check(_ change: SchemaChange) throws(Failure) {
    guard change.table == definition.from, change.kind == .truncate || change.kind == .rename else { return }
    let what =
      change.kind == .truncate ? "was emptied by one statement: its rows are gone without a word" : "was renamed"
    throw Failure(
      .schemaChange, "the table of window \"\(definition.name)\" \(what)", at: "table \"\(definition.from)\"",
      hint: "begin anew: remove windows.state from the state directory, and the tables and checkpoints of the sinks")
  }

  private func bind(_ table: TableSchema) throws(Failure) {
    var schema = table
    if let completion {
      let names =
        completion.schema == nil ? try WindowPlan(definition, table).lateColumns.map { table.columns[$0].name } : []
      schema = try completion.bind(table, names)
    }
    guard let old = plan else {
      let plan = try WindowPlan(definition, schema)
      return adopt(plan, state(for: plan))
    }
    guard old.schema !== schema else { return }
    let plan = try WindowPlan(definition, schema)
    guard plan.result.columns == old.result.columns, plan.lateTable?.columns == old.lateTable?.columns else {
      throw Failure(
        .schemaMismatch, "a column that window \"\(definition.name)\" uses has another type now",
        at: "table \"\(schema.name)\"", hint: "begin the window anew under another name")
    }
    plan.keepTables(of: old)
    guard let state else { return }
    try state.rebind(plan)
    adopt(plan, state)
  }

  /// Takes the rows of a part of a transaction in.
  func take(_ part: TransactionPart, _ batch: Batch, to writer: PaneWriter) throws(Failure) {
    guard isOurs.contains(true), let plan, let state else { return }
    let source = batch
    let batch = completed ?? batch
    // What comes behind another source's later commit counts where the order puts it: what the clock has passed is told.
    let time = max(part.commitTime.microseconds, clock.now &+ 1)
    defer { late = nil }
    try batch.cells.withUnsafeBufferPointer { (cells) throws(Failure) in
      try batch.arena.withUnsafeBufferPointer { (arena) throws(Failure) in
        guard let base = cells.baseAddress else { return }
        let reader = CellReader(cells: base, arena: UnsafeRawBufferPointer(arena), scratch: scratch.bytes)
        if plan.quarantine != nil { late = LateChange(batch: source, part: part, rows: batch) }
        for change in batch.changes[part.range] where change.operation != .schema && isOurs[Int(change.schema)] {
          hasRows = true
          do throws(Failure) {
            try take(change, time, reader, plan, state, writer)
          } catch {
            throw located(error, change, part, source)
          }
        }
      }
    }
  }

  private func take(
    _ change: RowChange, _ time: Int64, _ reader: CellReader, _ plan: WindowPlan, _ state: any WindowState,
    _ writer: PaneWriter
  ) throws(Failure) {
    if change.hasBefore {
      let row = AccumulatorLayout.Row(
        reader: reader, first: Int(change.before), index: nextBefore, isBefore: true, sign: -1, time: time,
        order: order)
      nextBefore += 1
      try add(row, change, plan, state, writer)
    } else if change.operation == .update || change.operation == .delete {
      throw missing(plan)
    }
    if change.hasAfter {
      order += 1
      let row = AccumulatorLayout.Row(
        reader: reader, first: Int(change.after), index: nextAfter, isBefore: false, sign: 1, time: time, order: order)
      nextAfter += 1
      try add(row, change, plan, state, writer)
    }
  }

  private func add(
    _ row: AccumulatorLayout.Row, _ change: RowChange, _ plan: WindowPlan, _ state: any WindowState,
    _ writer: PaneWriter
  ) throws(Failure) {
    var row = row
    for index in needed.indices {
      let tag = row.reader.cells[row.first + needed[index]].tag
      if tag == .absent || tag == .unavailable { throw missing(plan) }
    }
    if let column = plan.timeColumn {
      // A row without an event time lies in no window.
      guard let time = try time(row.reader.cells[row.first + column]) else { return }
      row.time = time
      if row.sign > 0 { clock.see(time) }
    }
    do throws(GroupKeyBuffer.MissingValue) { try key.set(row, groupColumns) } catch { throw error.failure(plan) }
    do throws(Failure) {
      let group = groups.number(of: key.bytes)
      try state.add(row, group: group, clock: clock) { (end) throws(Failure) in
        try writeLate(row, of: change, end: end, plan, writer)
      }
    } catch {
      throw error.at("window \"\(definition.name)\"")
    }
  }

  /// A failure with the change that it is about.
  private func located(_ failure: Failure, _ change: RowChange, _ part: TransactionPart, _ batch: Batch) -> Failure {
    let place = RejectionTable.place(of: change.logOffset, change.row, part, batch.identifier(of: part))
    var failure = failure
    let own = failure.place.isEmpty ? "window \"\(definition.name)\"" : failure.place
    let window = own.contains("window \"\(definition.name)\"") ? "" : " of window \"\(definition.name)\""
    failure.place = "\(own)\(window), table \"\(definition.from)\", \(place)"
    return failure
  }

  private func time(_ cell: Cell) throws(Failure) -> Int64? {
    switch cell.tag {
    case .timestamp where WindowBounds.reach.contains(cell.int): return cell.int
    case .timestampZoned where WindowBounds.reach.contains(cell.int): return cell.int
    case .date where WindowBounds.reachOfDays.contains(cell.int): return cell.int * WindowBounds.day
    case .null: return nil
    case .timestamp, .timestampZoned, .date:
      throw Failure(
        .badValue, "a row's event time is more than 140,000 years from now", at: "window \"\(definition.name)\"",
        hint: "leave such rows out with `filter`")
    default:
      throw Failure(
        .badValue, "a row's event time is a date that no calendar has", at: "window \"\(definition.name)\"",
        hint: "leave such rows out with `filter`")
    }
  }

  private func missing(_ plan: WindowPlan) -> Failure {
    Failure(
      .badValue,
      "a change does not hold the row before or after it, which window \"\(definition.name)\" must take back",
      at: "table \"\(plan.schema.name)\"",
      hint:
        "set `remember: true` for the window, which then keeps what it reads of each row; or let the source log whole "
        + "rows: binlog_row_image=FULL, or REPLICA IDENTITY FULL")
  }

  /// - Parameter part: the last of the transaction.
  func endTransaction(_ part: TransactionPart, to writer: PaneWriter) throws(Failure) {
    guard hasRows else { return }
    hasRows = false
    clock.endTransaction(
      at: part.commitTime.microseconds, isSnapshot: part.isSnapshot, source: Int(part.source))
    if clock.isInsideSnapshot {
      try state?.passOverTransaction()
    } else {
      try state?.endTransaction(clock, to: writer)
    }
  }

  /// The next instant at which the window may have something to tell.
  var nextInstant: Int64? { state?.nextInstant(clock) }

  /// The clock goes on to behind a snapshot, and what its rows have brought about is told.
  func endSnapshot(at instant: Int64, to writer: PaneWriter) throws(Failure) {
    clock.endSnapshot(at: instant)
    try state?.endSnapshot(clock, to: writer)
  }

  func fire(to writer: PaneWriter) throws(Failure) { try state?.fire(clock, to: writer) }
}
