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
    for measure in measures where measure.keepsValues { sets.encode(words[measure.offset], to: &writer) }
  }

  func decode(into words: Words, from reader: inout StateReader) throws(Failure) {
    try reader.words(words, count: width)
    for measure in measures where measure.keepsValues {
      words[measure.offset] = 0
      let isDistinct = measure.function == .distinct
      try sets.decode(into: words + measure.offset, isIndexed: measure.function.ordersByTime, from: &reader) {
        if isDistinct { AccumulatorLayout.joinZeros(&$0, measure.form) }
      }
    }
  }
}

extension SortedCounts {
  /// A number of one value that no window reaches; with it, sums of them do not overflow.
  private static let limit: Int64 = 1 << 36

  func encode(_ word: UInt64, to writer: inout StateWriter) {
    var count = 0
    forEach(word) { _ in count += 1 }
    writer.append(count)
    forEach(word) { element in
      writer.append(element.pointee.time)
      writer.append(element.pointee.order)
      writer.append(element.pointee.value)
      let text = text(of: element)
      writer.append(text == nil ? 0 : 1)
      if let text { writer.append(text) }
      writer.append(element.pointee.count)
    }
  }

  /// - Parameter change: makes of a value what it counts as.
  func decode(
    into word: Word, isIndexed: Bool, from reader: inout StateReader, change: (inout Key) -> Void
  ) throws(Failure) {
    for _ in 0..<(try reader.count(least: 48)) {
      var key = Key(time: try reader.integer(), order: try reader.integer(), value: try reader.wide())
      if try reader.integer() != 0 { key.text = try reader.text() }
      let count = try reader.integer()
      guard count != 0, count > -SortedCounts.limit, count < SortedCounts.limit else {
        throw StateReader.damaged("has a value a wrong number of times")
      }
      change(&key)
      add(key, count, to: word, isIndexed: isIndexed)
    }
  }
}
