public import Change
package import Pipeline

/// Reduces changes of one keyed table, in log order, to what is left of each key at the end: one entry a key.
///
/// No allocation per row: entries lie in one flat array; a table of their numbers, hashed by key, is built only when keys
/// stop growing, so that a plain load of rows in key order never hashes. Images stay in their batches; only where partial
/// images of one row must be put together are values copied, to `merged`.
public final class NetChange {
  public enum State: UInt8, Sendable, BitwiseCopyable {
    case deleted
    /// The whole row is known.
    case row
    /// Some columns of a row that is already at the target are known.
    case partial
  }

  public struct Entry: Sendable, BitwiseCopyable {
    /// The key itself where it is one integer, otherwise its hash.
    @usableFromInline var key: UInt64
    /// The batch of the image by its number in the segment; `merged`: the image lies in `NetChange.merged`.
    public var batch: Int32
    /// Index of the image's first cell.
    public var row: UInt32
    /// Index of the first cell of the image that holds the key, in the same place.
    public var keyRow: UInt32
    /// The change that came last: its batch's number in the segment, and its index there.
    public var changeBatch: Int32
    public var change: UInt32
    /// Changes of this key.
    public var count: UInt32
    /// The columns that differ from the row at the target, by their index, the last bit standing for all from 63 on; all of
    /// them where that is not known.
    public var changed: UInt64
    public var state: State
    /// Whether the state comes from a change that counts here, not from a key that moved away.
    public var isOwn: Bool
    /// Whether the key's first change here was an insert, or, in a table of several sources, a move of a row to it: the
    /// target does not have the row.
    public var isNew: Bool
    /// Which source the last change came from.
    public var source: UInt16

    public static let merged: Int32 = -1
    public static let allColumns = UInt64.max

    @inlinable public var shareKey: UInt64 { key }
  }

  /// What `append` asks of its caller.
  public enum Answer: Sendable {
    case taken
    /// Values were copied for this key, and there are many of them by now: apply what is collected soon.
    case takenAndFull
    /// An update moves a row whose other values are not known here to another key: apply what is collected, then this change.
    case applyDirectly
  }

  /// Bytes of merged rows beyond which they should be applied: each merge of a large row copies it.
  private static let mergedLimit = 8 << 20

  public let schema: TableSchema
  // One thread at a time uses a net change: the run-time check of each access would guard nothing.
  @exclusivity(unchecked) public private(set) var entries: [Entry] = []
  public private(set) var merged = MergedRows()
  public let segment: Segment
  /// Whether entries tell which columns changed.
  private let tellsChanges: Bool
  /// The column that marks a row as deleted; nil: what is deleted is gone.
  private let mark: Int?
  /// Set when rows of several sources come to the table: then a key that two of them have at one time is a failure.
  package var sharing: MergedTables?
  private let integerKey: Int?
  private let keyBias: UInt64
  @exclusivity(unchecked) private var isGrowing = true
  @exclusivity(unchecked) private var lastKey: UInt64 = 0
  @exclusivity(unchecked) private var slots: [UInt32] = []

