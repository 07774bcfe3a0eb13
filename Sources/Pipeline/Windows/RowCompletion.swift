import Change

/// Makes whole rows of the changes of a log without them: what a change leaves out of the row before or after it is in the
/// rows that are remembered.
///
/// The rows that come out have the columns that the window reads, and the key, only. *Determinism*: what is remembered follows
/// from the log alone. *Thread*: one at a time.
final class RowCompletion {
  private let rows: RememberedRows
  /// The rows of one batch that are completed have at most so many bytes of texts: 256 MiB.
  private static let arenaLimit = 256 << 20
  /// Texts of a batch that need more memory than this give it back: 4 MiB.
  private static let keptBytes = 4 << 20

  private let window: String
  private let budget: StateBudget
  /// The table with the columns that are remembered, as it was last.
  private(set) var schema: TableSchema?

  /// One version of the table's own schema.
  private struct Version {
    let source: TableSchema
    let projected: TableSchema
    /// The columns that are remembered, as indexes of the source's.
    let columns: [Int]
    let inserted: [InsertedCell?]
  }

  private var versions = SchemaPlans<Version>()

  /// Columns in the order in which they are packed, those of the key first.
  @exclusivity(unchecked) private var packing: [Int] = []
  @exclusivity(unchecked) private var keyCount = 0
  @exclusivity(unchecked) private var sources: [Int] = []
  /// How many columns the images have.
  @exclusivity(unchecked) private var width = 0
  @exclusivity(unchecked) private var inserted: [InsertedCell?] = []
  /// Of the schema of the batch whose columns are `sources`.
  @exclusivity(unchecked) private var bound = UInt16.max

  private let builder = BatchBuilder()
  @exclusivity(unchecked) private var cells: [Cell] = []
  @exclusivity(unchecked) private var changes: [RowChange] = []
  @exclusivity(unchecked) private var arena: [UInt8] = []
  private let key = PackedRow()
  private let row = PackedRow()

  init(window: String, _ budget: StateBudget) {
    self.window = window
    self.budget = budget
    rows = RememberedRows(budget)
  }

  /// Bytes of what is remembered, in memory and in files.
  var byteCount: Int { rows.byteCount }

  /// The table with the columns that are remembered.
  /// - Parameter columns: the names of those that the window reads; counts for the first schema.
  func bind(_ schema: TableSchema, _ columns: [String]) throws(Failure) -> TableSchema {
    let projected = try version(of: schema, columns).projected
    if projected !== self.schema { adopt(projected) }
    return projected
  }

  private func version(of schema: TableSchema, _ columns: [String] = []) throws(Failure) -> Version {
    try versions.plan(for: schema) { schema throws(Failure) in
      try makeVersion(of: schema, self.schema?.columns.map(\.name) ?? columns)
    }
  }

  private func makeVersion(of schema: TableSchema, _ names: [String]) throws(Failure) -> Version {
    var chosen: [(index: Int, name: String)] = []
    for name in names {
      guard let index = schema.column(named: name) else {
        throw Failure(
          .schemaMismatch, "window \"\(window)\" remembers a column \"\(name)\" that the table does not have any more",
          at: "table \"\(schema.name)\"", hint: "begin the window anew under another name")
      }
      chosen.append((index, name))
    }
    let projected = schema.projected(chosen)
    guard projected.key.count == schema.key.count,
      self.schema.map({ RowCompletion.keyForms($0) == RowCompletion.keyForms(projected) }) ?? true
    else {
      throw Failure(
        .schemaChange, "the table has another key now than the rows that window \"\(window)\" remembers",
        at: "table \"\(schema.name)\"", hint: "begin the window anew under another name")
    }
    return Version(
      source: schema, projected: projected, columns: chosen.map(\.index),
      inserted: chosen.map { schema.columns[$0.index].insertedCell })
  }

