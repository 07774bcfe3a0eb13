import Change
import Pipeline
import Synchronization

/// A sink that writes down what it is given, with the names of the columns, and applies nothing.
final class Journal: SinkDefinition {
  struct Entry {
    var row: TransformedRow
    var columns: [String]
  }

  private let entries = Mutex<[Entry]>([])

  var changes: [Entry] { entries.withLock { $0 } }

  func makeSink(_ context: ConnectorContext) throws -> any Sink { JournalSink(journal: self) }

  func plan(for tables: [TableSchema], _ context: ConnectorContext) async throws -> SinkPlan {
    SinkPlan(target: "journal")
  }

  fileprivate func append(_ batch: Batch, _ parts: Range<Int>) {
    let rows = TransformTrial.rows(batch, parts)
    let columns = batch.transactions[parts].flatMap { part in
      batch.changes[part.range].map { change in
        change.operation == .schema ? [] : batch.schemas[Int(change.schema)].columns.map(\.name)
      }
    }
    entries.withLock { $0 += zip(rows, columns).map { Entry(row: $0, columns: $1) } }
  }
}

private final class JournalSink: Sink {
  private let journal: Journal
  private var outcomes: [TableName: Outcome] = [:]

  init(journal: Journal) { self.journal = journal }

  var traits: SinkTraits { SinkTraits(keepsCheckpoint: false) }
  func open() async throws -> Position? { nil }
  func close() async {}

  func write(_ batch: Batch, parts: Range<Int>) async throws {
    journal.append(batch, parts)
    for row in TransformTrial.rows(batch, parts) { outcomes[row.table, default: Outcome()].delivered += 1 }
  }

  func commit(_ checkpoint: Checkpoint) async throws -> Receipt {
    defer { outcomes = [:] }
    return Receipt(outcomes: outcomes)
  }
}