  /// - Parameter tellsChanges: whether images are compared, so that `Entry.changed` is known for updates.
  /// - Parameter mark: the column that marks a row as deleted, where such rows stay.
  public init(schema: TableSchema, segment: Segment, tellsChanges: Bool = false, mark: Int? = nil) {
    precondition(!schema.key.isEmpty, "changes are reduced by key")
    self.schema = schema
    self.tellsChanges = tellsChanges
    self.mark = mark
    self.segment = segment
    if schema.key.count == 1, case .integer(_, let unsigned) = schema.columns[schema.key[0]].type {
      integerKey = schema.key[0]
      keyBias = unsigned ? 0 : 1 << 63
    } else {
      integerKey = nil
      keyBias = 0
    }
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// The memory in use, in bytes, without the segment's.
  public var byteCount: Int {
    entries.count * MemoryLayout<Entry>.stride + slots.count * MemoryLayout<UInt32>.stride + merged.byteCount
  }

  /// Puts the entries in the order of an integer key, in which a target finds them with the least work. Other keys stay in
  /// the order in which they came. Nothing can be appended before `removeAll`.
  public func sortByKey() {
    guard integerKey != nil, !isGrowing else { return }
    // Sorted are the numbers of the entries, which are a third as large.
    let bias = keyBias
    var order = entries.indices.map { (key: entries[$0].key ^ bias, index: UInt32($0)) }
    order.sort { $0.key < $1.key }
    entries = order.map { entries[Int($0.index)] }
    slots.removeAll()
  }

  public func removeAll() {
    entries.removeAll(keepingCapacity: true)
    merged.removeAll()
    slots.removeAll()
    isGrowing = true
  }

  /// Takes the change at `index` of the segment's batch `number`.
  public func append(_ change: RowChange, at index: Int, of batch: Batch, number: Int32) throws(Failure) -> Answer {
    let source = Source(batch: batch, number: number, index: UInt32(index))
    switch change.operation {
    case .insert, .read:
      try insert(source, row: change.after)
    case .delete:
      let entry = try place(source, row: change.before, isInsert: false)
      try requireOwn(entry, source)
      set(entry, .deleted, source, row: change.before, keyRow: change.before)
    case .update:
      return try update(source, change)
    case .schema:
      preconditionFailure("a schema change is no row")
    }
    return .taken
  }

  /// Where a change stands.
  struct Source {
    let batch: Batch
    let number: Int32
    let index: UInt32
  }

  private func insert(_ source: Source, row: UInt32) throws(Failure) {
    if isGrowing, let integerKey {
      let cell = source.batch.cells[Int(row) + integerKey]
      let key = cell.payload ^ keyBias
      if cell.tag == .int || cell.tag == .uint, entries.isEmpty || key > lastKey {
        lastKey = key
        entries.append(
          Entry(
            key: cell.payload, batch: source.number, row: row, keyRow: row, changeBatch: source.number,
            change: source.index, count: 1, changed: Entry.allColumns, state: .row, isOwn: true, isNew: true,
            source: segment.source))
        return
      }
    }
    let entry = try place(source, row: row, isInsert: true)
    try requireOwn(entry, source)
    set(entry, .row, source, row: row, keyRow: row)
  }

  private func update(_ source: Source, _ change: RowChange) throws(Failure) -> Answer {
    let isComplete = self.isComplete(source.batch, row: change.after)
    guard changesKey(source.batch, change) else {
      let entry = try place(source, row: change.before, isInsert: false)
      try requireOwn(entry, source)
      if isComplete {
        let known = entries[entry]
        var changed = Entry.allColumns
        if tellsChanges, known.count == 0 || (known.state == .row && known.changed != Entry.allColumns) {
          changed = known.changed | changedColumns(source.batch, change)
        }
        set(entry, .row, source, row: change.after, keyRow: change.after)
        entries[entry].changed = changed
      } else if entries[entry].count == 0 {
        let hasKey = schema.key.allSatisfy { source.batch.cells[Int(change.after) + $0].hasValue }
        set(entry, .partial, source, row: change.after, keyRow: hasKey ? change.after : change.before)
      } else {
        merge(entry, source, change)
        return mergedAnswer
      }
      return .taken
    }
    if !isComplete {
      // Without what is collected the row to move is at the target only.
      guard let old = try find(source, row: change.before), entries[old].state == .row else { return .applyDirectly }
      return try move(source, change, merging: old)
    }
    return try move(source, change, merging: nil)
  }

  private func move(_ source: Source, _ change: RowChange, merging moved: Int?) throws(Failure) -> Answer {
    let new: Int
    if let moved {
      // The new key's columns may be absent where they did not change: the merged row has them all.
      let row = self.merged.append(
        over: base(of: entries[moved]), keyRow: nil, batch: source.batch, after: change.after, schema: schema)
      let key = try keyValue(merged.cells, merged.arena, row: row)
      new = place(key, in: Images(cells: merged.cells, arena: merged.arena, row: Int(row)), isInsert: sharing != nil)
      try requireOwn(new, source)
      assign(new, .row, source, batch: Entry.merged, row: row, keyRow: row)
    } else {
      new = try place(source, row: change.after, isInsert: sharing != nil)
      try requireOwn(new, source)
      set(new, .row, source, row: change.after, keyRow: change.after)
    }
    let old = try place(source, row: change.before, isInsert: false)
    try requireOwn(old, source)
    // The change counts at the key where the row went.
    entries[old].state = .deleted
    entries[old].batch = source.number
    entries[old].row = change.before
    entries[old].keyRow = change.before
    entries[old].changeBatch = source.number
    entries[old].change = source.index
    entries[old].isOwn = false
    entries[old].source = segment.source
    return moved == nil ? .taken : mergedAnswer
  }

  private var mergedAnswer: Answer { merged.byteCount < NetChange.mergedLimit ? .taken : .takenAndFull }

  private func merge(_ entry: Int, _ source: Source, _ change: RowChange) {
    let known = entries[entry]
    // After a delete there is nothing to put the image on: the update finds no row, and that is said when it is applied.
    let isOnRow = known.state != .deleted
    let row = merged.append(
      over: isOnRow ? base(of: known) : nil, keyRow: MergedRows.Base(batch: source.batch, row: change.before),
      batch: source.batch,
      after: change.after, schema: schema)
    assign(entry, known.state == .row ? .row : .partial, source, batch: Entry.merged, row: row, keyRow: row)
  }

  private func set(_ entry: Int, _ state: State, _ source: Source, row: UInt32, keyRow: UInt32) {
    assign(entry, state, source, batch: source.number, row: row, keyRow: keyRow)
  }

  private func assign(_ entry: Int, _ state: State, _ source: Source, batch: Int32, row: UInt32, keyRow: UInt32) {
    var known = entries[entry]
    known.state = state
    known.batch = batch
    known.row = row
    known.keyRow = keyRow
    known.changeBatch = source.number
    known.change = source.index
    known.count += 1
    known.changed = Entry.allColumns
    known.isOwn = true
    known.source = segment.source
    entries[entry] = known
  }

  private func base(of entry: Entry) -> MergedRows.Base {
    MergedRows.Base(
      batch: entry.batch == Entry.merged ? nil : segment.batches[Int(entry.batch)], row: entry.row)
  }

  private func image(of entry: Entry) -> Images {
    entry.batch == Entry.merged
      ? Images(cells: merged.cells, arena: merged.arena, row: Int(entry.row))
      : Images(
        cells: segment.batches[Int(entry.batch)].cells, arena: segment.batches[Int(entry.batch)].arena,
        row: Int(entry.row))
  }

  private func keyImage(of entry: Entry) -> Images {
    var image = image(of: entry)
    image.row = Int(entry.keyRow)
    return image
  }

  private func isComplete(_ batch: Batch, row: UInt32) -> Bool {
    let first = Int(row)
    for index in first..<(first + schema.columns.count)
    where batch.cells[index].tag == .absent || batch.cells[index].tag == .unavailable { return false }
    return true
  }

  /// The columns in which an update's images differ, bit by bit as in `Entry.changed`.
  private func changedColumns(_ batch: Batch, _ change: RowChange) -> UInt64 {
    var changed: UInt64 = 0
    for column in 0..<schema.columns.count {
      let before = batch.cells[Int(change.before) + column]
      if !Images.isEqual(before, batch.arena, batch.cells[Int(change.after) + column], batch.arena) {
        changed |= 1 << UInt64(min(column, 63))
      }
    }
    return changed
  }

  /// Whether an update's images name different keys; a key column that the row after it does not hold did not change.
  private func changesKey(_ batch: Batch, _ change: RowChange) -> Bool {
    for column in schema.key {
      let after = batch.cells[Int(change.after) + column]
      if after.hasValue, !Images.isEqual(batch.cells[Int(change.before) + column], batch.arena, after, batch.arena) {
        return true
      }
    }
    return false
  }
}

extension NetChange {
  // MARK: Several sources

