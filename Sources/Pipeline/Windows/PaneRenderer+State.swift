import Change

extension PaneRenderer {
  /// Writes an entry: its group, its header, what it told, and its aggregates with their values.
  func encode(_ entry: Words, to writer: inout StateWriter) {
    groups.withKey(UInt32(truncatingIfNeeded: entry[EntryTable.link])) { writer.append($0) }
    encodeTold(entry, to: &writer)
    layout.encode(entry + stateOffset, to: &writer)
  }

  /// Writes an entry's header and what it told.
  func encodeTold(_ entry: Words, to writer: inout StateWriter) {
    writer.append(entry[EntryTable.rows])
    writer.append(entry[EntryTable.changes])
    writer.append(entry[EntryTable.flags])
    writer.append(words: entry + EntryTable.headerWidth, count: stateOffset - EntryTable.headerWidth)
    for text in toldTexts(entry) { writer.append(text) }
  }

  func decodeGroup(from reader: inout StateReader) throws(Failure) -> UInt32 {
    let key = try reader.text()
    return key.withUnsafeBytes { groups.number(of: $0) }
  }

  /// Reads an entry's words behind its group; the entry is new.
  func decode(into entry: Words, from reader: inout StateReader) throws(Failure) {
    try decodeTold(into: entry, from: &reader)
    try layout.decode(into: entry + stateOffset, from: &reader)
  }

  func decodeTold(into entry: Words, from reader: inout StateReader) throws(Failure) {
    entry[EntryTable.rows] = try reader.unsigned()
    entry[EntryTable.changes] = try reader.unsigned()
    entry[EntryTable.flags] = try reader.unsigned() & ~EntryTable.pendingFlag
    try reader.words(entry + EntryTable.headerWidth, count: stateOffset - EntryTable.headerWidth)
    try takeTexts(entry, from: &reader)
  }
}

extension AccumulatorLayout {
  func encode(_ words: Words, to writer: inout StateWriter) {
    writer.append(words: words, count: width)
    for measure in measures where measure.keepsValues {
      let set = words[measure.offset]
      (set == 0 ? SortedCounts() : sets[Int(set) - 1]).encode(to: &writer)
    }
  }

  func decode(into words: Words, from reader: inout StateReader) throws(Failure) {
    try reader.words(words, count: width)
    for measure in measures where measure.keepsValues {
      let word = words + measure.offset
      word.pointee = 0
      let counts = try SortedCounts(from: &reader)
      if !counts.isEmpty { change(word) { $0 = counts } }
    }
  }
}

extension SortedCounts {
  func encode(to writer: inout StateWriter) {
    writer.append(chunks.reduce(0) { $0 + $1.count })
    for chunk in chunks {
      for element in chunk {
        writer.append(element.key.time)
        writer.append(element.key.order)
        writer.append(element.key.value)
        writer.append(element.key.text == nil ? 0 : 1)
        if let text = element.key.text { writer.append(text) }
        writer.append(element.count)
      }
    }
  }

  init(from reader: inout StateReader) throws(Failure) {
    self.init()
    for _ in 0..<(try reader.count(least: 48)) {
      var key = Key(time: try reader.integer(), order: try reader.integer(), value: try reader.wide())
      if try reader.integer() != 0 { key.text = try reader.text() }
      add(key, try reader.integer())
    }
  }
}
