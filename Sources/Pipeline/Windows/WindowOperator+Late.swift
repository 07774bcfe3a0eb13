import Change

/// Where a change comes from that windows may set aside, while its part of a transaction is taken in.
struct LateChange {
  let batch: Batch
  let part: TransactionPart
  /// What the cells of its rows lie in.
  let rows: Batch
}

extension WindowOperator {
  /// Tells of a row whose window is gone.
  func writeLate(
    _ row: AccumulatorLayout.Row, of change: RowChange, end: Int64, _ plan: WindowPlan, _ writer: PaneWriter
  ) throws(Failure) {
    if let table = plan.lateTable {
      lateCount += 1
      return writeRow(row, end: end, plan, table, writer)
    }
    let what = row.sign > 0 ? "to be added" : "to be taken back"
    let failure = Failure(
      .limit,
      "a change came later than the window allows: a row \(what) lay in one that ended at \(WindowOperator.text(end)), and "
        + "the watermark was \(WindowOperator.text(clock.watermark))", at: "window \"\(definition.name)\"",
      hint: "raise `max_delay` or `allowed_lateness`, or give late changes a table with `late:`")
    guard let table = plan.quarantine, let late else { throw failure }
    lateCount += 1
    quarantine(row, of: change, late, failure, plan, table, writer)
  }

  private func writeRow(
    _ row: AccumulatorLayout.Row, end: Int64, _ plan: WindowPlan, _ table: TableSchema, _ writer: PaneWriter
  ) {
    writer.beginRow()
    writer.append(.int(lateCount))
    writer.append(.timestamp(microseconds: end))
    writer.append(.timestamp(microseconds: clock.watermark))
    writer.append(.int(row.sign))
    for column in plan.lateColumns {
      let cell = row.reader.cells[row.first + column]
      if cell.isSlice {
        writer.append(cell.tag, row.reader.bytes(of: cell), scale: cell.scale)
      } else {
        writer.append(cell)
      }
    }
    writer.write(.insert, table, before: RowChange.noCells, after: writer.endRow())
  }

  /// Writes what is told of the change, as of those that transforms set aside; the number tells it from every other.
  private func quarantine(
    _ row: AccumulatorLayout.Row, of change: RowChange, _ late: LateChange, _ failure: Failure,
    _ plan: WindowPlan, _ table: TableSchema, _ writer: PaneWriter
  ) {
    let columns = plan.schema.key
    let key =
      columns.isEmpty
      ? nil : RowText.json(late.rows, row: UInt32(row.first), columns: columns, of: plan.schema)
    let place = RejectionTable.place(
      of: change.logOffset, change.row, late.part, late.batch.identifier(of: late.part))
    let texts = [
      "\(late.part.isSnapshot ? "snapshot" : place) window \(definition.name) \(lateCount)",
      plan.schema.name.description,
      "\(change.operation)", key, failure.code.rawValue,
      "\(failure.place): \(failure.message)",
    ]
    writer.beginRow()
    for text in texts {
      guard let text else {
        writer.append(.null)
        continue
      }
      Array(text.utf8).withUnsafeBytes { writer.append(.text, $0) }
    }
    writer.append(.timestampZoned(microseconds: late.part.commitTime.microseconds))
    writer.quarantine(table, after: writer.endRow())
  }

  private static func text(_ time: Int64) -> String {
    guard WindowBounds.reach.contains(time) else { return "no time" }
    return ValueText.string { $0.writeTimestamp(CivilTime(microsecondsSinceEpoch: time), fraction: 6) }
  }
}
