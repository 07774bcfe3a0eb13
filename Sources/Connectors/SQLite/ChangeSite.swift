import Change
import SQLRendering

/// Where a change stands: its batch, with its number in the segment, and its index there.
struct ChangeSite {
  let batch: Batch
  let number: Int32
  let index: Int

  var change: RowChange { batch.changes[index] }

  /// For people: the transaction and the offset of the event in the log.
  var text: String {
    let part = batch.transactions.first { $0.range.contains(index) }
    let identifier = part.map { batch.identifier(of: $0) } ?? ""
    let transaction = identifier.isEmpty ? "" : "transaction \(identifier), "
    return "\(transaction)log offset \(change.logOffset), before position \(batch.position.text)"
  }

  /// Lends the image whose first cell has this index.
  func withImage<Result>(
    at row: UInt32, _ body: (RowImage) throws(RowFailure) -> Result
  ) throws(RowFailure) -> Result {
    try unsafe batch.cells.withUnsafeBufferPointer { (cells) throws(RowFailure) in
      try unsafe batch.arena.withUnsafeBufferPointer { (arena) throws(RowFailure) in
        try body(unsafe RowImage(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(row)))
      }
    }
  }
}

extension NetChange {
  /// Lends the image that holds an entry's key, and the one that holds its values.
  @inline(__always)
  func withImages(
    of entry: Entry, _ body: (_ key: RowImage, _ image: RowImage) throws(RowFailure) -> Void
  ) throws(RowFailure) {
    guard entry.batch != Entry.merged else { return try withMergedImages(of: entry, body) }
    let batch = segment.batches[Int(entry.batch)]
    try unsafe batch.cells.withUnsafeBufferPointer { (cells) throws(RowFailure) in
      try unsafe batch.arena.withUnsafeBufferPointer { (arena) throws(RowFailure) in
        try body(
          unsafe RowImage(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(entry.keyRow)),
          unsafe RowImage(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(entry.row)))
      }
    }
  }

  private func withMergedImages(
    of entry: Entry, _ body: (_ key: RowImage, _ image: RowImage) throws(RowFailure) -> Void
  ) throws(RowFailure) {
    let rows = merged
    try unsafe rows.cells.withUnsafeBufferPointer { (cells) throws(RowFailure) in
      try unsafe rows.arena.withUnsafeBufferPointer { (arena) throws(RowFailure) in
        let image = unsafe RowImage(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(entry.row))
        try body(image, image)
      }
    }
  }

  /// The change that came last for an entry's key.
  func site(of entry: Entry) -> ChangeSite {
    ChangeSite(
      batch: segment.batches[Int(entry.changeBatch)], number: entry.changeBatch, index: Int(entry.change))
  }
}
