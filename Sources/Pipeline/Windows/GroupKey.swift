import Change

/// The values that tell a group from the others, as bytes: for each column a tag and a scale, then a number, or a length
/// and a text.
enum GroupKey {
  /// Appends the group's values to a row of the result.
  static func write(_ key: UnsafeRawBufferPointer, _ plan: WindowPlan, to writer: PaneWriter) throws(Failure) {
    var offset = 0
    for _ in plan.groupColumns {
      guard key.count - offset >= 6, let tag = Cell.Tag(rawValue: key[offset]) else { throw damaged() }
      let scale = key[offset + 1]
      let cell = Cell(tag, 0, scale: scale)
      if cell.isSlice {
        let length = Int(UInt32(littleEndian: key.loadUnaligned(fromByteOffset: offset + 2, as: UInt32.self)))
        guard key.count - offset - 6 >= length else { throw damaged() }
        let bytes = UnsafeRawBufferPointer(rebasing: key[(offset + 6)..<(offset + 6 + length)])
        writer.append(tag, bytes, scale: scale)
        offset += 6 + length
      } else {
        guard key.count - offset >= 10 else { throw damaged() }
        let payload = UInt64(littleEndian: key.loadUnaligned(fromByteOffset: offset + 2, as: UInt64.self))
        writer.append(Cell(tag, payload, scale: scale))
        offset += 10
      }
    }
  }

  private static func damaged() -> Failure {
    Failure(.corruptState, "the state of a window holds a group that cannot be read")
  }
}

/// Where the key of a row's group is made, again and again. *Thread*: one at a time.
final class GroupKeyBuffer {
  @exclusivity(unchecked) private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 8)
  @exclusivity(unchecked) private var count = 0

  deinit { memory.deallocate() }

  /// The key that was made last.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

  /// Makes the key of a row.
  @inline(__always) func set(_ row: AccumulatorLayout.Row, _ columns: [Int]) throws(MissingValue) {
    count = 0
    for index in columns.indices {
      let cell = row.reader.cells[row.first + columns[index]]
      guard cell.hasValue else { throw MissingValue(column: columns[index]) }
      if count + 16 > memory.count { grow(16) }
      memory[count] = cell.tag.rawValue
      memory[count + 1] = cell.scale
      if cell.isSlice {
        append(row.reader.bytes(of: cell))
      } else {
        memory.storeBytes(of: cell.payload.littleEndian, toByteOffset: count + 2, as: UInt64.self)
        count += 10
      }
    }
  }

  @inline(__always) private func append(_ text: UnsafeRawBufferPointer) {
    if count + 6 + text.count > memory.count { grow(6 + text.count) }
    memory.storeBytes(of: UInt32(text.count).littleEndian, toByteOffset: count + 2, as: UInt32.self)
    UnsafeMutableRawBufferPointer(rebasing: memory[(count + 6)...]).copyMemory(from: text)
    count += 6 + text.count
  }

  private func grow(_ more: Int) {
    let grown = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * (memory.count + more), alignment: 8)
    grown.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
    // The tag and scale of the column that is being written lie behind the count.
    if count + 2 <= memory.count { (grown[count], grown[count + 1]) = (memory[count], memory[count + 1]) }
    memory.deallocate()
    memory = grown
  }

  /// A row has no value in a column that tells its group.
  struct MissingValue: Error {
    let column: Int

    func failure(_ plan: WindowPlan) -> Failure {
      let name = plan.schema.columns[column].name
      return Failure(
        .badValue,
        "a row of table \"\(plan.schema.name)\" is NULL in column \"\(name)\", by which window "
          + "\"\(plan.definition.name)\" groups", at: plan.definition.place(of: "group_by \(name)"),
        hint: "give it a value with `compute`, for example \(name): coalesce(\(name), …), or leave such rows out with "
          + "`filter`: \(name) is not null")
    }
  }
}
