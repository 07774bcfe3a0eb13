import Change

/// One of the headers of a record: where its name and its value lie in the writer.
///
/// They stand one behind the other, each with the lengths of both, four bytes little-endian, before it.
package struct EncodedHeader: Hashable, Sendable {
  package let name: Range<Int>
  package let value: Range<Int>
  private static let prefix = 8

  /// Appends the name; returns where the header begins.
  static func begin(_ name: [UInt8], _ writer: inout ByteWriter) -> Int {
    let start = writer.count
    for byte in 0..<4 { writer.append(UInt8(truncatingIfNeeded: name.count >> (8 * byte))) }
    for _ in 0..<4 { writer.append(0) }
    writer.append(name)
    return start
  }

  /// Says how long the value is that was appended behind the name.
  static func end(_ start: Int, valueLength: Int, _ writer: inout ByteWriter) {
    for byte in 0..<4 {
      writer.replace(at: start + 4 + byte, with: UInt8(truncatingIfNeeded: valueLength >> (8 * byte)))
    }
  }

  /// Takes the next header off the range in which a record's headers lie; nil: there is none.
  package static func next(_ range: inout Range<Int>, in bytes: RawSpan) -> EncodedHeader? {
    guard range.count >= prefix else { return nil }
    var cursor = ByteCursor(bytes.extracting(range))
    do throws(Truncated) {
      let nameLength = Int(try cursor.uint32())
      let valueLength = Int(try cursor.uint32())
      let name = try cursor.advance(nameLength) + range.lowerBound
      let value = try cursor.advance(valueLength) + range.lowerBound
      range = value + valueLength..<range.upperBound
      return EncodedHeader(name: name..<name + nameLength, value: value..<value + valueLength)
    } catch {
      // The lengths are this type's own.
      return nil
    }
  }
}
