package import Change

/// A table's rows: by key, or, without a key, as a multiset.
package struct MemoryTable: Sendable {
  package private(set) var schema: TableSchema
  /// Rows by the values of their key; empty when the table has none.
  package private(set) var keyed: [[MemoryValue]: [MemoryValue]] = [:]
  /// How often each row is there, for a table without a key.
  package private(set) var bag: [[MemoryValue]: Int] = [:]

  init(schema: TableSchema) { self.schema = schema }

  package var rowCount: Int { keyed.count + bag.values.reduce(0, +) }

  /// Every row, in no order.
  package var rows: [[MemoryValue]] {
    Array(keyed.values) + bag.flatMap { Array(repeating: $0.key, count: $0.value) }
  }

  /// Applies one row change as a mirror does: an insert replaces a row of the same key.
  mutating func apply(_ record: MemoryTarget.Record) throws(Failure) {
    if schema.key.isEmpty { return try applyToBag(record) }
    let old = try record.before.map { row throws(Failure) in try key(of: row) }
    guard var after = record.after else {
      guard let old, keyed.removeValue(forKey: old) != nil else { throw missing() }
      return
    }
    if let old, let before = record.before {
      guard let existing = keyed.removeValue(forKey: old) else { throw missing() }
      for index in after.indices where after[index] == .absent || after[index] == .unavailable {
        after[index] = before[index] == .absent ? existing[index] : before[index]
      }
    }
    keyed[try key(of: after)] = after
  }

  private mutating func applyToBag(_ record: MemoryTarget.Record) throws(Failure) {
    if let before = record.before {
      guard let count = bag[before] else { throw missing() }
      bag[before] = count > 1 ? count - 1 : nil
    }
    if let after = record.after { bag[after, default: 0] += 1 }
  }

  private func key(of row: [MemoryValue]) throws(Failure) -> [MemoryValue] {
    let key = schema.key.map { row[$0] }
    guard !key.contains(.absent) else {
      throw Failure(.badValue, "a change without its key cannot be applied", at: "table \"\(schema.name)\"")
    }
    return key
  }

  private func missing() -> Failure {
    Failure(.targetShape, "the row to change is not at the target", at: "table \"\(schema.name)\"")
  }

  /// The same rows under another schema: columns by name, new ones NULL.
  func reshaped(to after: TableSchema) -> MemoryTable {
    var table = MemoryTable(schema: after)
    let origins = after.columns.map { column in schema.columns.firstIndex { $0.name == column.name } }
    for row in rows {
      let reshaped = origins.map { origin in origin.map { row[$0] } ?? .null }
      if after.key.isEmpty {
        table.bag[reshaped, default: 0] += 1
      } else {
        table.keyed[after.key.map { reshaped[$0] }] = reshaped
      }
    }
    return table
  }
}
