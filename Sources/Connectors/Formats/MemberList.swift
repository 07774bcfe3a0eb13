import Change

/// The members of a table's ENUM and SET columns as bytes, to turn a value back into the number that the server stores.
struct MemberList: ~Copyable {
  private let text: ByteWriter
  private let ends: FixedArray<Int>

  /// - Parameter columns: the members of each column, one behind the other.
  init(_ members: [String]) {
    var text = ByteWriter(capacity: 256)
    var ends = [0]
    for member in members {
      text.append(string: member)
      ends.append(text.count)
    }
    self.text = text
    self.ends = FixedArray(ends)
  }

  /// The place of `value` among `members`, from 1; 0 for the empty text of an invalid value, nil when it is none of them.
  func number(of value: RawSpan, among members: Range<Int>) -> UInt64? {
    for member in members {
      let bytes = text.bytes.extracting(ends[member]..<ends[member + 1])
      if CellComparison.isEqual(bytes, value) { return UInt64(member - members.lowerBound + 1) }
    }
    return value.byteCount == 0 ? 0 : nil
  }

  /// The bits of a SET's value: the first of `members` is the lowest.
  func bits(of value: RawSpan, among members: Range<Int>) -> UInt64? {
    var bits: UInt64 = 0
    var start = 0
    if value.byteCount == 0 { return 0 }
    for end in 0...value.byteCount {
      guard end == value.byteCount || value.unsafeLoad(fromByteOffset: end, as: UInt8.self) == UInt8(ascii: ",") else {
        continue
      }
      guard let number = number(of: value.extracting(start..<end), among: members), (1...64).contains(number) else {
        return nil
      }
      bits |= 1 << (number - 1)
      start = end + 1
    }
    return bits
  }
}
