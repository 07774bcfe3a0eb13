import Change
import Logging
import MemoryConnector
import Pipeline
import PipelineConfiguration

/// What the tests of transforms share: blocks of `transforms:` as text, batches of plain values, and what comes out.
enum TransformTrial {
  static func context(_ badRows: BadRowPolicy = .stop, hasOneSource: Bool = true) -> TransformContext {
    TransformContext(
      badRowPolicy: badRows, hasOneSource: hasOneSource,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  static let users = TableSchema(
    name: TableName(namespace: "shop", table: "users"),
    columns: [
      ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false, nativeType: "bigint(20)"),
      ColumnSchema(name: "email", type: .text(length: 100), nativeType: "varchar(100)", charset: "utf8mb4"),
      ColumnSchema(name: "card", type: .text(length: 19)),
      ColumnSchema(name: "balance", type: .decimal(precision: 12, scale: 2, unsigned: false)),
    ], key: [0], uniqueKeys: [[1]],
    indexes: [
      TableIndex(name: "by_email", kind: .unique, parts: [.init(column: 1)]),
      TableIndex(name: "by_card", kind: .ordinary, parts: [.init(column: 2)]),
    ])

  /// The definitions of a list of blocks, written as in a pipeline file.
  static func definitions(_ blocks: String) throws -> [any TransformDefinition] {
    try load(blocks).get().definition.transforms
  }

  /// What is wrong with a list of blocks.
  static func problems(_ blocks: String) -> [Failure] {
    switch load(blocks) {
    case .success: []
    case .failure(let problems): problems.failures
    }
  }

  private static func load(_ blocks: String) -> Result<PipelineFile, PipelineProblems> {
    let text = "pipeline: p\nsource: { type: memory }\nsinks: [{ type: blackhole }]\ntransforms: [\(blocks)]\n"
    return PipelineFile.load(
      Array(text.utf8), name: "p.yaml", connectors: [InMemory(), Blackhole()], environment: [:])
  }

  static func chain(
    _ blocks: String, badRows: BadRowPolicy = .stop, hasOneSource: Bool = true
  ) throws -> TransformChain {
    try TransformChain(definitions(blocks), context(badRows, hasOneSource: hasOneSource))
  }

  /// One batch with these transactions.
  static func batch(_ transactions: [[MemoryChange]], isSnapshot: Bool = false) -> Batch {
    let builder = BatchBuilder()
    for (number, changes) in transactions.enumerated() {
      let mark = LogMark(sequence: UInt64(number + 1), endOffset: UInt64(number + 1))
      let time = EventTime(microseconds: Int64(number + 1) * 1000)
      builder.begin(commitTime: time, mark: mark, identifier: "\(number + 1)", isSnapshot: isSnapshot)
      for change in changes { change.append(to: builder, at: time, offset: UInt64(number)) }
      builder.end(mark: mark)
    }
    return builder.take(position: Position(text: "\(transactions.count)", token: "{}"))
  }

  /// The changes of a batch: what happened, to which table, and the rows.
  static func rows(_ batch: Batch, _ parts: Range<Int>? = nil) -> [TransformedRow] {
    batch.transactions[parts ?? batch.transactions.indices].flatMap { part in
      batch.changes[part.range].map { change -> TransformedRow in
        if change.operation == .schema {
          return TransformedRow(operation: .schema, table: batch.schemaChanges[Int(change.row)].table)
        }
        let schema = batch.schemas[Int(change.schema)]
        let row = { (first: UInt32) in
          batch.cells[Int(first)..<(Int(first) + schema.columns.count)].map { MemoryValue($0, in: batch) }
        }
        return TransformedRow(
          operation: change.operation, table: schema.name, before: change.hasBefore ? row(change.before) : nil,
          after: change.hasAfter ? row(change.after) : nil)
      }
    }
  }

  static func apply(
    _ blocks: String, _ changes: [MemoryChange], badRows: BadRowPolicy = .stop
  ) throws -> [TransformedRow] {
    try rows(chain(blocks, badRows: badRows).apply(to: batch([changes])))
  }

  static func row(_ id: Int64, _ email: String, _ card: String = "4111 1111 1111 1234", _ balance: String = "12.50")
    -> [MemoryValue]
  {
    [.int(id), .text(email), .text(card), .decimal(balance)]
  }
}

struct TransformedRow: Hashable {
  var operation: Operation
  var table: TableName
  var before: [MemoryValue]?
  var after: [MemoryValue]?
}

/// The failure that `body` throws; nil when it throws none.
func failure(of body: () throws -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch {
    return error as? Failure
  }
}
