internal import Change
internal import Glibc

/// A table as rows events know it: by the number that its last table map gave it.
final class MappedTable {
  /// The map's bytes: while they stay the same nothing is parsed again.
  let bytes: [UInt8]
  let name: TableName
  let isWanted: Bool
  let schema: TableSchema?
  let plan: TablePlan

  init(bytes: [UInt8], name: TableName, isWanted: Bool, schema: TableSchema?, plan: TablePlan) {
    self.bytes = bytes
    self.name = name
    self.isWanted = isWanted
    self.schema = schema
    self.plan = plan
  }

  func hasBytes(_ other: UnsafeRawBufferPointer) -> Bool {
    bytes.count == other.count && bytes.withUnsafeBytes { MappedTable.isEqual($0, other) }
  }

  private static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard let one = left.baseAddress, let other = right.baseAddress else { return left.count == right.count }
    return memcmp(one, other, left.count) == 0
  }
}

/// The tables of the current log file by number.
struct MappedTables {
  /// Numbers grow with each definition that a server opens; old ones never come back.
  private static let limit = 16_384
  private var byNumber: [UInt64: MappedTable] = [:]
  private var last: (number: UInt64, table: MappedTable)?

  mutating func table(_ number: UInt64) -> MappedTable? {
    if let last, last.number == number { return last.table }
    guard let table = byNumber[number] else { return nil }
    last = (number, table)
    return table
  }

  mutating func insert(_ table: MappedTable, number: UInt64) {
    if byNumber.count >= MappedTables.limit { byNumber.removeAll(keepingCapacity: true) }
    byNumber[number] = table
    last = (number, table)
  }

  mutating func removeAll() {
    byNumber.removeAll(keepingCapacity: true)
    last = nil
  }
}

/// Room for the cells and changes of some rows, so that they enter the batch in one copy.
final class RowScratch {
  @exclusivity(unchecked) private(set) var cells: UnsafeMutableBufferPointer<Cell>

  let changes: UnsafeMutableBufferPointer<RowChange>

  init() {
    cells = .allocate(capacity: 8192)
    changes = .allocate(capacity: 1024)
  }

  deinit {
    cells.deallocate()
    changes.deallocate()
  }

  func reserve(_ count: Int) {
    guard cells.count < count else { return }
    cells.deallocate()
    cells = .allocate(capacity: count)
  }
}
