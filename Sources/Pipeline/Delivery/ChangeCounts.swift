import Change

/// Counts changes by table, cheaply: one addition a change, one look-up a table and batch.
///
/// A sink's receipt names the tables that it was given; the counts are kept by the tables of the source. Where transforms
/// have led several of these into one, what became of its changes is shared out among them: the sums are exact, and so is
/// each table's total; which of them was superseded or set aside is not known and told of the first.
struct ChangeCounts {
  /// Changes by the table of the source, those included that transforms have left out.
  private(set) var read: [TableName: UInt64] = [:]
  /// Changes that the sink was given.
  private(set) var rows: UInt64 = 0
  /// What transforms have left out, by the table of the source.
  private var dropped: [TableName: UInt64] = [:]
  /// What the sink was given behind transforms, by its own names of tables and then those of the source.
  private var given: [TableName: [TableName: UInt64]] = [:]
  /// The sink's names of tables that hold what transforms have set aside.
  private var quarantines: Set<TableName> = []
  private var perSchema: [UInt64] = []

  /// Adds the changes of some parts of a batch, and returns how many of them the sink was given.
  mutating func add(_ batch: Batch, parts: Range<Int>) -> UInt64 {
    let before = rows
    perSchema.removeAll(keepingCapacity: true)
    perSchema.append(contentsOf: repeatElement(0, count: batch.schemas.count))
    for part in batch.transactions[parts] {
      for change in batch.changes[part.range] {
        rows += 1
        if change.operation == .schema {
          let number = Int(change.row)
          add(1, of: batch.schemaChanges[number].table, from: batch.accounts?.changeOrigins[number])
        } else {
          perSchema[Int(change.schema)] += 1
        }
      }
    }
    for (index, count) in perSchema.enumerated() where count > 0 {
      add(count, of: batch.schemas[index].name, from: batch.accounts?.origins[index])
    }
    if let accounts = batch.accounts {
      addDropped(accounts, parts)
      for index in accounts.quarantines { quarantines.insert(batch.schemas[Int(index)].name) }
    }
    return rows - before
  }

  private mutating func add(_ count: UInt64, of table: TableName, from origin: TableName?) {
    read[origin ?? table, default: 0] += count
    if let origin { given[table, default: [:]][origin, default: 0] += count }
  }

  private mutating func addDropped(_ accounts: ChangeAccounts, _ parts: Range<Int>) {
    for entry in accounts.dropped where parts.contains(Int(entry.part)) {
      let origin = accounts.origin(of: entry.table)
      let count = UInt64(entry.count)
      read[origin, default: 0] += count
      dropped[origin, default: 0] += count
    }
  }

  /// What became of everything that was counted, by the tables of the source.
  func outcomes(_ receipt: Receipt) -> [TableName: Outcome] {
    var outcomes = dropped.mapValues { Outcome(filtered: $0) }
    for (table, given) in receipt.outcomes {
      let outcome = quarantines.contains(table) ? given.asQuarantined : given
      guard let origins = self.given[table] else {
        outcomes[table, default: Outcome()] += outcome
        continue
      }
      for (origin, share) in shares(of: outcome, origins) { outcomes[origin, default: Outcome()] += share }
    }
    return outcomes
  }

  /// Divides an outcome by the numbers of changes. What is too much or missing shows at the last table.
  private func shares(of outcome: Outcome, _ origins: [TableName: UInt64]) -> [(TableName, Outcome)] {
    var rest = outcome
    let counts = origins.sorted { $0.key < $1.key }
    return counts.enumerated().map { number, entry in
      if number == counts.count - 1 { return (entry.key, rest) }
      return (entry.key, rest.take(entry.value))
    }
  }

  mutating func reset() {
    read.removeAll(keepingCapacity: true)
    dropped.removeAll(keepingCapacity: true)
    given.removeAll(keepingCapacity: true)
    quarantines.removeAll(keepingCapacity: true)
    rows = 0
  }
}

extension Outcome {
  /// Of rows that tell what was set aside: what is delivered of them is in quarantine.
  fileprivate var asQuarantined: Outcome {
    Outcome(filtered: filtered, superseded: superseded, quarantined: quarantined + delivered)
  }

  /// Takes `count` changes away, as many as there are, and returns them.
  fileprivate mutating func take(_ count: UInt64) -> Outcome {
    var left = count
    func part(_ value: inout UInt64) -> UInt64 {
      let taken = min(value, left)
      value -= taken
      left -= taken
      return taken
    }
    return Outcome(
      delivered: part(&delivered), filtered: part(&filtered), superseded: part(&superseded),
      quarantined: part(&quarantined))
  }
}
