package import Change
import MemoryConnector
package import Pipeline
import TestRandom

/// Rows of two sources of one table, delivered in groups to a sink that watches the table's keys.
package struct SharedKeyTrial {
  package enum Step: Hashable, Sendable {
    case insert(Int, Int64)
    case read(Int, Int64)
    case update(Int, Int64)
    case delete(Int, Int64)
    case move(Int, Int64, to: Int64)
    case commit

    /// What a source does; nil for a commit.
    var source: Int? {
      switch self {
      case .insert(let source, _), .read(let source, _), .update(let source, _), .delete(let source, _): source
      case .move(let source, _, _): source
      case .commit: nil
      }
    }
  }

  package static let merged = MergedTables(sources: ["north", "south"])

  /// `shop.items`: a key of one number, or of a text and a number, and a value; or, with `hasUnique`, another unique key.
  package static func table(hasTextKey: Bool = false, hasUnique: Bool = false) -> TableSchema {
    let table = TableSchema(
      name: TableName(namespace: "shop", table: "items"),
      columns: [
        ColumnSchema(name: "part", type: .text(length: 20), isNullable: false),
        ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
        ColumnSchema(name: "value", type: .integer(bits: 64, unsigned: false), isNullable: false),
      ], key: hasTextKey ? [0, 1] : [1], uniqueKeys: hasUnique ? [[2]] : [],
      indexes: hasUnique ? [TableIndex(name: "by_value", kind: .unique, parts: [.init(column: 2)])] : [])
    merged.insert(table.name)
    return table
  }

  let table: TableSchema
  let open: () async throws -> any Sink
  /// `id|value` of the rows that are not marked as deleted, by id.
  package let rows: () throws -> [String]
  /// The value of each key that the sources have now, by the source.
  private var values: [Int64: (source: Int, value: Int64)] = [:]
  private var value: Int64 = 0
  private var sequence: UInt64 = 0

  package init(table: TableSchema, open: @escaping () async throws -> any Sink, rows: @escaping () throws -> [String]) {
    self.table = table
    self.open = open
    self.rows = rows
  }

  /// Delivers steps, the last group with a commit.
  /// - Returns: what the sink stopped with; nil: it took everything.
  package mutating func deliver(_ steps: [Step]) async throws -> Failure? {
    let sink = try await open()
    do {
      for step in steps + [.commit] {
        if step == .commit { _ = try await sink.commit(checkpoint) } else { try await write(step, to: sink) }
      }
    } catch {
      await sink.close()
      guard let failure = error as? Failure else { throw error }
      return failure
    }
    await sink.close()
    return nil
  }

  private var checkpoint: Checkpoint {
    Checkpoint(position: Position(text: "\(sequence)", token: "{\"n\":\(sequence)}"), watermark: EventTime(seconds: 1))
  }

  private mutating func write(_ step: Step, to sink: any Sink) async throws {
    guard let source = step.source else { return }
    sequence += 1
    let builder = BatchBuilder()
    let time = EventTime(seconds: UInt32(sequence))
    builder.begin(
      commitTime: time, mark: LogMark(sequence: sequence), identifier: "0-\(source)-\(sequence)")
    change(step).append(to: builder, at: time, offset: 4)
    builder.end(mark: LogMark(sequence: sequence))
    let batch = builder.take(position: Position(text: "\(sequence)", token: "{}"))
    var parts = batch.transactions
    for index in parts.indices { parts[index].source = UInt16(source) }
    let labelled = Batch.relabel(batch, transactions: parts, position: batch.position)
    try await sink.write(labelled, parts: labelled.transactions.indices)
  }

  private mutating func change(_ step: Step) -> MemoryChange {
    value += 1
    switch step {
    case .insert(let source, let key), .read(let source, let key):
      values[key] = (source, value)
      if case .read = step { return .read(table, row(key, value)) }
      return .insert(table, row(key, value))
    case .update(let source, let key):
      let before = values[key]?.value ?? 0
      values[key] = (source, value)
      return .update(table, before: row(key, before), after: row(key, value))
    case .delete(_, let key):
      let before = values.removeValue(forKey: key)?.value ?? 0
      return .delete(table, row(key, before))
    case .move(let source, let key, let other):
      let before = values.removeValue(forKey: key)?.value ?? 0
      values[other] = (source, value)
      return .update(table, before: row(key, before), after: row(other, value))
    case .commit: preconditionFailure("a commit is no change")
    }
  }

  private func row(_ key: Int64, _ value: Int64) -> [MemoryValue] {
    [.text("part \(key % 2)"), .int(key), .int(value)]
  }

  // MARK: Random steps

  /// Plays changes of sources that never have one key at a time, then one that has another's.
  /// - Returns: what went wrong; nil: nothing did.
  package mutating func play(seed: UInt64) async throws -> String? {
    var random = SeededRandom(seed: seed)
    for round in 0..<3 {
      // The first makes the table.
      var steps: [Step] = round == 0 ? [.insert(0, 9)] : []
      var owners = round == 0 ? [9: 0] : values.mapValues(\.source)
      for _ in 0..<Int.random(in: 1...30, using: &random) { steps.append(SharedKeyTrial.next(&owners, &random)) }
      if let failure = try await deliver(steps) { return "\(steps): \(failure)" }
      let expected = values.sorted { $0.key < $1.key }.map { "\($0.key)|\($0.value.value)" }
      let shown = try rows()
      if shown != expected { return "\(steps): \(shown) is not \(expected)" }
    }
    let owners = values.mapValues(\.source)
    guard let taken = owners.keys.sorted().randomElement(using: &random), let owner = owners[taken] else { return nil }
    let other = 1 - owner
    var steps: [Step] = [.insert(other, 1000), .update(owner, taken)].shuffled(using: &random)
    if Bool.random(using: &random) { steps.append(.commit) }
    steps.append(Bool.random(using: &random) ? .insert(other, taken) : .move(other, 1000, to: taken))
    if case .insert = steps.last, Bool.random(using: &random) { steps.append(.delete(other, taken)) }
    let failure = try await deliver(steps)
    guard failure?.code == .badValue, failure?.message.contains("brings a row with a key") == true else {
      return "\(steps) passed: \(failure.map(String.init(describing:)) ?? "")"
    }
    return nil
  }

  private static func next(_ owners: inout [Int64: Int], _ random: inout SeededRandom) -> Step {
    let free = (1...8).map(Int64.init).filter { owners[$0] == nil }
    let taken = owners.keys.sorted().randomElement(using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1:
      guard let key = free.randomElement(using: &random) else { return .commit }
      let source = Int.random(in: 0...1, using: &random)
      owners[key] = source
      return Bool.random(using: &random) ? .insert(source, key) : .read(source, key)
    case 2:
      guard let taken, let source = owners[taken] else { return .commit }
      return .update(source, taken)
    case 3:
      guard let taken, let source = owners.removeValue(forKey: taken) else { return .commit }
      return .delete(source, taken)
    case 4:
      guard let taken, let key = free.randomElement(using: &random), let source = owners[taken] else { return .commit }
      owners[taken] = nil
      owners[key] = source
      return .move(source, taken, to: key)
    default: return .commit
    }
  }
}
