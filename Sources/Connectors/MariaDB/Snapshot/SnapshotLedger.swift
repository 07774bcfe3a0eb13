internal import Change

/// Keeps account of exactly which rows were handed over, chunk by chunk.
///
/// *Thread*: one at a time, in the order in which batches are sent.
struct SnapshotLedger {
  /// A run of rows of one table that are read together, in key order.
  private struct Entry {
    /// Where the entry stands among its table's, although keys are not compared.
    var order: Int
    var range: SnapshotState.Range
    /// Nothing of the chunk is missing up to `range.through`.
    var isComplete: Bool
  }

  private struct Table {
    var keyColumns: [String]
    var isDone = false
    var entries: [Entry] = []
  }

  private(set) var step: UInt64
  private(set) var levelStep: UInt64
  private(set) var rows: UInt64
  private let isLevelling: Bool
  private var doneThrough: TableName?
  private var tables: [TableName: Table] = [:]
  /// All tables of the snapshot in the order of their names.
  private let names: [TableName]

  /// - Parameter levelStep: behind which levelling counts.
  init(_ state: SnapshotState?, names: [TableName], isLevelling: Bool, levelStep: UInt64 = 0) {
    let state = state ?? SnapshotState()
    step = state.step
    self.levelStep = max(state.levelStep, levelStep)
    rows = state.rows
    doneThrough = state.doneThrough
    self.names = names.sorted()
    self.isLevelling = isLevelling
    for table in state.tables {
      let entries = table.ranges.enumerated().map { index, range in
        Entry(order: (index + 1) << 32, range: range, isComplete: true)
      }
      tables[table.name] = Table(keyColumns: table.keyColumns, isDone: table.isDone, entries: entries)
    }
  }

  /// What of a table is missing, each gap with the order that its first chunk gets.
  func gaps(_ name: TableName) -> [(range: SnapshotState.Range, order: Int)] {
    if isDone(name) { return [] }
    var gaps: [(SnapshotState.Range, Int)] = []
    var after: SnapshotState.Key?
    for (index, entry) in (tables[name]?.entries ?? []).enumerated() {
      if index > 0 || entry.range.after != nil {
        gaps.append((.init(after: after, through: entry.range.after), index << 32 + 1))
      }
      after = entry.range.through
      if after == nil { return gaps }
    }
    gaps.append((.init(after: after, through: nil), (tables[name]?.entries.count ?? 0) << 32 + 1))
    return gaps
  }

  func isDone(_ name: TableName) -> Bool {
    if let doneThrough, name <= doneThrough { return true }
    return tables[name]?.isDone ?? false
  }

  var tablesDone: Int { names.count { isDone($0) } }

  /// The rows of a chunk from its beginning through `key` were handed over.
  mutating func advance(_ chunk: SnapshotChunk, through key: SnapshotState.Key, rows count: Int) {
    set(chunk, SnapshotState.Range(after: chunk.range.after, through: key), isComplete: false)
    counted(count)
  }

  /// The whole of a chunk was handed over.
  mutating func finish(_ chunk: SnapshotChunk, rows count: Int) {
    // A range of no key is part of none: entered behind its neighbours' joining it would stand before what holds it.
    if let after = chunk.range.after, after == chunk.range.through { return }
    set(chunk, chunk.range, isComplete: true)
    merge(chunk.table)
    if count > 0 { counted(count) }
  }

  private mutating func counted(_ count: Int) {
    rows += UInt64(count)
    if isLevelling { levelStep += 1 } else { step += 1 }
  }

  private mutating func set(_ chunk: SnapshotChunk, _ range: SnapshotState.Range, isComplete: Bool) {
    var table = tables[chunk.table] ?? Table(keyColumns: chunk.keyColumns)
    let entry = Entry(order: chunk.order, range: range, isComplete: isComplete)
    if let index = table.entries.firstIndex(where: { $0.order >= chunk.order }) {
      if table.entries[index].order == chunk.order {
        table.entries[index] = entry
      } else {
        table.entries.insert(entry, at: index)
      }
    } else {
      table.entries.append(entry)
    }
    tables[chunk.table] = table
  }

  /// Joins complete entries that touch. One that its worker is still advancing stays apart: `set` replaces it whole.
  private mutating func merge(_ name: TableName) {
    guard var table = tables[name] else { return }
    var merged: [Entry] = []
    for entry in table.entries {
      if let last = merged.last, last.isComplete, entry.isComplete, last.range.through != nil,
        last.range.through == entry.range.after
      {
        var joined = entry
        joined.range.after = last.range.after
        merged[merged.count - 1] = joined
      } else {
        merged.append(entry)
      }
    }
    table.entries = merged
    if merged.count == 1, merged[0].isComplete, merged[0].range.after == nil, merged[0].range.through == nil {
      table.isDone = true
      table.entries = []
    }
    tables[name] = table
    settleDone()
  }

  private mutating func settleDone() {
    for name in names where doneThrough.map({ name > $0 }) ?? true {
      guard tables[name]?.isDone ?? false else { return }
      doneThrough = name
      tables[name] = nil
    }
  }

  var state: SnapshotState {
    var state = SnapshotState(step: step, levelStep: levelStep, rows: rows, doneThrough: doneThrough)
    for (name, table) in tables.sorted(by: { $0.key < $1.key }) where table.isDone || !table.entries.isEmpty {
      state.tables.append(
        SnapshotState.Table(
          name: name, keyColumns: table.keyColumns, isDone: table.isDone, ranges: SnapshotLedger.joined(table.entries)))
    }
    return state
  }

  /// Ranges that touch count as one.
  private static func joined(_ entries: [Entry]) -> [SnapshotState.Range] {
    var ranges: [SnapshotState.Range] = []
    for entry in entries {
      if let last = ranges.last, last.through != nil, last.through == entry.range.after {
        ranges[ranges.count - 1].through = entry.range.through
      } else {
        ranges.append(entry.range)
      }
    }
    return ranges
  }
}

/// A range of a table's rows that one worker reads with one query.
struct SnapshotChunk: Sendable {
  var table: TableName
  var keyColumns: [String]
  var range: SnapshotState.Range
  /// Its place among the table's chunks.
  var order: Int
}
