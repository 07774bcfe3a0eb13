import Benchmark
import Change
import Pipeline

private let rowCount = 5_000_000
/// What windows may have in memory in a pipeline with one source and one sink and the default limit of 256 MiB: three
/// eighths of it (`MemoryShares`).
private let defaultShare = (256 << 20) * 3 / 8

/// One thread takes batches from memory through one window, with the results as batches: rows of 60 minutes, out of order by
/// up to 5 s, in transactions of 100. State and results have the memory that a pipeline of 256 MiB gives them; the rest lies
/// in files.
func addWindowBenchmarks() {
  let sums = [("count", text("count()")), ("total", text("sum(amount)"))]
  let time: [(String, OptionNode)] = [("event_time", text("happened")), ("max_delay", text("5s"))]
  let tumbling = ("window", map([("tumbling", text("1m"))]))
  let hopping = ("window", map([("hopping", map([("size", text("5m")), ("every", text("1m"))]))]))
  let session = ("window", map([("session", map([("gap", text("10s"))]))]))
  addWindowBenchmark("window tumbling by status", time + [tumbling, ("group_by", text("status"))], sums, keys: 10_000)
  addWindowBenchmark("window hopping by status", time + [hopping, ("group_by", text("status"))], sums, keys: 10_000)
  addWindowBenchmark("window session 10,000 keys", time + [session, ("group_by", text("key"))], sums, keys: 10_000)
  addWindowBenchmark(
    "window tumbling 1,000,000 keys", time + [tumbling, ("group_by", text("key"))], sums, keys: 1_000_000)
  // No window is complete before the end: what is in memory is a part of the state.
  addWindowBenchmark(
    "window tumbling 1,000,000 keys, spilled",
    [("event_time", text("happened")), ("max_delay", text("2h")), tumbling, ("group_by", text("key"))], sums,
    keys: 1_000_000)
  addWindowBenchmark(
    "window over updates by status", [tumbling, ("group_by", text("status"))], sums, keys: 10_000, updates: .whole)
  addWindowBenchmark(
    "window over updates without before images, 1,000,000 rows remembered",
    [tumbling, ("group_by", text("status")), ("remember", text("true"))], sums, keys: 10_000,
    updates: .withoutBefore(rows: 1_000_000))
  // Half of the memory that they take.
  addWindowBenchmark(
    "window over updates without before images, 1,000,000 rows remembered, spilled",
    [tumbling, ("group_by", text("status")), ("remember", text("true"))], sums, keys: 10_000,
    updates: .withoutBefore(rows: 1_000_000), memoryLimit: 32 << 20)
}

private func addWindowBenchmark(
  _ name: String, _ entries: [(String, OptionNode)], _ aggregates: [(String, OptionNode)], keys: Int64,
  updates: WindowRows.Updates = .none, memoryLimit: Int = defaultShare
) {
  Benchmark(name) { benchmark in
    let block = map(
      [("name", text("result")), ("from", text("bench.events")), ("aggregate", map(aggregates))] + entries)
    // What does not fit the memory lies in files of this directory, which have no name.
    let options = OptionBlock(block, options: WindowOptions.all)
    let windows = WindowSet(
      [try read(options) { WindowOptions.definition(options, &$0) }], memoryLimit: memoryLimit, directory: ".")
    if case .withoutBefore(let rows) = updates {
      // What is remembered when the measurement begins.
      for batch in WindowRows(keys: keys, updates: .none).batches(rows, from: ShopRows.start - 3_600_000_000) {
        try take(batch, windows, memoryLimit)
      }
    }
    var batches = WindowRows(keys: keys, updates: updates).batches(rowCount)
    batches.reverse()
    try benchmark.measure(rowCount) {
      while let batch = batches.popLast() { try take(batch, windows, memoryLimit) }
    }
  }
}

/// Takes a batch in, and everything that follows from it, as a pipeline does.
private func take(_ batch: consuming Batch, _ windows: WindowSet, _ memoryLimit: Int) throws {
  blackHole(try windows.take(batch))
  while let result = try windows.next() { blackHole(result) }
  windows.resultLimit = max(4 << 20, memoryLimit / 8)
}

/// Rows of BIGINT id, one of four statuses, a key, DECIMAL(12,2) and an event time.
private struct WindowRows {
  let keys: Int64
  /// Whether the changes are inserts, updates with the row before them, or updates of random rows without it.
  enum Updates: Equatable { case none, whole, withoutBefore(rows: Int) }

  let updates: Updates

  private static let schema = TableSchema(
    name: TableName(namespace: "bench", table: "events"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "status", type: .text(length: 16), isNullable: false),
      ColumnSchema(name: "key", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "amount", type: .decimal(precision: 12, scale: 2, unsigned: false), isNullable: false),
      ColumnSchema(name: "happened", type: .timestamp(fraction: 6), isNullable: false),
    ], key: [0])
  private static let statuses = ["new", "paid", "sent", "returned"].map { Array($0.utf8) }

  /// Rows of 60 minutes.
  /// - Parameter start: in microseconds since 1970.
  func batches(_ count: Int, from start: Int64 = ShopRows.start) -> [Batch] {
    let builder = BatchBuilder()
    var batches: [Batch] = []
    var random: UInt64 = 0x9e37_79b9_7f4a_7c15
    for row in 0..<count {
      let time = EventTime(microseconds: start + Int64(row) * 3_600_000_000 / Int64(count))
      if row % 100 == 0 { builder.begin(commitTime: time, mark: mark(row), identifier: "0-1-\(row)") }
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let before = updates == .whole ? append(row, random >> 3, time, builder) : RowChange.noCells
      var id = row
      if case .withoutBefore(let rows) = updates { id = Int(random >> 33) % rows }
      let after = append(id, random, time, builder)
      builder.append(
        RowChange(
          operation: updates == .none ? .insert : .update, schema: builder.index(of: Self.schema), before: before,
          after: after, time: time))
      if row % 100 == 99 {
        builder.end(mark: mark(row))
        if builder.isFull { batches.append(builder.take(position: position(row))) }
      }
    }
    if !builder.isEmpty { batches.append(builder.take(position: position(count))) }
    return batches
  }

  private func mark(_ row: Int) -> LogMark { LogMark(sequence: UInt64(row / 100 + 1), endOffset: UInt64(row)) }
  private func position(_ row: Int) -> Position { Position(text: "\(row)", token: "{}") }

  private func append(_ row: Int, _ random: UInt64, _ time: EventTime, _ builder: BatchBuilder) -> UInt32 {
    let status = Self.statuses[Int(random >> 60 & 3)]
    let offset = status.withUnsafeBytes { builder.append($0) }
    let first = UInt32(builder.cellCount)
    let late = Int64((random >> 20) % 5_000_000)
    builder.cells.append(.int(Int64(row)))
    builder.cells.append(.slice(.text, offset: offset, length: status.count))
    builder.cells.append(.int(Int64(random >> 24) % keys))
    builder.cells.append(.decimal64(unscaled: Int64(random >> 40 & 0xfffff), scale: 2))
    builder.cells.append(.timestamp(microseconds: time.microseconds - late))
    return first
  }
}

private let place = Place(file: "benchmark", line: 0, column: 0)

private func text(_ text: String) -> OptionNode { OptionNode(.scalar(text, isPlain: true), at: place) }

private func map(_ entries: [(String, OptionNode)]) -> OptionNode {
  OptionNode(.map(entries.map { OptionNode.Entry(key: $0.0, keyPlace: place, value: $0.1) }), at: place)
}
