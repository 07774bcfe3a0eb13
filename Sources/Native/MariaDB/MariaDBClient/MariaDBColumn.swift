import Change

/// One column of a result, as its definition packet describes it (mariadb.com/kb/en/result-set-packets).
package struct MariaDBColumn: Hashable, Sendable {
  package var schema: String
  package var table: String
  package var name: String
  /// The collation's id; 63 is binary.
  package var collation: UInt16
  /// The display width in bytes.
  package var length: UInt32
  /// MYSQL_TYPE_…
  package var type: UInt8
  /// NOT_NULL_FLAG = 1, PRI_KEY_FLAG = 2, UNSIGNED_FLAG = 32, BINARY_FLAG = 128, …
  package var flags: UInt16
  package var decimals: UInt8

  package var isUnsigned: Bool { flags & 32 != 0 }
  package var isBinary: Bool { collation == 63 }

  init(_ packet: RawSpan) throws(Truncated) {
    var cursor = ByteCursor(packet)
    _ = try Self.text(&cursor)
    schema = try Self.text(&cursor)
    table = try Self.text(&cursor)
    _ = try Self.text(&cursor)
    name = try Self.text(&cursor)
    _ = try Self.text(&cursor)
    // MariaDB's extended metadata, when negotiated, stands before the 13 bytes of fixed fields.
    if cursor.remaining > 13 { _ = try Self.text(&cursor) }
    _ = try cursor.lengthEncoded()
    collation = try cursor.uint16()
    length = try cursor.uint32()
    type = try cursor.uint8()
    flags = try cursor.uint16()
    decimals = try cursor.uint8()
  }

  private static func text(_ cursor: inout ByteCursor) throws(Truncated) -> String {
    let count = try cursor.lengthEncoded()
    let bytes = try cursor.take(Int(clamping: count))
    return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
