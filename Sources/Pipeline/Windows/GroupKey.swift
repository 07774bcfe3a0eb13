import Change

/// The values that tell a group from the others, as bytes: for each column a tag and a scale, then a number, or a length
/// and a text.
enum GroupKey {
  /// Writes a row's group over the buffer's content.
  static func make(_ row: AccumulatorLayout.Row, _ columns: [Int], into key: inout [UInt8]) throws(Failure) {
    key.removeAll(keepingCapacity: true)
    for column in columns {
      let cell = row.reader.cells[row.first + column]
      guard cell.hasValue else {
        throw Failure(
          .badValue, "a row has no value in a column that tells its group",
          hint: "give it one with `compute`, for example coalesce(name, ''), or leave such rows out with `filter`")
      }
      key.append(cell.tag.rawValue)
      key.append(cell.scale)
      if cell.isSlice {
        let bytes = row.reader.bytes(of: cell)
        withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { key.append(contentsOf: $0) }
        key.append(contentsOf: bytes)
      } else {
        withUnsafeBytes(of: cell.payload.littleEndian) { key.append(contentsOf: $0) }
      }
    }
  }

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
