import Change
import MemoryConnector
import Pipeline
import PipelineConfiguration
import TestRandom

/// What the tests of windows share: blocks of `windows:` as text, logs of plain values, and the results as plain rows.
struct WindowTrial {
  static let orders = TableSchema(
    name: TableName(namespace: "shop", table: "orders"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ColumnSchema(name: "status", type: .text(length: 20), isNullable: false),
      ColumnSchema(name: "amount", type: .decimal(precision: 12, scale: 2, unsigned: false)),
      ColumnSchema(name: "happened", type: .timestamp(fraction: 6)),
    ], key: [0])

  static let results = TableName(namespace: "shop", table: "revenue")
  static let late = TableName(namespace: "shop", table: "revenue_late")

  /// The definitions of a list of blocks, written as in a pipeline file.
  static func definitions(_ blocks: String) throws -> [WindowDefinition] {
    let text = "pipeline: p\nsource: { type: memory }\nsinks: [{ type: blackhole }]\nwindows: [\(blocks)]\n"
    return try PipelineFile.load(
      Array(text.utf8), name: "p.yaml", connectors: [InMemory(), Blackhole()], environment: [:]
    )
    .get().definition.windows
  }

  /// One window over the orders, called `revenue`.
  static func block(_ rest: String) -> String { "{ name: revenue, from: shop.orders, \(rest) }" }

  /// A row of `orders`; its time in seconds.
  static func order(_ id: Int64, _ status: String, _ cents: Int64?, at seconds: Int64?) -> [MemoryValue] {
    [
      .int(id), .text(status), cents.map { .decimal(decimal($0)) } ?? .null,
      seconds.map { .timestamp(microseconds: $0 * 1_000_000) } ?? .null,
    ]
  }

  static func decimal(_ cents: Int64) -> String {
    let digits = "\(cents.magnitude)"
    let padded = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    return (cents < 0 ? "-" : "") + padded.dropLast(2) + "." + padded.suffix(2)
  }

  static func transaction(_ seconds: Int64, _ changes: [MemoryChange]) -> MemoryTransaction {
    MemoryTransaction(at: EventTime(microseconds: seconds * 1_000_000), changes)
  }

  /// How a log is cut into batches, and what comes between them.
  struct Cutting {
    var bytes = 512 << 10
    var transactions = Int.max
    /// After each batch, whether its last commit is announced as a watermark, in parts of 100.
    var heartbeats = 0
    var random = SeededRandom(seed: 1)
  }

  /// The log as batches; the last transaction of a batch may go on in the next.
  static func batches(_ log: [MemoryTransaction], _ cutting: Cutting, from first: Int = 0) -> [Batch] {
    let builder = BatchBuilder(byteLimit: cutting.bytes)
    var batches: [Batch] = []
    var count = 0
    for (number, transaction) in log.enumerated().dropFirst(first) {
      let mark = LogMark(sequence: UInt64(number + 1), endOffset: UInt64(number + 1))
      builder.begin(
        commitTime: transaction.commitTime, mark: mark, identifier: "\(number + 1)", isSnapshot: transaction.isSnapshot)
      for change in transaction.changes {
        if builder.isFull { batches.append(builder.take(position: MemoryPosition.position(behind: number))) }
        change.append(to: builder, at: transaction.commitTime, offset: UInt64(number))
      }
      builder.end(mark: mark)
      count += 1
      if builder.isFull || count % cutting.transactions == 0 {
        batches.append(builder.take(position: MemoryPosition.position(behind: number + 1)))
      }
    }
    if !builder.isEmpty { batches.append(builder.take(position: MemoryPosition.position(behind: log.count))) }
    return batches
  }

  /// Everything that comes out, transaction by transaction.
  struct Output {
    /// The results of each transaction of results.
    var panes: [[TransformedRow]] = []
    var numbers: [UInt64] = []
    /// The rows of the log's own transactions.
    var plain: [TransformedRow] = []
    var positions: [WindowPosition] = []

    mutating func take(_ batch: Batch) {
      positions.append(WindowPosition(batch.position))
      for (index, part) in batch.transactions.enumerated() {
        let rows = TransformTrial.rows(batch, index..<(index + 1))
        guard part.mark.streamHigh == .max else {
          plain += rows
          continue
        }
        if part.begins {
          panes.append([])
          numbers.append(part.mark.sequence)
        }
        panes[panes.count - 1] += rows
      }
    }

    var rows: [TransformedRow] { panes.flatMap { $0 } }
  }

  static func run(
    _ windows: WindowSet, _ log: [MemoryTransaction], _ cutting: Cutting = Cutting(), from first: Int = 0,
    until watermark: Int64? = nil, into output: inout Output
  ) throws {
    var random = cutting.random
    var latest = Int64.min
    for batch in batches(log, cutting, from: first) {
      latest = max(latest, batch.transactions.last?.commitTime.microseconds ?? latest)
      for result in try windows.take(batch) { output.take(result) }
      while let result = try windows.next() { output.take(result) }
      if Int.random(in: 0..<100, using: &random) < cutting.heartbeats {
        for result in try windows.advance(to: EventTime(microseconds: latest - 1)) { output.take(result) }
        while let result = try windows.next() { output.take(result) }
      }
    }
    if let watermark {
      for result in try windows.advance(to: EventTime(microseconds: watermark * 1_000_000)) { output.take(result) }
      while let result = try windows.next() { output.take(result) }
    }
  }

  static func run(
    _ block: String, _ log: [MemoryTransaction], _ cutting: Cutting = Cutting(), until watermark: Int64? = nil
  ) throws -> Output {
    var output = Output()
    try run(WindowSet(try definitions(block)), log, cutting, until: watermark, into: &output)
    return output
  }

  /// A result as text: what happened, then the values of the row after it, or of the row that went.
  static func told(_ row: TransformedRow) -> String {
    "\(row.operation) " + (row.after ?? row.before ?? []).map(text).joined(separator: " ")
  }

  static func text(_ value: MemoryValue) -> String {
    switch value {
    case .null: "NULL"
    case .int(let value): "\(value)"
    case .boolean(let value): "\(value)"
    case .text(let text), .decimal(let text): text
    case .timestamp(let microseconds): "\(microseconds / 1_000_000)"
    case .float64(let bits): "\(Double(bitPattern: bits))"
    default: "\(value)"
    }
  }

  /// What a target holds after the changes of a table, by key.
  static func applied(_ rows: [TransformedRow], key: [Int], table: TableName = results) throws -> [[MemoryValue]:
    [MemoryValue]]
  {
    var held: [[MemoryValue]: [MemoryValue]] = [:]
    for row in rows where row.table == table {
      if let before = row.before {
        let old = held.removeValue(forKey: key.map { before[$0] })
        guard old == before else {
          throw Failure(.internal, "the row before the change is not the one that was told last")
        }
      }
      if let after = row.after {
        guard held.updateValue(after, forKey: key.map { after[$0] }) == nil else {
          throw Failure(.internal, "a key was told twice")
        }
      }
    }
    return held
  }
}
