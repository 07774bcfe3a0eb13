public import Change

/// A row image in memory that stays while it is lent.
public struct RowView {
  public let cells: UnsafeBufferPointer<Cell>
  public let arena: UnsafeRawBufferPointer
  /// Index of the image's first cell.
  public var row: Int

  @inlinable public init(cells: UnsafeBufferPointer<Cell>, arena: UnsafeRawBufferPointer, row: Int) {
    unsafe self.cells = cells
    unsafe self.arena = arena
    self.row = row
  }

  @inlinable @inline(__always) public subscript(column: Int) -> Cell { unsafe cells[row + column] }

  @inlinable @inline(__always) public func slice(of cell: Cell) -> UnsafeRawBufferPointer {
    unsafe .init(rebasing: arena[cell.range])
  }
}

extension RowView {
  /// Whether the image has the key of another one in the same memory; what it does not hold of the key did not change.
  package func hasKey(of other: RowView, _ key: [Int]) -> Bool {
    for column in key {
      let (new, old) = (self[column], other[column])
      guard new.tag != .absent, new.tag != .unavailable else { continue }
      guard new.tag == old.tag else { return false }
      if new.isSlice ? unsafe !slice(of: new).elementsEqual(slice(of: old)) : new != old { return false }
    }
    return true
  }
}

/// Where a change stands: its batch, and its index there.
public struct ChangePlace {
  public let batch: Batch
  public let index: Int

  public init(batch: Batch, index: Int) {
    self.batch = batch
    self.index = index
  }

  public var change: RowChange { batch.changes[index] }

  /// For people: the transaction and the offset of the event in the log.
  public var text: String {
    let part = batch.transactions.first { $0.range.contains(index) }
    let identifier = part.map { batch.identifier(of: $0) } ?? ""
    let transaction = identifier.isEmpty ? "" : "transaction \(identifier), "
    return "\(transaction)log offset \(change.logOffset), before position \(batch.position.text)"
  }

  /// Lends the image whose first cell has this index.
  @inlinable public func lendImage<Problem: Error>(
    at row: UInt32, _ body: (RowView) throws(Problem) -> Void
  ) throws(Problem) {
    try unsafe batch.cells.withUnsafeBufferPointer { (cells) throws(Problem) in
      try unsafe batch.arena.withUnsafeBufferPointer { (arena) throws(Problem) in
        try body(unsafe RowView(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(row)))
      }
    }
  }
}

extension NetChange {
  /// Lends the image that holds an entry's key, and the one that holds its values.
  @inlinable public func lendImages<Problem: Error>(
    of entry: Entry, _ body: (_ key: RowView, _ image: RowView) throws(Problem) -> Void
  ) throws(Problem) {
    guard entry.batch != Entry.merged else { return try lendMergedImages(of: entry, body) }
    let batch = segment.batches[Int(entry.batch)]
    try unsafe batch.cells.withUnsafeBufferPointer { (cells) throws(Problem) in
      try unsafe batch.arena.withUnsafeBufferPointer { (arena) throws(Problem) in
        try body(
          unsafe RowView(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(entry.keyRow)),
          unsafe RowView(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(entry.row)))
      }
    }
  }

  @inlinable public func lendMergedImages<Problem: Error>(
    of entry: Entry, _ body: (_ key: RowView, _ image: RowView) throws(Problem) -> Void
  ) throws(Problem) {
    let rows = merged
    try unsafe rows.cells.withUnsafeBufferPointer { (cells) throws(Problem) in
      try unsafe rows.arena.withUnsafeBufferPointer { (arena) throws(Problem) in
        let image = unsafe RowView(cells: cells, arena: UnsafeRawBufferPointer(arena), row: Int(entry.row))
        try body(image, image)
      }
    }
  }

  /// The change that came last for an entry's key.
  public func place(of entry: Entry) -> ChangePlace {
    ChangePlace(batch: segment.batches[Int(entry.changeBatch)], index: Int(entry.change))
  }

  /// Which of `count` writers an entry's key belongs to, always the same one. Neighbours of an integer key belong to one
  /// writer, so that writers seldom meet on a page.
  @inlinable public static func share(of entry: Entry, among count: Int) -> Int {
    Int((entry.shareKey >> 9) % UInt64(count))
  }
}
