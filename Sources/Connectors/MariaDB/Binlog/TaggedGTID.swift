internal import Change

/// The GTID event of MySQL 8.3 and later, in which every field has a number and a variable length.
///
/// Source: MySQL's libs/mysql/serialization/readme.md and libbinlogevents `Gtid_event`.
struct TaggedGTID {
  var gtid: GTID
  var immediateCommit: EventTime?

  /// The end of the year 9999, in microseconds.
  static let latestCommit: UInt64 = 253_402_300_799_999_999

  init(_ body: UnsafeRawBufferPointer) throws {
    var cursor = ByteCursor(body.bytes)
    for _ in 0..<3 { _ = try TaggedGTID.number(&cursor) }
    var source = GTIDSource(high: 0, low: 0)
    var number: UInt64 = 0
    while !cursor.isAtEnd {
      switch try TaggedGTID.number(&cursor) {
      case 0: _ = try TaggedGTID.number(&cursor)
      case 1:
        source.high = try TaggedGTID.half(&cursor)
        source.low = try TaggedGTID.half(&cursor)
      case 2: number = try TaggedGTID.number(&cursor) >> 1
      case 3:
        let length = Int(clamping: try TaggedGTID.number(&cursor))
        guard length <= 32, let tag = String(validating: try cursor.take(length)) else {
          throw Failure(.corruptLog, "a GTID has a tag that is no text")
        }
        source.tag = tag
      case 6:
        let microseconds = try TaggedGTID.number(&cursor)
        guard microseconds <= TaggedGTID.latestCommit else {
          throw Failure(.corruptLog, "a GTID event has a commit time that no clock shows")
        }
        immediateCommit = EventTime(microseconds: Int64(microseconds))
      case 4, 5, 7, 8, 9, 10, 11: _ = try TaggedGTID.number(&cursor)
      // Fields come in the order of their numbers: what follows is newer than all that is needed.
      default: _ = cursor.rest()
      }
    }
    guard number > 0 else { throw Failure(.corruptLog, "a GTID event holds no transaction number") }
    gtid = .mysql(source, number: number)
  }

  /// As many bytes follow the first as it ends in one-bits; the value stands above them.
  private static func number(_ cursor: inout ByteCursor) throws(Truncated) -> UInt64 {
    let first = try cursor.uint8()
    let extra = (~first).trailingZeroBitCount
    if extra == 0 { return UInt64(first >> 1) }
    let rest = try cursor.littleEndian(bytes: extra)
    if extra >= 7 { return rest }
    return rest << UInt64(7 - extra) | UInt64(first >> UInt8(extra + 1))
  }

  private static func half(_ cursor: inout ByteCursor) throws(Truncated) -> UInt64 {
    var value: UInt64 = 0
    for _ in 0..<8 { value = value << 8 | (try number(&cursor) & 0xff) }
    return value
  }
}
