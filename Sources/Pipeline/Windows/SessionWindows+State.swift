import Change

extension SessionWindows {
  /// Writes every group with its event times and what was told of it. No transaction is open, so nothing is pending.
  func encode(to writer: inout StateWriter) {
    writer.append(passed)
    var count = 0
    forEachLive { _ in count += 1 }
    writer.append(count)
    forEachLive { number in
      let own = group(number).pointee
      groups.withKey(number) { writer.append($0) }
      writer.append(Int(own.changes))
      writer.append(own.moments.count)
      for index in 0..<own.moments.count { encode(own.moments.elements(in: blocks)[index], to: &writer) }
      writer.append(own.told.count)
      for index in 0..<own.told.count {
        budget.settleLater()
        let element = own.told.elements(in: blocks)[index]
        writer.append(element.time)
        renderer.encodeTold(told.peek(element.entry), to: &writer)
      }
    }
    writer.append(timers.count)
    for index in 0..<timers.count {
      budget.settleLater()
      let timer = timers[index]
      groups.withKey(timer.group) { writer.append($0) }
      writer.append(timer.at)
      writer.append(timer.time)
    }
    for list in [early, late] {
      writer.append(list.count)
      for group in list { groups.withKey(group) { writer.append($0) } }
    }
  }

  private func forEachLive(_ body: (UInt32) -> Void) {
    groups.forEach { number in
      budget.settleLater()
      let own = group(number)
      if !own.pointee.moments.isEmpty || !own.pointee.told.isEmpty { body(number) }
    }
  }

  private func encode(_ moment: EntryList.Element, to writer: inout StateWriter) {
    budget.settleLater()
    let words = moments.peek(moment.entry)
    writer.append(moment.time)
    writer.append(words[0])
    layout.encode(words + SessionWindows.momentHeader, to: &writer)
  }

  func decode(from reader: inout StateReader) throws(Failure) {
    passed = try reader.integer()
    for _ in 0..<(try reader.count(least: 32)) {
      try budget.settle()
      let number = try renderer.decodeGroup(from: &reader)
      let changes = try reader.integer()
      guard group(number).pointee.moments.isEmpty, group(number).pointee.told.isEmpty else {
        throw StateReader.damaged("has a group twice")
      }
      group(number).pointee.changes = UInt32(truncatingIfNeeded: max(0, min(changes, Int64(UInt32.max))))
      for _ in 0..<(try reader.count(least: 16)) { try decodeMoment(of: number, from: &reader) }
      for _ in 0..<(try reader.count(least: 16)) {
        try budget.settle()
        guard let entry = restoreTold(at: try reader.time(), number) else {
          throw StateReader.damaged("has a session twice")
        }
        try renderer.decodeTold(into: told.words(entry), from: &reader)
        guard StateReader.isTime(Int64(bitPattern: told.words(entry)[EntryTable.rows])) else {
          throw StateReader.damaged("has a time that is none")
        }
      }
      groups.removeIfUnused(number)
    }
    for _ in 0..<(try reader.count(least: 24)) {
      try budget.settle()
      let group = try renderer.decodeGroup(from: &reader)
      restoreTimer(at: try reader.time(), group, try reader.time())
    }
    for isEarly in [true, false] {
      for _ in 0..<(try reader.count(least: 8)) {
        wait(try renderer.decodeGroup(from: &reader), early: isEarly, late: !isEarly)
      }
    }
  }

  private func decodeMoment(of group: UInt32, from reader: inout StateReader) throws(Failure) {
    try budget.settle()
    guard let moment = restoreMoment(at: try reader.time(), group) else {
      throw StateReader.damaged("has event times out of order")
    }
    let words = moments.words(moment)
    words[0] = try reader.unsigned()
    try layout.decode(into: words + SessionWindows.momentHeader, from: &reader)
  }
}
