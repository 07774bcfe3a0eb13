internal import Change

/// The identifier of an XA transaction as the server prints it: `X'6162',X'',1`.
enum XAIdentifier {
  /// In a MariaDB GTID event: format, two lengths of a byte each, the bytes.
  static func read(_ cursor: inout ByteCursor) throws -> String {
    let format = try cursor.uint32()
    let global = Int(try cursor.uint8())
    let branch = Int(try cursor.uint8())
    return try text(&cursor, format, global, branch)
  }

  /// In an XA_PREPARE event: format and two lengths of four bytes each, the bytes.
  static func readWide(_ cursor: inout ByteCursor) throws -> String {
    let format = try cursor.uint32()
    let global = Int(try cursor.uint32())
    let branch = Int(try cursor.uint32())
    return try text(&cursor, format, global, branch)
  }

  private static func text(_ cursor: inout ByteCursor, _ format: UInt32, _ global: Int, _ branch: Int) throws -> String
  {
    // The XA specification allows 64 bytes for each part.
    guard global <= 64, branch <= 64 else {
      throw Failure(.corruptLog, "an XA identifier has parts of \(global) and \(branch) bytes; 64 are allowed")
    }
    let first = Array(copying: try cursor.take(global))
    let second = Array(copying: try cursor.take(branch))
    return "X'\(hex(first))',X'\(hex(second))',\(Int32(bitPattern: format))"
  }

  static func hex(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for byte in bytes {
      for nibble in [byte >> 4, byte & 15] { text.append(nibble < 10 ? nibble + 0x30 : nibble + 0x57) }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