  /// The places of the key's columns, and how their values are written: keys are compared as bytes.
  private static func keyForms(_ schema: TableSchema) -> [String] {
    schema.key.map { column in
      switch schema.columns[column].type {
      case .integer(_, let isUnsigned): "\(column) \(isUnsigned ? "unsigned" : "integer")"
      case .decimal(let precision, let scale, _): "\(column) decimal \(scale) \(precision <= 18)"
      case .text: "\(column) text"
      case .bytes: "\(column) bytes"
      case let type: "\(column) \(type)"
      }
    }
  }

  /// Goes on with a stored state's table.
  func adopt(_ schema: TableSchema) {
    self.schema = schema
    keyCount = schema.key.count
    packing = schema.key + schema.columns.indices.filter { !schema.key.contains($0) }
  }

  /// The batch with whole rows of the table, and nothing of others: their changes keep their places.
  /// - Parameter isOurs: by schema, whether it is of the table; each was bound.
  func complete(_ batch: Batch, _ isOurs: [Bool]) throws(Failure) -> Batch {
    cells.removeAll(keepingCapacity: true)
    changes.removeAll(keepingCapacity: true)
    arena.removeAll(keepingCapacity: true)
    bound = .max
    try batch.cells.withUnsafeBufferPointer { (images) throws(Failure) in
      try batch.arena.withUnsafeBufferPointer { (arena) throws(Failure) in
        let images = Images(cells: images, bytes: UnsafeRawBufferPointer(arena))
        for change in batch.changes {
          var change = change
          try budget.settle()
          if change.operation == .schema || !isOurs[Int(change.schema)] {
            (change.before, change.after) = (RowChange.noCells, RowChange.noCells)
            if change.operation != .schema { change.schema = builder.index(of: batch.schemas[Int(change.schema)]) }
          } else {
            if change.schema != bound { try bindColumns(of: batch.schemas[Int(change.schema)], change.schema) }
            try complete(&change, images)
            guard self.arena.count <= RowCompletion.arenaLimit else { throw tooLarge }
            change.schema = target
          }
          changes.append(change)
        }
      }
    }
    return assemble(batch)
  }

  private struct Images {
    let cells: UnsafeBufferPointer<Cell>
    let bytes: UnsafeRawBufferPointer
  }

  /// The index of the table's schema in the batch that is made.
  @exclusivity(unchecked) private var target: UInt16 = 0

  private func bindColumns(of schema: TableSchema, _ index: UInt16) throws(Failure) {
    let entry = try version(of: schema)
    (bound, sources, inserted) = (index, entry.columns, entry.inserted)
    width = entry.source.columns.count
    target = builder.index(of: entry.projected)
  }

  private func assemble(_ batch: Batch) -> Batch {
    arena.withUnsafeBytes { _ = builder.append($0) }
    cells.withUnsafeBufferPointer { builder.append(cells: $0) }
    changes.withUnsafeBufferPointer { builder.append(contentsOf: $0) }
    if arena.capacity > RowCompletion.keptBytes { arena = [] }
    var parts = batch.transactions
    for index in parts.indices { parts[index].identifier = Range32(offset: 0, length: 0) }
    return Batch.relabel(builder.take(position: batch.position), transactions: parts, position: batch.position)
  }

  private var tooLarge: Failure {
    Failure(
      .limit,
      "the rows of one batch of changes have more than \(RowCompletion.arenaLimit >> 20) MiB when what the log leaves out "
        + "is filled in for window \"\(window)\"",
      at: "table \"\(schema?.name.description ?? "")\"",
      hint: "let the window read no long texts, or the source log whole rows: binlog_row_image=FULL, or "
        + "REPLICA IDENTITY FULL")
  }

