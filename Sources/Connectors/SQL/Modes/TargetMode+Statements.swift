package import Change

/// The moment of a change that concerns all rows of a table.
package struct TableMoment: Sendable {
  package var time: EventTime
  /// `BatchReshaper.position` of the change.
  package var position: String

  package init(time: EventTime, position: String) {
    self.time = time
    self.position = position
  }

  /// The moment of the change at `index` of a reshaped batch.
  package init(of index: Int, _ part: TransactionPart, in batch: Batch) {
    self.init(
      time: part.commitTime,
      position: BatchReshaper.position(
        sequence: part.mark.sequence, row: part.preceding + UInt64(index - Int(part.first)),
        identifier: batch.identifier(of: part)))
  }
}

extension TargetMode {
  /// The statement that says in this mode that a table has lost all its rows: by TRUNCATE, or because it was dropped.
  /// Those of `soft_delete` and `history` are updates of rows that are not marked yet: they may be cut by a LIMIT.
  /// - Parameter table: the target's table, quoted.
  /// - Parameter columns: quoted names of columns that keep their value, though an update changes them by itself.
  package func emptying(
    _ table: String, _ dialect: SQLDialect, at moment: TableMoment, keeping columns: [String] = []
  ) throws(Failure) -> String {
    func quoted(_ column: Column) throws(Failure) -> String { try dialect.quoted(name(of: column)) }
    let time = dialect.literal(instant: moment.time)
    let kept = columns.map { ", \($0) = \($0)" }.joined()
    switch kind {
    case .mirror: return "DELETE FROM \(table)"
    case .append:
      let names = "\(try quoted(.operation)), \(try quoted(.position)), \(try quoted(.committedAt))"
      return "INSERT INTO \(table) (\(names)) VALUES ('t', \(dialect.literal(moment.position)), \(time))"
    case .softDelete:
      let mark = try quoted(.deletedAt)
      return "UPDATE \(table) SET \(mark) = \(time)\(kept) WHERE \(mark) IS NULL"
    case .history:
      let current = try quoted(.isCurrent)
      return "UPDATE \(table) SET \(try quoted(.validTo)) = \(time), \(current) = 0\(kept) WHERE \(current) = 1"
    }
  }

  /// The condition of rows that the source has now; nil: all of them.
  package func liveRows(_ dialect: SQLDialect) throws(Failure) -> String? {
    switch kind {
    case .mirror: nil
    case .append: "0 = 1"
    case .softDelete: "\(try dialect.quoted(name(of: .deletedAt))) IS NULL"
    case .history: "\(try dialect.quoted(name(of: .isCurrent))) = 1"
    }
  }
}

extension SQLDialect {
  /// An instant in Coordinated Universal Time, as the dialect's sinks store it.
  func literal(instant: EventTime) -> String {
    literal(
      ValueText.string { text in
        text.writeTimestamp(CivilTime(microsecondsSinceEpoch: instant.microseconds), fraction: 6)
        if self == .sqlite { text.writeZone() }
      })
  }
}
