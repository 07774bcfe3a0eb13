import Change
import SQLRendering

/// The columns that some updates of a table have changed, and how an upsert stores just these.
///
/// The statement is `INSERT … ON DUPLICATE KEY UPDATE`, which the server carries out with less work than as many UPDATEs.
/// What it would insert is stored nowhere as long as every row is there: the server says how many were
/// (`MariaDBConnection.duplicates`). So columns that did not change are left out, which MariaDB takes where the statement is
/// not strict: then every remark of the server counts, besides those about the columns that are left out
/// (`GroupWriter.receive`). Elsewhere they are given as an empty value.
struct ChangedColumns {
  /// `` INSERT INTO `t` (`id`,`a`) VALUES ``; what is before it belongs to the statement.
  let head: String
  /// `` ON DUPLICATE KEY UPDATE `a`=VALUES(`a`) ``.
  let tail: String
  /// The columns that are stored, bit by bit as in `NetChange.Entry.changed`.
  let mask: UInt64
  /// Whether columns are left out.
  let isPartial: Bool
  private let columns: [(column: WrittenColumn, isWritten: Bool)]

  private static let lenient = "SET STATEMENT sql_mode='\(MariaDBSinkSettings.rowModes)' FOR "

  /// nil: it would save nothing.
  /// - Parameters:
  ///   - mask: the columns that changed.
  ///   - omits: whether the server has statements with settings of their own.
  init?(mask: UInt64, of table: MirrorTable, omits: Bool) {
    let key = Set(table.schema.key)
    let all: [(column: WrittenColumn, isWritten: Bool)] = table.columns.map { column in
      let isStored = key.contains(column.index) || ChangedColumns.has(column, mask) || column.updatesItself
      return (column, isStored || column.emptyValue == nil)
    }
    let changed = table.columns.filter {
      (ChangedColumns.has($0, mask) && !key.contains($0.index)) || $0.updatesItself
    }
    guard !changed.isEmpty, all.contains(where: { !$0.isWritten }) else { return nil }
    self.mask = mask
    isPartial = omits
    columns = omits ? all.filter(\.isWritten) : all
    let names = columns.map(\.column.name).joined(separator: ",")
    head =
      omits ? "\(ChangedColumns.lenient)INSERT INTO \(table.target.quotedName) (\(names)) VALUES " : table.insertHead
    tail =
      " ON DUPLICATE KEY UPDATE " + changed.map { "\($0.name)=VALUES(\($0.name))" }.joined(separator: ",")
  }

  private static func has(_ column: WrittenColumn, _ mask: UInt64) -> Bool {
    mask >> UInt64(min(column.index, 63)) & 1 == 1
  }

  /// Appends `(1,'a')`, or `(1,'a','',0)`.
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