  private func complete(_ change: inout RowChange, _ images: Images) throws(Failure) {
    let (before, after) = (change.before, change.after)
    (change.before, change.after) = (RowChange.noCells, RowChange.noCells)
    switch change.operation {
    case .insert, .read: change.after = try insert(after, isRead: change.operation == .read, images)
    case .update: (change.before, change.after) = try update(before, after, images)
    case .delete: change.before = try delete(before, images)
    case .schema: break
    }
  }

  private func insert(_ image: UInt32, isRead: Bool, _ images: Images) throws(Failure) -> UInt32 {
    let first = cells.count
    guard image != RowChange.noCells else { throw incomplete("an insert does not hold its row") }
    if !copy(image, images) {
      for index in sources.indices where !RowCompletion.isKnown(cells[first + index]) {
        guard !isRead, cells[first + index].tag == .absent, let value = inserted[index] else {
          let name = schema?.columns[index].name ?? ""
          throw incomplete(
            "an inserted row does not hold the column \"\(name)\", which window \"\(window)\" reads, and its default is not "
              + "known")
        }
        cells[first + index] = value.bytes.withUnsafeBytes { appended(value.cell, $0) }
      }
    }
    try remember(first)
    return UInt32(first)
  }

  private func update(_ before: UInt32, _ after: UInt32, _ images: Images) throws(Failure) -> (UInt32, UInt32) {
    guard after != RowChange.noCells else { throw incomplete("an update does not hold the row after it") }
    // What identifies the row is in the row before it, unless it was not logged because it has not changed.
    let place = try find(before == RowChange.noCells ? after : before, or: after, images)
    let old = try appendOld(place, before, images)
    let first = cells.count
    if !copy(after, images) {
      for index in sources.indices where !RowCompletion.isKnown(cells[first + index]) {
        cells[first + index] = cells[Int(old) + index]
      }
    }
    pack(first)
    if let place, RowCompletion.isEqual(key.bytes, row.bytes, keyLength) {
      rows.replace(row.bytes, keyLength: keyLength, at: place)
    } else {
      if let place { rows.remove(at: place) }
      try remember(first)
    }
    return (old, UInt32(first))
  }

  private func delete(_ image: UInt32, _ images: Images) throws(Failure) -> UInt32 {
    guard image != RowChange.noCells else { throw incomplete("a delete does not hold the key of its row") }
    let place = try find(image, or: image, images)
    let old = try appendOld(place, image, images)
    if let place { rows.remove(at: place) }
    return old
  }

  /// Appends the row before a change: as it is remembered, or, when it is not, as the log has it.
  private func appendOld(_ place: RememberedRows.Place?, _ image: UInt32, _ images: Images) throws(Failure) -> UInt32 {
    let first = UInt32(cells.count)
    if let place {
      try appendRemembered(place)
    } else if image == RowChange.noCells || !isWhole(image, images) || !copy(image, images) {
      throw Failure(
        .badValue,
        "a change is of a row that window \"\(window)\" does not remember: it was there before the window, or a "
          + "transform has left it out",
        at: "table \"\(schema?.name.description ?? "")\"",
        hint: "let the pipeline begin with a snapshot, and the source log whole rows where `filter` or "
          + "`on_bad_row: quarantine` leave some out: binlog_row_image=FULL, or REPLICA IDENTITY FULL")
    }
    return first
  }

  /// Whether the log has all of a row, and not only what identifies it: only then is it certain that the window got it.
  private func isWhole(_ image: UInt32, _ images: Images) -> Bool {
    for index in 0..<width where !RowCompletion.isKnown(images.cells[Int(image) + index]) { return false }
    return true
  }

  private func appendRemembered(_ place: RememberedRows.Place) throws(Failure) {
    let first = cells.count
    let bytes = rows.bytes(at: place)
    var reader = PackedRowReader(bytes)
    for _ in packing.indices { cells.append(.null) }
    for index in packing.indices {
      let cell = try reader.next()
      cells[first + packing[index]] = appended(cell, bytes)
    }
  }

