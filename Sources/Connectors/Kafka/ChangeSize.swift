import Change

/// How large a change will be as a message, as far as its values tell it before they are rendered.
struct ChangeSize {
  /// Bytes of its texts, bytes and documents, the row before an update included.
  let held: Int

  init(_ change: RowChange, _ batch: Batch) {
    guard change.operation != .schema else {
      held = batch.schemaChanges[Int(change.row)].statement.utf8.count
      return
    }
    let columns = batch.schemas[Int(change.schema)].columns.count
    let cells = batch.cells
    let span = cells.span
    var sum = 0
    if change.hasBefore { sum += ChangeSize.sum(Int(change.before), columns, span) }
    if change.hasAfter { sum += ChangeSize.sum(Int(change.after), columns, span) }
    held = sum
  }

  @inline(__always)
  private static func sum(_ first: Int, _ columns: Int, _ cells: Span<Cell>) -> Int {
    var sum = 0
    for index in first..<first + columns where cells[index].isSlice { sum += cells[index].length }
    return sum
  }

  /// The bytes that a message with the row has at the least, in any format: those of the values that no format shortens.
  static func least(_ change: RowChange, _ batch: Batch) -> Int {
    guard change.operation != .schema else { return 0 }
    let first = Int(change.hasAfter ? change.after : change.before)
    var sum = 0
    for (index, column) in batch.schemas[Int(change.schema)].columns.enumerated() {
      let cell = batch.cells[first + index]
      guard cell.isSlice else { continue }
      switch column.type {
      // Labels can become numbers, decimals binary, padding nothing.
      case .text, .json, .bytes(_, padded: false): sum += cell.length
      default: break
      }
    }
    return sum
  }
}
