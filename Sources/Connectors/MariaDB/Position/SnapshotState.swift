package import Change

/// Exactly the rows that a snapshot has handed over, by table and key range.
///
/// Tables are read in the order of their names. All tables up to `doneThrough` are complete, also those that did not
/// exist when the snapshot began: the log tells everything about them since. `tables` holds those behind it that were
/// begun.
package struct SnapshotState: Hashable, Sendable {
  /// A key, column by column, each as `KeyColumn` writes it.
  package typealias Key = [String]

  /// The rows with `after < key <= through`; nil: no bound on that side.
  package struct Range: Hashable, Sendable {
    package var after: Key?
    package var through: Key?

    package init(after: Key?, through: Key?) {
      self.after = after
      self.through = through
    }
  }

  package struct Table: Hashable, Sendable {
    package var name: TableName
    /// The names of the columns that the ranges speak of.
    package var keyColumns: [String]
    package var isDone: Bool
    /// In key order, without two that touch.
    package var ranges: [Range]

    package init(name: TableName, keyColumns: [String], isDone: Bool = false, ranges: [Range] = []) {
      self.name = name
      self.keyColumns = keyColumns
      self.isDone = isDone
      self.ranges = ranges
    }
  }

  /// Grows with each batch of rows handed over: of two states of one snapshot the larger has read all that the other
  /// has.
  package var step: UInt64
  /// Counts the batches that bring a sink which was behind up to `step` of the others.
  package var levelStep: UInt64
  package var rows: UInt64
  package var doneThrough: TableName?
  package var tables: [Table]

  package init(
    step: UInt64 = 0, levelStep: UInt64 = 0, rows: UInt64 = 0, doneThrough: TableName? = nil, tables: [Table] = []
  ) {
    self.step = step
    self.levelStep = levelStep
    self.rows = rows
    self.doneThrough = doneThrough
    self.tables = tables
  }

  package func table(_ name: TableName) -> Table? { tables.first { $0.name == name } }

  package func isDone(_ name: TableName) -> Bool {
    if let doneThrough, name <= doneThrough { return true }
    return table(name)?.isDone ?? false
  }

  /// Whether this state has read all that `other`, of the same snapshot, has.
  package func hasReached(_ other: SnapshotState) -> Bool {
    (step, levelStep) >= (other.step, other.levelStep)
  }
}
