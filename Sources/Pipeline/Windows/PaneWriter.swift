import Change
import Flow

/// Writes results as transactions of their own, numbered one after the other.
///
/// All results of one instant are one transaction: what tells it from every other is its number, which depends on the log
/// alone. *Memory*: results wait in `finished` until they are taken, in a file those for which there is no room.
final class PaneWriter {
  /// How many transactions of results were finished.
  private(set) var count: UInt64 = 0
  /// The place in the source's log behind which the results come; nil while none is known.
  var log: Position?
  /// The latest commit time that was passed on.
  var latestCommit = EventTime.distantPast
  private var finished: [ResultSpool.Result] = []
  let spool: ResultSpool
  private let builder = BatchBuilder(byteLimit: 512 << 10)
  @exclusivity(unchecked) private var row: [Cell] = []
  private var instant = EventTime.distantPast
  /// Indexes of the open batch's tables of changes that were set aside.
  private var quarantines: [UInt16] = []
  private(set) var isOpen = false

  init(_ spool: ResultSpool) { self.spool = spool }

  /// Goes on behind these.
  func resume(behind count: UInt64) { self.count = count }

  /// What follows belongs to one transaction; without any row there is none.
  func begin(at instant: Int64) { self.instant = EventTime(microseconds: instant) }

  private func open() {
    isOpen = true
    let mark = WindowPosition.mark(of: count + 1)
    if builder.readAt == 0 { builder.readAt = MonotonicTime.now() }
    latestCommit = max(latestCommit, instant)
    builder.begin(commitTime: latestCommit, mark: mark, identifier: "pane-\(count + 1)")
  }

  func end() {
    guard isOpen else { return }
    builder.end(mark: WindowPosition.mark(of: count + 1))
    count += 1
    isOpen = false
  }

  /// Begins a row; cells follow.
  func beginRow() { row.removeAll(keepingCapacity: true) }

  @inline(__always) func append(_ cell: Cell) { row.append(cell) }

  @inline(__always) func append(_ tag: Cell.Tag, _ bytes: UnsafeRawBufferPointer, scale: UInt8 = 0) {
    if !isOpen { open() }
    let offset = builder.append(bytes)
    row.append(.slice(tag, offset: offset, length: bytes.count, scale: scale))
  }

  func append(_ text: StaticString) {
    append(.text, UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// A whole number of a decimal with all its digits, in the form that the type asks for.
  func append(decimal value: Int128, scale: Int, precision: Int) {
    if precision <= 18, let small = Int64(exactly: value) {
      return append(.decimal64(unscaled: small, scale: UInt8(scale)))
    }
    withUnsafeTemporaryAllocation(byteCount: 48, alignment: 1) { buffer in
      let start = PaneWriter.render(value, scale, into: buffer)
      append(.decimal, UnsafeRawBufferPointer(rebasing: buffer[start...]), scale: UInt8(scale))
    }
  }

  /// Writes digits from the buffer's end, and returns where they begin.
  private static func render(_ value: Int128, _ scale: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    var end = buffer.count
    var written = 0
    func put(_ digit: UInt8) {
      if written == scale, scale > 0 {
        end -= 1
        buffer[end] = UInt8(ascii: ".")
      }
      end -= 1
      buffer[end] = UInt8(ascii: "0") + digit
      written += 1
    }
    var wide = value.magnitude
    while wide > UInt128(UInt64.max) {
      let (quotient, digit) = wide.quotientAndRemainder(dividingBy: 10)
      put(UInt8(digit))
      wide = quotient
    }
    var rest = UInt64(wide)
    repeat {
      put(UInt8(rest % 10))
      rest /= 10
    } while rest > 0 || written <= scale
    if value < 0 {
      end -= 1
      buffer[end] = UInt8(ascii: "-")
    }
    return end
  }

  /// Where the row's cells begin in the batch.
  func endRow() -> UInt32 {
    if !isOpen { open() }
    let first = UInt32(builder.cellCount)
    row.withUnsafeBufferPointer { builder.append(cells: $0) }
    return first
  }

  func write(_ operation: Operation, _ schema: TableSchema, before: UInt32, after: UInt32) {
    builder.append(
      RowChange(
        operation: operation, schema: builder.index(of: schema), before: before, after: after, time: instant))
    if builder.isFull { cut() }
  }

  /// Writes a row that tells of a change that was set aside.
  func quarantine(_ schema: TableSchema, after: UInt32) {
    let index = builder.index(of: schema)
    if !quarantines.contains(index) { quarantines.append(index) }
    write(.insert, schema, before: RowChange.noCells, after: after)
  }

  private func cut() {
    guard let log else { return }
    let batch = builder.take(position: WindowPosition(log: log, panes: count).position)
    finished.append(spool.hold(batch.quarantining(quarantines)))
    quarantines.removeAll()
  }

  /// Whether nothing was written that `take` has not given away.
  var isEmpty: Bool { finished.isEmpty }

  /// The batches of results that are to go behind `log`. None is open.
  func take() -> [ResultSpool.Result] {
    if !builder.isEmpty { cut() }
    defer { finished = [] }
    return finished
  }
}
