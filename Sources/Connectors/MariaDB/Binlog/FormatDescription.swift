internal import Change

/// What the first event of a log file tells about those that follow.
///
/// Source: mariadb.com/kb/en/format_description_event.
struct FormatDescription: Sendable {
  enum Checksum: UInt8, Sendable { case none = 0, crc32 = 1 }

  var serverVersion: String
  var isMariaDB: Bool
  /// Three numbers of the version.
  var version: (major: Int, minor: Int, patch: Int)
  var checksum: Checksum
  /// Whether the server wrote the event as it started, so that a transaction left open before it is rolled back.
  var beginsServerRun: Bool
  /// Whether this event carries a checksum of its own, which it does even where the log has none.
  var hasOwnChecksum: Bool
  private var postHeaderByteCounts: [UInt8]

  /// Reads the body of a format description with everything behind the header, checksum included.
  init(_ cursor: inout ByteCursor) throws {
    let logVersion = try cursor.uint16()
    let text = try cursor.take(50)
    var bytes: [UInt8] = []
    for index in 0..<50 {
      let byte = text.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if byte == 0 { break }
      bytes.append(byte)
    }
    serverVersion = String(decoding: bytes, as: UTF8.self)
    guard logVersion == 4 else {
      throw Failure(
        .unsupportedLog,
        "the log has format version \(logVersion), written by server \"\(serverVersion)\"; only version 4 can hold rows"
      )
    }
    beginsServerRun = try cursor.uint32() != 0
    let headerByteCount = try cursor.uint8()
    guard headerByteCount == EventHeader.byteCount else {
      throw Failure(
        .unsupportedLog,
        "the log's event headers have \(headerByteCount) bytes instead of 19, written by server \"\(serverVersion)\"",
        hint: "only a server with the same extension of the header can read this log")
    }
    version = FormatDescription.numbers(of: bytes)
    isMariaDB = serverVersion.contains("MariaDB")
    let knowsChecksums = isMariaDB ? version >= (5, 3, 0) : version >= (5, 6, 1)
    checksum = .none
    hasOwnChecksum = knowsChecksums
    let counts = cursor.remaining - (knowsChecksums ? 5 : 0)
    postHeaderByteCounts = []
    for _ in 0..<max(0, counts) { postHeaderByteCounts.append(try cursor.uint8()) }
    guard knowsChecksums else { return }
    let algorithm = try cursor.uint8()
    guard let known = Checksum(rawValue: algorithm) else {
      throw Failure(.unsupportedLog, "the log uses checksum algorithm \(algorithm), which is not known")
    }
    checksum = known
  }

  /// What every event is read by, in trivial bytes: asking costs no copy of the whole description.
  struct Layout: BitwiseCopyable, Sendable {
    var hasChecksums: Bool
    var isMariaDB: Bool
    /// One bit for each event type whose fixed part has 6 bytes: its table number has 4 instead of 6.
    fileprivate var narrow = SIMD4<UInt64>()

    /// Whether a table map or rows event names its table by 4 bytes, as before MySQL 5.1.4.
    func hasNarrowTableNumber(_ type: EventType) -> Bool {
      narrow[Int(type.rawValue >> 6)] >> UInt64(type.rawValue & 63) & 1 != 0
    }
  }

  var layout: Layout {
    var layout = Layout(hasChecksums: checksum == .crc32, isMariaDB: isMariaDB)
    for (index, count) in postHeaderByteCounts.enumerated() where count == 6 && index < 255 {
      layout.narrow[(index + 1) >> 6] |= 1 << UInt64((index + 1) & 63)
    }
    return layout
  }

  private static func numbers(of text: [UInt8]) -> (Int, Int, Int) {
    var numbers = [0, 0, 0]
    var index = 0
    for byte in text {
      switch byte {
      case 0x30...0x39: numbers[index] = min(numbers[index] * 10 + Int(byte) - 0x30, 100_000)
      case 0x2e where index < 2: index += 1
      default: return (numbers[0], numbers[1], numbers[2])
      }
    }
    return (numbers[0], numbers[1], numbers[2])
  }
}
