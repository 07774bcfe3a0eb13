import Change

extension SessionWindows {
  /// Writes every group with its event times and what was told of it. No transaction is open, so nothing is pending.
  func encode(to writer: inout StateWriter) {
    writer.append(passed)
    let live = sessions.indices.filter { index in
      let group = sessions[index]
      return !group.moments.isEmpty || !group.told.isEmpty || group.waitsForEarly || group.waitsForLate
    }
    writer.append(live.count)
    for index in live {
      let group = sessions[index]
      groups.withKey(UInt32(index)) { writer.append($0) }
      writer.append(group.changes)
      writer.append((group.waitsForEarly ? 1 : 0) | (group.waitsForLate ? 2 : 0))
      writer.append(group.moments.count)
      for moment in group.moments { encode(moment, to: &writer) }
      writer.append(group.told.count)
      for entry in group.told {
        writer.append(told.end(entry))
        renderer.encodeTold(told.words(entry), to: &writer)
      }
    }
    writer.append(timers.timers.count)
    for timer in timers.timers {
      groups.withKey(timer.group) { writer.append($0) }
      writer.append(timer.at)
      writer.append(timer.time)
    }
  }

  private func encode(_ moment: UInt32, to writer: inout StateWriter) {
    let words = moments.words(moment)
    writer.append(moments.end(moment))
    writer.append(words[EntryTable.rows])
    layout.encode(words + EntryTable.headerWidth, to: &writer)
  }

  func decode(from reader: inout StateReader) throws(Failure) {
    passed = try reader.integer()
    for _ in 0..<(try reader.count(least: 32)) {
      let group = try renderer.decodeGroup(from: &reader)
      while sessions.count <= Int(group) { sessions.append(Group()) }
      guard sessions[Int(group)].moments.isEmpty else { throw StateReader.damaged("has a group twice") }
      sessions[Int(group)].changes = Int(try reader.integer())
      let waits = try reader.integer()
      wait(group, early: waits & 1 != 0, late: waits & 2 != 0)
      for _ in 0..<(try reader.count(least: 16)) {
        guard let moment = restoreMoment(at: try reader.integer(), group) else {
          throw StateReader.damaged("has event times out of order")
        }
        let words = moments.words(moment)
        words[EntryTable.rows] = try reader.unsigned()
        try layout.decode(into: words + EntryTable.headerWidth, from: &reader)
      }
      for _ in 0..<(try reader.count(least: 16)) {
        let entry = told.insert(end: try reader.integer(), group: group)
        groups.retain(group)
        sessions[Int(group)].told.append(entry)
        try renderer.decodeTold(into: told.words(entry), from: &reader)
      }
    }
    for _ in 0..<(try reader.count(least: 24)) {
      let group = try renderer.decodeGroup(from: &reader)
      while sessions.count <= Int(group) { sessions.append(Group()) }
      setTimer(Timer(at: try reader.integer(), group: group, time: try reader.integer()))
    }
  }
}
