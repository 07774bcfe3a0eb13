import Change
import SQLRendering

/// The columns that some updates of a table have changed, and how an upsert stores just these.
///
/// The statement is `INSERT … ON DUPLICATE KEY UPDATE`, which the server carries out with less work than as many UPDATEs.
/// Columns that did not change are given as an empty value, which is stored nowhere as long as every row is there: the
/// server says how many were (`MariaDBConnection.duplicates`).
struct ChangedColumns {
  /// `` ON DUPLICATE KEY UPDATE `a`=VALUES(`a`) ``.
  let tail: String
  private let columns: [(column: WrittenColumn, isWritten: Bool)]

  /// nil: it would save nothing.
  /// - Parameter mask: bit by bit as in `NetChange.Entry.changed`.
  init?(mask: UInt64, of table: MirrorTable) {
    let key = Set(table.schema.key)
    columns = table.columns.map { column in
      let isStored = key.contains(column.index) || ChangedColumns.has(column, mask) || column.updatesItself
      return (column, isStored || column.emptyValue == nil)
    }
    let changed = table.columns.filter {
      (ChangedColumns.has($0, mask) && !key.contains($0.index)) || $0.updatesItself
    }
    guard !changed.isEmpty, columns.contains(where: { !$0.isWritten }) else { return nil }
    tail =
      " ON DUPLICATE KEY UPDATE " + changed.map { "\($0.name)=VALUES(\($0.name))" }.joined(separator: ",")
  }

  private static func has(_ column: WrittenColumn, _ mask: UInt64) -> Bool {
    mask >> UInt64(min(column.index, 63)) & 1 == 1
  }

  /// Appends `(1,'a','',0)`.
  @inline(__always)
  func append(_ image: RowView, to buffer: StatementBuffer) throws(RowProblem) {
    var mark = UInt8(ascii: "(")
    for (column, isWritten) in columns {
      buffer.append(mark)
      mark = UInt8(ascii: ",")
      if isWritten {
        try buffer.append(literal: image[column.index], column, image)
      } else if column.emptyValue == .text {
        buffer.append(little: 0x2727 as UInt16)
      } else {
        buffer.append(UInt8(ascii: "0"))
      }
    }
    buffer.append(UInt8(ascii: ")"))
  }
}
