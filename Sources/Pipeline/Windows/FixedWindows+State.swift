import Change

extension FixedWindows {
  /// Writes every window with its groups, in their order. No transaction is open, so nothing is pending.
  func encode(to writer: inout StateWriter) throws(Failure) {
    try closeSlices()
    writer.append(spans.count)
    writer.append(passedCount)
    for span in spans {
      writer.append(span.end)
      var entries = 0
      var entry = span.head
      while entry != EntryTable.none {
        budget.settleLater()
        entries += 1
        entry = table.next(entry)
      }
      writer.append(entries)
      entry = span.head
      while entry != EntryTable.none {
        budget.settleLater()
        renderer.encode(table.peek(entry), to: &writer)
        entry = table.next(entry)
      }
    }
  }

  /// Reads into a state that is empty.
  func decode(from reader: inout StateReader) throws(Failure) {
    let count = try reader.count(least: 16)
    let passed = try reader.integer()
    guard passed >= 0, passed <= count else { throw StateReader.damaged("has a wrong number of windows") }
    var last = Int64.min
    for _ in 0..<count {
      let end = try reader.time()
      guard end > last else { throw StateReader.damaged("has windows out of order") }
      last = end
      let entries = try reader.count(least: 8)
      guard entries > 0 else { throw StateReader.damaged("has a window without rows") }
      for _ in 0..<entries {
        try budget.settle()
        let group = try renderer.decodeGroup(from: &reader)
        guard find(group, end: end) == EntryTable.none else {
          throw StateReader.damaged("has a group twice")
        }
        let entry = append(end: end, group)
        try renderer.decode(into: table.words(entry), from: &reader)
        if table.changes(entry) > 0 { spans[spans.count - 1].changed += 1 }
      }
    }
    passedCount = Int(passed)
  }
}
