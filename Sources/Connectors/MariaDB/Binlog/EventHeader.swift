internal import Change

/// The 19 bytes before every event of a version 4 binary log.
///
/// Source: mariadb.com/kb/en/2-binlog-event-header.
struct EventHeader: Sendable {
  static let byteCount = 19

  /// Seconds since 1970 at which the statement began; 0 in an artificial event.
  var time: UInt32
  var type: EventType
  var server: UInt32
  /// Bytes of the whole event: header, body and checksum.
  var byteCount: Int
  /// The low 32 bits of the offset behind the event; 0 in an artificial event.
  var endPosition: UInt32
  var flags: Flags

  struct Flags: OptionSet, Sendable {
    let rawValue: UInt16
    /// In a format description: the server has the file open, or crashed while it had.
    static let inUse = Flags(rawValue: 0x1)
    /// The event was made for the connection and stands in no file.
    static let artificial = Flags(rawValue: 0x20)
    /// Readers that do not know the type may pass over the event.
    static let ignorable = Flags(rawValue: 0x80)
  }

  init(_ cursor: inout ByteCursor) throws(Truncated) {
    time = try cursor.uint32()
    type = EventType(rawValue: try cursor.uint8())
    server = try cursor.uint32()
    byteCount = Int(try cursor.uint32())
    endPosition = try cursor.uint32()
    flags = Flags(rawValue: try cursor.uint16())
  }

  init(_ event: UnsafeRawBufferPointer) throws(Truncated) {
    var cursor = ByteCursor(event.bytes)
    try self.init(&cursor)
  }
}
