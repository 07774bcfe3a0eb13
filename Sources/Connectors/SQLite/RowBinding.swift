import Change
import SQLRendering
import SQLiteDatabase

/// Why one row cannot be stored.
enum RowFailure: Error {
  /// The value of a column, by its index at the source.
  case value(column: Int, reason: String)
  case sqlite(SQLiteFailure)
  /// The target refused the row and ended the transaction: what the group had written before is gone.
  case groupUndone(SQLiteFailure)
  /// The target does not have the row that the change is about.
  case missing
  /// The target has a row of another source with the key.
  case shared
}

/// Memory for the texts of one row's inline values, one slot a column; bound in place, so that no value is allocated.
final class TextSlots {
  private let memory: UnsafeMutableRawPointer

  init(columns: Int) {
    unsafe memory = .allocate(byteCount: max(1, columns) * ValueText.slot, alignment: 8)
  }

  // The table that owns the slots resets its statements before the next row overwrites what they were bound to.
  deinit { unsafe memory.deallocate() }

  @inline(__always)
  func slot(_ index: Int) -> UnsafeMutableRawPointer { unsafe memory + index * ValueText.slot }
}

/// Binds a row's cells to a statement's parameters, straight from the batch.
struct RowBinding {
  let arena: UnsafeRawBufferPointer
  let slots: TextSlots

  /// Binds the cell at `parameter`; the bytes must stay until the statement was stepped and reset.
  /// - Parameter slot: the text slot that is used for a value that must be rendered.
  func bind(
    _ cell: Cell, _ column: SQLiteColumn, to statement: borrowing SQLiteStatement, parameter: Int, slot: Int
  ) throws(RowFailure) {
    do throws(SQLiteFailure) {
      switch cell.tag {
      case .null: return try statement.bindNull(parameter)
      case .boolean, .int:
        if column.storage == .integer { return try statement.bind(parameter, cell.int) }
      case .uint:
        if column.storage == .integer, cell.payload <= UInt64(Int64.max) {
          return try statement.bind(parameter, cell.int)
        }
      case .bits: return try statement.bind(parameter, cell.int)
      case .float32:
        if !cell.float32.isNaN { return try statement.bind(parameter, Double(cell.float32)) }
      case .float64:
        if !cell.float64.isNaN { return try statement.bind(parameter, cell.float64) }
      case .text, .decimal, .json:
        return try statement.bindText(parameter, unsafe slice(of: cell))
      case .bytes:
        return try statement.bindBlob(parameter, unsafe slice(of: cell))
      case .decimal64, .date, .time, .timestamp, .timestampZoned, .civil, .absent, .unavailable: break
      }
    } catch {
      throw .sqlite(error)
    }
    let text = try unsafe render(cell, column, into: slots.slot(slot))
    do throws(SQLiteFailure) {
      try statement.bindText(parameter, unsafe text)
    } catch {
      throw .sqlite(error)
    }
  }

  private func slice(of cell: Cell) -> UnsafeRawBufferPointer { unsafe .init(rebasing: arena[cell.range]) }

  private func render(
    _ cell: Cell, _ column: SQLiteColumn, into slot: UnsafeMutableRawPointer
  ) throws(RowFailure) -> UnsafeRawBufferPointer {
    var text = unsafe ValueText(at: slot)
    switch cell.tag {
    case .boolean, .int: text.write(cell.int)
    case .uint:
      guard column.storage == .text else {
        throw .value(column: column.index, reason: "an unsigned integer is above 9223372036854775807")
      }
      text.write(cell.payload)
    case .decimal64:
      guard cell.scale <= 38 else { throw .value(column: column.index, reason: "a decimal has an impossible scale") }
      text.write(unscaled: cell.int, scale: Int(cell.scale))
    case .date: text.writeDate(CivilTime(daysSinceEpoch: cell.int))
    case .time: text.writeTime(microseconds: cell.int, fraction: column.fraction)
    case .timestamp:
      text.writeTimestamp(CivilTime(microsecondsSinceEpoch: cell.int), fraction: column.fraction)
    case .timestampZoned:
      text.writeTimestamp(CivilTime(microsecondsSinceEpoch: cell.int), fraction: column.fraction)
      text.writeZone()
    case .civil where column.isDate: text.writeDate(cell.civil)
    case .civil: text.writeTimestamp(cell.civil, fraction: column.fraction)
    case .float32, .float64: throw .value(column: column.index, reason: "SQLite cannot store NaN")
    case .absent, .unavailable:
      throw .value(column: column.index, reason: "the row image does not hold the value")
    case .null, .text, .bytes, .json, .decimal, .bits: preconditionFailure("bound without rendering")
    }
    return unsafe UnsafeRawBufferPointer(start: slot, count: text.count)
  }
}
