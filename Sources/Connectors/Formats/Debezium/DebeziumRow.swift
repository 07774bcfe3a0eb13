import Change

/// Debezium's letters for what happened.
enum DebeziumOperation {
  case create, update, delete, read, truncate

  var letter: Character {
    switch self {
    case .create: "c"
    case .update: "u"
    case .delete: "d"
    case .read: "r"
    case .truncate: "t"
    }
  }
}

/// A header that names the other key of a row whose key changed.
struct KeyHeader {
  enum Name {
    case newKey, oldKey

    var text: StaticString {
      switch self {
      case .newKey: "__debezium.newkey"
      case .oldKey: "__debezium.oldkey"
      }
    }
  }

  var name: Name
  /// The first cell of the row whose key the header holds, and of the row for columns that the first does not hold.
  var row: Int
  var other: Int
}

/// What the rows of one call have in common: the batch's memory and their transaction.
struct DebeziumRow: ~Escapable {
  let cells: Span<Cell>
  let arena: RawSpan
  let part: TransactionPart

  @_lifetime(copy cells, copy arena)
  init(cells: Span<Cell>, arena: RawSpan, part: TransactionPart) {
    self.cells = cells
    self.arena = arena
    self.part = part
  }

  /// Whether a column of the key differs between two rows. A column that one of them does not hold has not changed.
  func hasChangedKey(_ key: borrowing FixedArray<Int>, _ before: Int, _ after: Int) -> Bool {
    for position in 0..<key.count {
      let old = cells[before + key[position]]
      let new = cells[after + key[position]]
      if old.tag == .absent || new.tag == .absent { continue }
      if !isEqual(old, new) { return true }
    }
    return false
  }

  private func isEqual(_ left: Cell, _ right: Cell) -> Bool {
    guard left.tag == right.tag, left.isSlice else { return left == right }
    guard left.length == right.length else { return false }
    let (first, second) = (arena.extracting(left.range), arena.extracting(right.range))
    for offset in 0..<first.byteCount
    where first.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      != second.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    { return false }
    return true
  }
}
