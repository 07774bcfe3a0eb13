import Change

/// A target that insists on exactly once: an insert of a row that is there, or a change of one that is not, is recorded.
struct LiveTarget {
  private(set) var rows: [TableName: [String: String]] = [:]
  private(set) var faults: [String] = []
  private(set) var checkpoint: Position?
  private(set) var transactions = 0
  private(set) var schemaChanges: [String] = []
  private(set) var identifiers: [String] = []
  private(set) var commitTimes: [EventTime] = []
  private var open: [(Batch, Range<Int>)] = []

  /// Takes a batch over as a sink does: what has not ended waits for its end.
  mutating func take(_ batch: Batch) {
    noteMixture(in: batch)
    var hasEnded = false
    for part in batch.transactions {
      if part.begins { open = [] }
      open.append((batch, part.range))
      guard part.ends else { continue }
      for (batch, range) in open {
        for change in batch.changes[range] { apply(change, batch) }
      }
      open = []
      hasEnded = true
      transactions += 1
      identifiers.append(batch.identifier(of: part))
      commitTimes.append(part.commitTime)
    }
    if hasEnded { checkpoint = batch.position }
  }

  /// A change of a table that comes before a change of its schema must be in an earlier batch.
  private mutating func noteMixture(in batch: Batch) {
    var changed: Set<TableName> = []
    for change in batch.changes {
      guard change.operation == .schema else {
        changed.insert(batch.schemas[Int(change.schema)].name)
        continue
      }
      let schemaChange = batch.schemaChanges[Int(change.row)]
      if changed.contains(schemaChange.table) {
        faults.append("\(schemaChange.table): \(schemaChange.kind.rawValue) in one batch with earlier rows")
      }
    }
  }

  private mutating func apply(_ change: RowChange, _ batch: Batch) {
    if change.operation == .schema {
      let schemaChange = batch.schemaChanges[Int(change.row)]
      schemaChanges.append("\(schemaChange.kind.rawValue) \(schemaChange.table)")
      if schemaChange.kind == .truncate || schemaChange.kind == .drop { rows[schemaChange.table] = nil }
      return
    }
    let schema = batch.schemas[Int(change.schema)]
    let before = change.hasBefore ? LiveTarget.texts(batch, schema, Int(change.before)) : nil
    let after = change.hasAfter ? LiveTarget.texts(batch, schema, Int(change.after)) : nil
    var table = rows[schema.name] ?? [:]
    if let before {
      let key = LiveTarget.key(before, schema)
      if table.removeValue(forKey: key) == nil {
        faults.append("\(schema.name): \(change.operation) of missing \(key)")
      }
    }
    if let after {
      let merged = after.enumerated().map { index, text in text == "absent" ? before?[index] ?? text : text }
      let key = LiveTarget.key(merged, schema)
      if table.updateValue(merged.joined(separator: "|"), forKey: key) != nil {
        faults.append("\(schema.name): \(change.operation) of present \(key)")
      }
    }
    rows[schema.name] = table
  }

  private static func key(_ texts: [String], _ schema: TableSchema) -> String {
    (schema.key.isEmpty ? Array(texts.indices) : schema.key).map { texts[$0] }.joined(separator: "|")
  }

  static func texts(_ batch: Batch, _ schema: TableSchema, _ first: Int) -> [String] {
    schema.columns.indices.map { text(batch.cells[first + $0], batch) }
  }

  /// A cell with its tag, so that values of different types never look the same.
  static func text(_ cell: Cell, _ batch: Batch) -> String {
    switch cell.tag {
    case .text, .json, .decimal: "\(cell.tag)(\(cell.scale)) \(batch.text(of: cell))"
    case .bytes: "bytes \(batch.bytes(of: cell))"
    case .absent, .null: "\(cell.tag)"
    default: "\(cell.tag)(\(cell.scale)) \(cell.payload)"
    }
  }

  func table(_ name: String) -> [String: String] {
    rows[TableName(namespace: String(name.split(separator: ".")[0]), table: String(name.split(separator: ".")[1]))]
      ?? [:]
  }

  func count(_ name: String) -> Int { table(name).count }
}
