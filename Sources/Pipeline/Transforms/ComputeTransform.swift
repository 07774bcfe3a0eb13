import Change
import Expressions

/// Computes columns of the tables that a verb is about.
final class ComputeTransform: Transform {
  private let verb: String
  private let tables: TransformTables
  /// Of columns that are missing; nil: the expressions say which there must be.
  private let warnings: MissingColumnWarnings?
  private let columns: (TableSchema) throws(Failure) -> ComputedColumns
  private var plans = SchemaPlans<Computation?>()
  private let scratch = ScratchArena()
  private var after: [[UInt32]] = []
  private var before: [[UInt32]] = []
  /// The cells of a batch before this one, to be written over.
  private var spare: [Cell] = []
  private let badRows: BadRowPolicy
  /// By change, why it is set aside.
  private var rejected: [Int: Failure] = [:]

  /// - Parameter columns: what is computed of the rows of a table.
  init(
    _ verb: String, _ tables: TransformTables, _ badRows: BadRowPolicy, _ warnings: MissingColumnWarnings? = nil,
    _ columns: @escaping (TableSchema) throws(Failure) -> ComputedColumns
  ) {
    self.verb = verb
    self.tables = tables
    self.badRows = badRows
    self.warnings = warnings
    self.columns = columns
  }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    try computation(schema)?.target ?? schema
  }

  /// Of each column for itself; of all together where each is right.
  func problems(of schema: TableSchema, origin: TableName) -> [Failure] {
    do throws(Failure) {
      _ = try computation(schema)
      return []
    } catch {
      guard let computed = try? columns(schema) else { return [error] }  // what it throws is what was caught
      let found = computed.columns.flatMap { Computation.problems(of: $0, schema, verb: verb) }
      return found.isEmpty ? [error] : found
    }
  }

  func checkNames() throws(Failure) { try warnings?.checkNames() }

  private func computation(_ schema: TableSchema) throws(Failure) -> Computation? {
    try plans.plan(for: schema) { schema throws(Failure) in
      guard tables.includes(schema.name) else { return nil }
      let computed = try columns(schema)
      return computed.columns.isEmpty ? nil : try Computation(schema, computed, verb: verb)
    }
  }

  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    if let before = change.before, let after = change.after, let computation = try computation(after) {
      try computation.refuseUnknownValues(addedTo: before, in: after, verb)
    }
    return try reshaped(change, origin: origin)
  }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    var computations: [Computation?] = []
    for (index, schema) in schemas.enumerated() {
      computations.append(draft.schemas[index] === schema ? nil : try computation(schema))
    }
    guard computations.contains(where: { $0 != nil }) else { return }
    draft.changes(bySchema: &after) { computations[Int($0.schema)] != nil && $0.hasAfter }
    draft.changes(bySchema: &before) { computations[Int($0.schema)] != nil && $0.hasBefore }
    scratch.removeAll()
    rejected.removeAll(keepingCapacity: true)
    try draft.lend { batch throws(Failure) in
      for (index, computation) in computations.enumerated() {
        try computation?.evaluate(batch, after: after[index], before: before[index], scratch, badRows) {
          change, failure throws(Failure) in
          if rejected[change] != nil { return }
          let failure = failure.ofChange(change, batch)
          guard badRows == .quarantine else { throw failure }
          rejected[change] = failure
        }
      }
    }
    for (index, failure) in rejected.sorted(by: { $0.key < $1.key }) {
      draft.reject(index, of: schemas[Int(draft.changes[index].schema)], failure)
    }
    guard draft.arena.count + scratch.count < 0xf000_0000 else {
      throw Failure(.limit, "the rows of one batch are too large to compute more of them")
    }
    // Slices of what was computed continue the arena.
    if scratch.count > 0 { draft.arena.append(contentsOf: scratch.bytes) }
    widen(draft, computations, widths: schemas.map(\.columns.count))
    if !rejected.isEmpty { draft.judge { _, index in rejected[index] == nil ? .keep : .setAside } }
  }

  /// Writes the rows with their computed columns into the buffer of a batch before, which then belongs to this one.
  private func widen(_ draft: BatchDraft, _ computations: [Computation?], widths: [Int]) {
    let targets = zip(computations, widths).map { $0?.target.columns.count ?? $1 }
    var room = 0
    for change in draft.changes where change.operation != .schema {
      let width = targets[Int(change.schema)]
      room += (change.hasBefore ? width : 0) + (change.hasAfter ? width : 0)
    }
    spare.reserve(room)
    spare.withUnsafeMutableBufferPointer { wide in
      draft.changes.withUnsafeMutableBufferPointer { changes in
        draft.cells.withUnsafeBufferPointer { cells in
          var end = 0
          // Both images of a change lie in `cells`, as long as its schema is wide, and `wide` has room for all of them.
          func copy(_ first: UInt32, _ schema: Int) -> UInt32 {
            let start = end
            for offset in 0..<widths[schema] { wide[start + offset] = cells[Int(first) + offset] }
            end += targets[schema]
            return UInt32(start)
          }
          for index in changes.indices where changes[index].operation != .schema {
            let schema = Int(changes[index].schema)
            if changes[index].hasBefore { changes[index].before = copy(changes[index].before, schema) }
            if changes[index].hasAfter { changes[index].after = copy(changes[index].after, schema) }
          }
        }
        for (schema, computation) in computations.enumerated() {
          computation?.fill(wide, changes, after: after[schema], before: before[schema])
        }
      }
    }
    spare.removeSubrange(room...)
    swap(&spare, &draft.cells)
  }
}
