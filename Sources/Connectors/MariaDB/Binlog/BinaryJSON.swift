internal import Change

/// Writes MySQL's binary JSON as text.
///
/// Numbers keep all their digits, keys their stored order. Decimals are numbers, dates and times strings as MySQL prints
/// them, other opaque values `"base64:typeN:…"`. Source: MySQL's sql-common/json_binary.h.
struct BinaryJSON {
  /// MySQL allows a document 100 levels.
  static let depthLimit = 100
  /// The size of the output past which a document is refused.
  let limit: Int

  /// Appends the text, or returns false when the bytes are no document; then some of it may have been appended.
  func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) -> Bool {
    guard let type = bytes.first else {
      output.append(contentsOf: "null".utf8)
      return true
    }
    return appendValue(type, UnsafeRawBufferPointer(rebasing: bytes[1...]), depth: 0, to: &output)
  }

  private func appendValue(
    _ type: UInt8, _ bytes: UnsafeRawBufferPointer, depth: Int, to output: inout [UInt8]
  ) -> Bool {
    guard depth <= BinaryJSON.depthLimit, output.count < limit else { return false }
    var cursor = ByteCursor(bytes.bytes)
    do {
      switch type {
      case 0, 1: return try appendContainer(bytes, isObject: true, isLarge: type == 1, depth: depth, to: &output)
      case 2, 3: return try appendContainer(bytes, isObject: false, isLarge: type == 3, depth: depth, to: &output)
      case 4: return BinaryJSON.appendLiteral(try cursor.uint8(), to: &output)
      case 5: BinaryJSON.append(Int64(Int16(bitPattern: try cursor.uint16())), to: &output)
      case 6: output.append(decimal: UInt64(try cursor.uint16()))
      case 7: BinaryJSON.append(Int64(Int32(bitPattern: try cursor.uint32())), to: &output)
      case 8: output.append(decimal: UInt64(try cursor.uint32()))
      case 9: BinaryJSON.append(Int64(bitPattern: try cursor.uint64()), to: &output)
      case 10: output.append(decimal: try cursor.uint64())
      case 11:
        let value = Double(bitPattern: try cursor.uint64())
        guard value.isFinite else { return false }
        output.append(contentsOf: value.description.utf8)
      case 12:
        let length = try BinaryJSON.length(&cursor)
        return BinaryJSON.appendString(try cursor.take(length), to: &output)
      case 15:
        let kind = WireType(rawValue: try cursor.uint8())
        let length = try BinaryJSON.length(&cursor)
        return BinaryJSON.appendOpaque(kind, try cursor.take(length), to: &output)
      default: return false
      }
      return true
    } catch { return false }
  }

  private func appendContainer(
    _ bytes: UnsafeRawBufferPointer, isObject: Bool, isLarge: Bool, depth: Int, to output: inout [UInt8]
  ) throws(Truncated) -> Bool {
    var cursor = ByteCursor(bytes.bytes)
    let count = Int(try BinaryJSON.offset(&cursor, isLarge))
    let size = Int(try BinaryJSON.offset(&cursor, isLarge))
    guard size <= bytes.count, count <= bytes.count else { return false }
    let whole = UnsafeRawBufferPointer(rebasing: bytes[0..<size])
    let offsetBytes = isLarge ? 4 : 2
    let keysAt = 2 * offsetBytes
    let valuesAt = keysAt + (isObject ? count * (offsetBytes + 2) : 0)
    guard valuesAt + count * (offsetBytes + 1) <= size else { return false }
    output.append(isObject ? 0x7b : 0x5b)
    for index in 0..<count {
      if index > 0 { output.append(contentsOf: [0x2c, 0x20]) }
      if isObject {
        var entry = ByteCursor(whole.bytes)
        try entry.seek(to: keysAt + index * (offsetBytes + 2))
        let start = Int(try BinaryJSON.offset(&entry, isLarge))
        let length = Int(try entry.uint16())
        try entry.seek(to: start)
        guard BinaryJSON.appendString(try entry.take(length), to: &output) else { return false }
        output.append(contentsOf: [0x3a, 0x20])
      }
      let place = valuesAt + index * (offsetBytes + 1)
      guard appendEntry(whole, at: place, isLarge: isLarge, depth: depth, to: &output) else { return false }
    }
    output.append(isObject ? 0x7d : 0x5d)
    return true
  }

  /// A value's entry holds the value itself where it is short, or else where the value stands.
  private func appendEntry(
    _ whole: UnsafeRawBufferPointer, at place: Int, isLarge: Bool, depth: Int, to output: inout [UInt8]
  ) -> Bool {
    let type = whole[place]
    let isInline = type == 4 || type == 5 || type == 6 || (isLarge && (type == 7 || type == 8))
    if isInline {
      let bytes = UnsafeRawBufferPointer(rebasing: whole[(place + 1)..<(place + 1 + (isLarge ? 4 : 2))])
      return appendValue(type, bytes, depth: depth + 1, to: &output)
    }
    var cursor = ByteCursor(UnsafeRawBufferPointer(rebasing: whole[(place + 1)...]).bytes)
    // An entry that is cut off is as wrong as one that points outside: the caller tells the document's place.
    guard let start = try? BinaryJSON.offset(&cursor, isLarge), start < whole.count else { return false }
    return appendValue(type, UnsafeRawBufferPointer(rebasing: whole[Int(start)...]), depth: depth + 1, to: &output)
  }

  private static func offset(_ cursor: inout ByteCursor, _ isLarge: Bool) throws(Truncated) -> UInt32 {
    isLarge ? try cursor.uint32() : UInt32(try cursor.uint16())
  }

  /// Seven bits a byte, the lowest first, at most five bytes.
  private static func length(_ cursor: inout ByteCursor) throws(Truncated) -> Int {
    var value = 0
    for index in 0..<5 {
      let byte = try cursor.uint8()
      value |= Int(byte & 0x7f) << (7 * index)
      if byte & 0x80 == 0 { return value }
    }
    throw Truncated(offset: cursor.offset, wanted: 1)
  }
}
