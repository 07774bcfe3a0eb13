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

  /// The one check of the length covers all six fields.
  @inline(__always)
  init(_ event: UnsafeRawBufferPointer) throws(Truncated) {
    guard let base = event.baseAddress, event.count >= EventHeader.byteCount else {
      throw Truncated(offset: 0, wanted: EventHeader.byteCount)
    }
    time = UInt32(littleEndian: base.loadUnaligned(as: UInt32.self))
    type = EventType(rawValue: base.load(fromByteOffset: 4, as: UInt8.self))
    server = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: 5, as: UInt32.self))
    byteCount = Int(UInt32(littleEndian: base.loadUnaligned(fromByteOffset: 9, as: UInt32.self)))
    endPosition = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: 13, as: UInt32.self))
    flags = Flags(rawValue: UInt16(littleEndian: base.loadUnaligned(fromByteOffset: 17, as: UInt16.self)))
  }
}