  /// Refuses a change where another source has brought the row that is there now.
  @inline(__always)
  private func requireOwn(_ entry: Int, _ source: Source) throws(Failure) {
    guard let sharing, entries[entry].source != segment.source, isLive(entries[entry]) else { return }
    throw sharing.conflict(
      in: schema, ChangePlace(batch: source.batch, index: Int(source.index)), source: segment.source,
      other: entries[entry].source)
  }

  private func isLive(_ entry: Entry) -> Bool {
    guard entry.state != .deleted else { return false }
    guard let mark else { return true }
    let image = image(of: entry)
    return !image.cells[image.row + mark].hasValue
  }

  // MARK: The table of keys

  private func keyValue(_ cells: [Cell], _ arena: [UInt8], row: UInt32) throws(Failure) -> UInt64 {
    if let integerKey {
      let cell = cells[Int(row) + integerKey]
      guard cell.tag == .int || cell.tag == .uint else { throw missingKey(integerKey) }
      return cell.payload
    }
    var hash = KeyHash()
    for column in schema.key {
      let cell = cells[Int(row) + column]
      guard cell.hasValue else { throw missingKey(column) }
      hash.combine(cell, arena)
    }
    return hash.value
  }

  private func missingKey(_ column: Int) -> Failure {
    Failure(
      .schemaMismatch, "a row image does not hold key column \"\(schema.columns[column].name)\"",
      at: "table \"\(schema.name)\"", hint: "the source must log key columns: binlog_row_image FULL, NOBLOB or MINIMAL")
  }