  /// Appends what an image holds of the columns that are remembered; returns whether that is all of them.
  private func copy(_ image: UInt32, _ images: Images) -> Bool {
    var isWhole = true
    for index in sources.indices {
      let cell = images.cells[Int(image) + sources[index]]
      if !RowCompletion.isKnown(cell) { isWhole = false }
      cells.append(appended(cell, images.bytes))
    }
    return isWhole
  }

  /// A cell of the batch that is made: with bytes of its own, where it has some.
  @inline(__always) private func appended(_ cell: Cell, _ bytes: UnsafeRawBufferPointer) -> Cell {
    guard cell.isSlice else { return cell }
    let offset = arena.count
    arena.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[cell.range]))
    return .slice(cell.tag, offset: offset, length: cell.length, scale: cell.scale)
  }

  @inline(__always) private static func isKnown(_ cell: Cell) -> Bool {
    cell.tag != .absent && cell.tag != .unavailable
  }

  /// Where the row with the key of an image is remembered; columns that it does not hold are in the other one.
  private func find(_ image: UInt32, or other: UInt32, _ images: Images) throws(Failure) -> RememberedRows.Place? {
    key.begin()
    for index in 0..<keyCount {
      let column = sources[packing[index]]
      var cell = images.cells[Int(image) + column]
      if !RowCompletion.isKnown(cell) { cell = images.cells[Int(other) + column] }
      guard RowCompletion.isKnown(cell) else { throw incomplete("a change does not hold the key of its row") }
      key.append(cell, RowCompletion.slice(cell, images.bytes))
    }
    return rows.find(key.bytes)
  }

  @inline(__always) private static func slice(
    _ cell: Cell, _ bytes: UnsafeRawBufferPointer
  ) -> UnsafeRawBufferPointer {
    cell.isSlice ? UnsafeRawBufferPointer(rebasing: bytes[cell.range]) : UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Of the row that was packed last.
  @exclusivity(unchecked) private var keyLength = 0

  /// Packs the row whose cells begin at `first`.
  private func pack(_ first: Int) {
    row.begin()
    arena.withUnsafeBytes { bytes in
      for index in packing.indices {
        let cell = cells[first + packing[index]]
        row.append(cell, RowCompletion.slice(cell, bytes))
        if index + 1 == keyCount { keyLength = row.count }
      }
    }
  }

  private static func isEqual(_ key: UnsafeRawBufferPointer, _ row: UnsafeRawBufferPointer, _ keyLength: Int) -> Bool {
    guard key.count == keyLength else { return false }
    for index in key.indices where key[index] != row[index] { return false }
    return true
  }

  /// Remembers a row whose key is new.
  private func remember(_ first: Int) throws(Failure) {
    pack(first)
    guard rows.find(UnsafeRawBufferPointer(rebasing: row.bytes[..<keyLength])) == nil else {
      throw Failure(
        .badValue, "a row comes whose key another row has that window \"\(window)\" remembers",
        at: "table \"\(schema?.name.description ?? "")\"",
        hint: "rows of several tables under one name need a key that tells them apart")
    }
    rows.insert(row.bytes, keyLength: keyLength)
  }

  private func incomplete(_ what: String) -> Failure {
    Failure(
      .badValue, what, at: "table \"\(schema?.name.description ?? "")\"",
      hint: "let the source log whole rows: binlog_row_image=FULL, or REPLICA IDENTITY FULL")
  }
}

extension RowCompletion {
  func encode(to writer: inout StateWriter) { rows.encode(to: &writer) }

  func decode(from reader: inout StateReader) throws(Failure) {
    let (packing, keyCount) = (packing, keyCount)
    try rows.decode(from: &reader) { row, keyLength in
      var reader = PackedRowReader(row)
      for index in packing.indices {
        do {
          _ = try reader.next()
        } catch {
          return false
        }
        if index + 1 == keyCount, reader.readCount != keyLength { return false }
      }
      return true
    }
  }
}
