internal import Change

extension GTIDSet {
  /// Reads MySQL's binary form: of a PREVIOUS_GTIDS event, with and without tags.
  ///
  /// Source: MySQL's sql/rpl_gtid_set.cc, `Gtid_set::encode` and `add_gtid_encoding`.
  init(encoded cursor: inout ByteCursor) throws {
    self.init()
    let head = try cursor.uint64()
    // Since 8.3 the last byte is the form's number, 1 with tags; the count then stands in bytes 1 to 6.
    let isTagged = head >> 56 == 1
    let count = isTagged ? head >> 8 & 0xffff_ffff_ffff : head
    guard count <= UInt64(cursor.remaining / 24) else {
      throw Truncated(offset: cursor.offset, wanted: Int(clamping: count))
    }
    for _ in 0..<count {
      let high = try cursor.bigEndian(bytes: 8)
      var source = GTIDSource(high: high, low: try cursor.bigEndian(bytes: 8))
      if isTagged {
        let length = Int(try cursor.uint8() >> 1)
        guard length <= 32, let tag = String(validating: try cursor.take(length)) else {
          throw Failure(.corruptLog, "a GTID set holds a tag that is no text")
        }
        source.tag = tag
      }
      let ranges = try cursor.uint64()
      guard ranges <= UInt64(cursor.remaining / 16) else {
        throw Truncated(offset: cursor.offset, wanted: Int(clamping: ranges))
      }
      for _ in 0..<ranges {
        let first = try cursor.uint64()
        let end = try cursor.uint64()
        guard first >= 1, end > first else { throw Failure(.corruptLog, "a GTID set holds an empty interval") }
        insert(first...(end - 1), of: source)
      }
    }
  }
}
