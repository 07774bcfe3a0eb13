internal import Change

/// Which columns one image of a rows event holds.
struct RowImage {
  /// nil: all of them.
  var present: UnsafeRawPointer?
  var count: Int

  init(_ bitmap: UnsafeRawPointer, columns: Int) {
    var set = 0
    for index in 0..<(columns >> 3) {
      set &+= bitmap.load(fromByteOffset: index, as: UInt8.self).nonzeroBitCount
    }
    let rest = UInt8(truncatingIfNeeded: columns & 7)
    if rest != 0 {
      let last = bitmap.load(fromByteOffset: columns >> 3, as: UInt8.self)
      set &+= (last & ((1 << rest) &- 1)).nonzeroBitCount
    }
    count = set
    present = set == columns ? nil : bitmap
  }
}

/// Reads all rows of one event into the batch.
struct RowLoop {
  let decoders: UnsafeBufferPointer<ColumnDecoder>
  let before: RowImage?
  let after: RowImage?
  let cells: UnsafeMutableBufferPointer<Cell>
  let changes: UnsafeMutableBufferPointer<RowChange>
  let operation: Operation
  let schema: UInt16
  let time: EventTime
  let offset: UInt64

  /// Rows enter the batch in runs as long as the scratch space.
  mutating func run(
    _ reader: inout RowReader, _ builder: BatchBuilder, cellLimit: Int, changeLimit: Int
  ) throws(RowFault) {
    guard let scratch = cells.baseAddress, let rows = changes.baseAddress else { return }
    let columns = decoders.count
    let perRow = (before == nil ? 0 : columns) + (after == nil ? 0 : columns)
    var flushed = builder.cellCount
    var filled = 0
    var row: UInt32 = 0
    var pendingRows = 0
    while reader.offset < reader.end {
      if filled &+ perRow > cells.count || pendingRows == changes.count {
        flush(&filled, &flushed, &pendingRows, builder)
        guard flushed < cellLimit, builder.changes.count < changeLimit else {
          throw RowFault(reason: .tooLarge, column: -1)
        }
      }
      var change = RowChange(operation: operation, schema: schema, time: time, logOffset: offset, row: row)
      if let before {
        change.before = UInt32(truncatingIfNeeded: flushed &+ filled)
        try reader.image(decoders, present: before.present, presentCount: before.count, into: scratch + filled)
        filled &+= columns
      }
      if let after {
        change.after = UInt32(truncatingIfNeeded: flushed &+ filled)
        try reader.image(decoders, present: after.present, presentCount: after.count, into: scratch + filled)
        filled &+= columns
      }
      (rows + pendingRows).initialize(to: change)
      pendingRows &+= 1
      row &+= 1
    }
    flush(&filled, &flushed, &pendingRows, builder)
  }

  private func flush(_ filled: inout Int, _ flushed: inout Int, _ rows: inout Int, _ builder: BatchBuilder) {
    builder.append(contentsOf: UnsafeBufferPointer(rebasing: changes[0..<rows]))
    rows = 0
    builder.append(cells: UnsafeBufferPointer(rebasing: cells[0..<filled]))
    flushed += filled
    filled = 0
  }
}
