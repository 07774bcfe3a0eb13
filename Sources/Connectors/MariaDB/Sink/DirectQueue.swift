import Change
import SQLRendering

/// Statements of single changes in log order, written one behind the other, to be sent in one go.
final class DirectQueue {
  struct Item {
    var table: MirrorTable
    var place: ChangePlace
    /// Where its statement begins.
    var start: Int
    /// Whether it must find a row.
    var needsRow: Bool
  }

  let buffer = StatementBuffer()
  private(set) var items: [Item] = []

  var isEmpty: Bool { items.isEmpty }

  func removeAll() {
    buffer.removeAll()
    items.removeAll(keepingCapacity: true)
  }

  /// Appends a change's statement. What was written of one that throws is taken back.
  func append(
    _ table: MirrorTable, _ place: ChangePlace, needsRow: Bool,
    _ write: (StatementBuffer) throws(RowProblem) -> Void
  ) throws(RowProblem) {
    let end = buffer.count
    if !isEmpty { buffer.append(UInt8(ascii: ";")) }
    let start = buffer.count
    do throws(RowProblem) {
      try write(buffer)
    } catch {
      buffer.cut(to: end)
      throw error
    }
    items.append(Item(table: table, place: place, start: start, needsRow: needsRow))
  }

  /// Takes the last statement back. Returns its length in bytes.
  func removeLast() -> Int {
    let start = items.removeLast().start
    let length = buffer.count - start
    // With the semicolon before it.
    buffer.cut(to: max(0, start - 1))
    return length
  }

  /// The statements from the item on.
  func bytes(from item: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: buffer.bytes[items[item].start...])
  }
}