  /// The entry of the key that the image at `row` holds; a new one, with a count of 0, when there is none.
  private func place(_ source: Source, row: UInt32, isInsert: Bool) throws(Failure) -> Int {
    let key = try keyValue(source.batch.cells, source.batch.arena, row: row)
    let image = Images(cells: source.batch.cells, arena: source.batch.arena, row: Int(row))
    return place(key, in: image, isInsert: isInsert)
  }

  private func find(_ source: Source, row: UInt32) throws(Failure) -> Int? {
    let key = try keyValue(source.batch.cells, source.batch.arena, row: row)
    growIfNeeded()
    let slot = slot(of: key, in: Images(cells: source.batch.cells, arena: source.batch.arena, row: Int(row)))
    return slots[slot] == 0 ? nil : Int(slots[slot]) - 1
  }

  private func place(_ key: UInt64, in image: Images, isInsert: Bool) -> Int {
    growIfNeeded()
    let slot = slot(of: key, in: image)
    if slots[slot] != 0 { return Int(slots[slot]) - 1 }
    entries.append(
      Entry(
        key: key, batch: 0, row: 0, keyRow: 0, changeBatch: 0, change: 0, count: 0, changed: 0, state: .deleted,
        isOwn: false, isNew: isInsert, source: segment.source))
    slots[slot] = UInt32(entries.count)
    return entries.count - 1
  }

  private func slot(of key: UInt64, in image: Images) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: KeyHash.mix(key)) & mask
    while slots[slot] != 0 {
      let entry = entries[Int(slots[slot]) - 1]
      if entry.key == key, integerKey != nil || keyImage(of: entry).hasSameKey(as: image, schema.key) { break }
      slot = (slot + 1) & mask
    }
    return slot
  }

  /// Keeps the table at most half full; builds it when the first key comes that is not the largest.
  private func growIfNeeded() {
    guard isGrowing || (entries.count + 1) * 2 > slots.count else { return }
    isGrowing = false
    var capacity = 1024
    while capacity < (entries.count + 1) * 4 { capacity *= 2 }
    slots = [UInt32](repeating: 0, count: capacity)
    let mask = capacity - 1
    for (index, entry) in entries.enumerated() {
      var slot = Int(truncatingIfNeeded: KeyHash.mix(entry.key)) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(index + 1)
    }
  }
}
