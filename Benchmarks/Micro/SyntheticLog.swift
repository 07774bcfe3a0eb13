import Change
import Compression

/// A binary log as MariaDB 10.11 writes it with `binlog_row_metadata=FULL`: CRC32 checksums, GTIDs, annotations, rows
/// events of at most 8 KiB. Made in memory, so that what is measured is the decoder alone.
///
/// Source: mariadb.com/kb/en/replication-protocol, *Binlog events*.
struct SyntheticLog {
  private enum EventType: UInt8 {
    case formatDescription = 15
    case xid = 16
    case tableMap = 19
    case writeRows = 23
    case updateRows = 24
    case deleteRows = 25
    case annotateRows = 160
    case gtid = 162
  }

  private static let rowsByteLimit = 8192
  private static let seconds: UInt32 = 1_767_225_600
  private(set) var bytes: [UInt8] = [0xfe, 0x62, 0x69, 0x6e]
  private let tableMap = SyntheticLog.tableMapBody()

  private init() {
    append(.formatDescription, Self.formatDescriptionBody())
  }

  /// `rows` inserts in transactions of 100, one statement each.
  static func inserts(_ rows: Int) -> SyntheticLog {
    var log = SyntheticLog()
    for transaction in 0..<(rows / 100) {
      log.transaction(transaction) { log in
        log.statement("INSERT INTO bench.a SELECT seq, seq % 1000003, REPEAT('k', 120) FROM seq_1_to_100")
        var images: [UInt8] = []
        for row in (transaction * 100)..<(transaction * 100 + 100) {
          images += Self.image(row)
          if images.count > rowsByteLimit {
            log.rows(.writeRows, images, endsStatement: false)
            images = []
          }
        }
        log.rows(.writeRows, images, endsStatement: true)
      }
    }
    return log
  }

  /// Transactions of 4 single-row statements: 40 % insert, 50 % update, 10 % delete.
  static func mixture(_ changes: Int) -> SyntheticLog {
    var log = SyntheticLog()
    for transaction in 0..<(changes / 4) {
      log.transaction(transaction) { log in
        for row in (transaction * 4)..<(transaction * 4 + 4) {
          log.statement("UPDATE bench.a SET n = n + 1, amount = amount + 1.5, status = 'paid' WHERE id = \(row)")
          switch row % 10 {
          case 0..<4: log.rows(.writeRows, image(row), endsStatement: true)
          case 9: log.rows(.deleteRows, image(row), endsStatement: true)
          default: log.rows(.updateRows, image(row) + image(row), endsStatement: true)
          }
        }
      }
    }
    return log
  }

  private mutating func transaction(_ number: Int, _ body: (inout SyntheticLog) -> Void) {
    // Transactional; seven bytes that are kept for later come last.
    append(.gtid, little(UInt64(number + 1)) + little(UInt32(0)) + [4] + [UInt8](repeating: 0, count: 6))
    body(&self)
    append(.xid, little(UInt64(number + 1)))
  }

  private mutating func statement(_ text: String) {
    append(.annotateRows, Array(text.utf8))
    append(.tableMap, tableMap)
  }

  private mutating func rows(_ type: EventType, _ images: [UInt8], endsStatement: Bool) {
    var body = Self.tableNumber + little(UInt16(endsStatement ? 1 : 0)) + [7, 0x7f]
    if type == .updateRows { body.append(0x7f) }
    append(type, body + images)
  }

  /// Appends an event with its header and checksum.
  private mutating func append(_ type: EventType, _ body: [UInt8]) {
    let size = 19 + body.count + 4
    var event = little(Self.seconds) + [type.rawValue] + little(UInt32(1)) + little(UInt32(size))
    event += little(UInt32(truncatingIfNeeded: bytes.count + size)) + little(UInt16(0))
    event += body
    let checksum = event.withUnsafeBytes { Checksum.crc32($0) }
    bytes += event + little(checksum)
  }

  private static let tableNumber: [UInt8] = [18, 0, 0, 0, 0, 0]

  private static func formatDescriptionBody() -> [UInt8] {
    let version = Array("10.11.14-MariaDB-log".utf8)
    var counts = [UInt8](repeating: 0, count: 171)
    for (type, count) in [(2, 13), (19, 8), (23, 8), (24, 8), (25, 8), (30, 10), (31, 10), (32, 10), (162, 19)] {
      counts[type - 1] = UInt8(count)
    }
    return little(UInt16(4)) + version + [UInt8](repeating: 0, count: 50 - version.count) + little(UInt32(0)) + [19]
      + counts + [1]
  }

  private static func tableMapBody() -> [UInt8] {
    var body = tableNumber + little(UInt16(1))
    body += [5] + Array("bench".utf8) + [0, 1] + Array("a".utf8) + [0]
    // BIGINT, INT, STRING, STRING, NEWDECIMAL, DATETIME2, VARCHAR; then 480, 240 and 64 bytes of text, (12,2), 6 digits.
    body += [7, 8, 3, 254, 254, 246, 18, 15]
    body += [9, 0xee, 0xe0, 0xfe, 0xf0, 12, 2, 6, 64, 0]
    // No column is nullable; no number is unsigned; all text is utf8mb4_general_ci; the names; the key.
    body += [0, 1, 1, 0, 2, 1, 45]
    let names = ShopRows.columns.flatMap { [UInt8($0.name.utf8.count)] + Array($0.name.utf8) }
    return body + [4, UInt8(names.count)] + names + [8, 1, 0]
  }

  /// One row as it is stored: the bitmap of NULLs, then each value.
  private static func image(_ row: Int) -> [UInt8] {
    let letter = UInt8(ascii: "a") + UInt8(row % 26)
    var image: [UInt8] = [0x80] + little(UInt64(row)) + little(UInt32(row % 1_000_003))
    image += [120, 0] + [UInt8](repeating: letter, count: 120)
    image += [58] + [UInt8](repeating: letter - 32, count: 58)
    let amount = row % 9_999_999
    image += [0x80 | UInt8(amount / 1_000_000_000)] + big(UInt64(amount % 1_000_000_000), 4) + [25]
    let day = UInt64(1 + row / 86_400 % 28)
    let date = (UInt64(2026 * 13 + 1) << 5 | day) << 17
    let time = UInt64(row / 3600 % 24) << 12 | UInt64(row / 60 % 60) << 6 | UInt64(row % 60)
    image += big((date | time) + 0x80_0000_0000, 5) + big(UInt64(row % 1_000_000), 3)
    let status = ["draft", "open", "paid", "shipped"][row % 4]
    return image + [UInt8(status.utf8.count)] + Array(status.utf8)
  }
}

/// The bytes of a number, the lowest first.
private func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// The lowest `count` bytes of a number, the highest first.
private func big(_ value: UInt64, _ count: Int) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0.suffix(count)) }
}
