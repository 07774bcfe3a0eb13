import Change
import MariaDBConnector

/// A log made by hand, for what no server at hand writes.
struct SyntheticLog {
  private(set) var events: [[UInt8]] = []
  private var checksum: Bool
  private var end = 4

  init(_ server: String = "8.0.36", checksum: Bool = false) {
    self.checksum = checksum
    describe(server, checksum: checksum)
  }

  /// A format description, from which on events have checksums or none.
  mutating func describe(_ server: String, checksum: Bool, created: UInt32 = 0) {
    self.checksum = checksum
    var body = Self.little(4, 2) + Array(server.utf8) + [UInt8](repeating: 0, count: 50 - server.utf8.count)
    body += Self.little(UInt64(created), 4) + [19]
    var counts = [UInt8](repeating: 0, count: 171)
    for (type, count) in [(19, 8), (23, 8), (24, 8), (25, 8), (30, 10), (31, 10), (32, 10)] {
      counts[type - 1] = UInt8(count)
    }
    body += counts + [checksum ? 1 : 0]
    append(15, body, isChecked: true)
  }

  mutating func append(_ type: UInt8, _ body: [UInt8], flags: UInt16 = 0, end fixed: UInt32? = nil) {
    append(type, body, flags: flags, end: fixed, isChecked: checksum)
  }

  private mutating func append(
    _ type: UInt8, _ body: [UInt8], flags: UInt16 = 0, end fixed: UInt32? = nil, isChecked: Bool
  ) {
    let size = 19 + body.count + (isChecked ? 4 : 0)
    end += size
    var event = Self.header(type, size: size, end: fixed ?? UInt32(truncatingIfNeeded: end), flags: flags) + body
    if isChecked { event += Self.little(UInt64(Self.crc(event)), 4) }
    events.append(event)
  }

  /// Gives the first event no place of its own, as in a dump that begins in the middle.
  mutating func makeDescriptionArtificial() {
    events[0].replaceSubrange(13..<17, with: [0, 0, 0, 0])
    let sum = Self.crc(Array(events[0].dropLast(4)))
    events[0].replaceSubrange((events[0].count - 4)..., with: Self.little(UInt64(sum), 4))
  }

  var file: [UInt8] { [0xfe, 0x62, 0x69, 0x6e] + events.flatMap(\.self) }

  /// Decodes the events as they come from a file or a server.
  func decoded(
    from origin: BinlogDecoder.Origin = .file, byteLimit: Int = 512 << 10,
    position: BinlogPosition = BinlogPosition(file: "made.000001"), options: BinlogDecoder.Options = DecodedLog.unnamed,
    provider: (any SchemaProvider)? = nil
  ) throws -> DecodedLog {
    var log = DecodedLog()
    let decoder = BinlogDecoder(position: position, provider: provider, options: options)
    let builder = BatchBuilder(byteLimit: byteLimit)
    for event in events {
      let action = try event.withUnsafeBytes { try decoder.decode($0, from: origin, into: builder) }
      try log.follow(action, decoder, builder)
    }
    try decoder.finish(into: builder)
    log.add(builder.take(position: Position(text: "", token: "")))
    log.position = decoder.position
    log.prepared = decoder.preparedTransactions
    return log
  }

  func failure(
    from origin: BinlogDecoder.Origin = .file, options: BinlogDecoder.Options = DecodedLog.unnamed
  ) -> Failure? {
    do { _ = try decoded(from: origin, options: options) } catch let failure as Failure { return failure } catch {
      return nil
    }
    return nil
  }
}

extension SyntheticLog {
  static func little(_ value: UInt64, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  static func header(_ type: UInt8, size: Int, end: UInt32, flags: UInt16) -> [UInt8] {
    little(1_700_000_000, 4) + [type] + little(1, 4) + little(UInt64(size), 4) + little(UInt64(end), 4)
      + little(UInt64(flags), 2)
  }

  /// An event as it stands in a transaction payload: without a checksum.
  static func inner(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    header(type, size: 19 + body.count, end: 0, flags: 0) + body
  }

  static func query(_ text: String) -> [UInt8] {
    little(1, 4) + little(0, 4) + [1] + little(0, 2) + little(0, 2) + [0x64, 0] + Array(text.utf8)
  }

  /// Table `d.t`, with one column of the type.
  static func tableMap(_ type: UInt8 = 3, metadata: [UInt8] = []) -> [UInt8] {
    little(9, 6) + little(1, 2) + [1, 0x64, 0, 1, 0x74, 0, 1, type, UInt8(metadata.count)] + metadata + [1]
  }

  /// Rows of `d.t`, each the bytes of its one column.
  static func write(_ rows: [[UInt8]]) -> [UInt8] {
    little(9, 6) + little(1, 2) + little(2, 2) + [1, 1] + rows.flatMap { [0] + $0 }
  }

  static func integers(_ values: Range<Int>) -> [UInt8] { write(values.map { little(UInt64($0), 4) }) }

  static let xid: [UInt8] = little(7, 8)

  static func xaPrepare(onePhase: Bool) -> [UInt8] {
    [onePhase ? 1 : 0] + little(1, 4) + little(1, 4) + little(0, 4) + [0x61]
  }

  /// MySQL's payload event, not compressed (algorithm 255).
  static func payload(_ events: [[UInt8]]) -> [UInt8] {
    let content = events.flatMap(\.self)
    let size: [UInt8] = [0xfe] + little(UInt64(content.count), 8)
    return [1, 9] + size + [2, 3, 0xfc, 255, 0] + [3, 9] + size + [0] + content
  }

  static func anonymousGTID() -> [UInt8] { [UInt8](repeating: 0, count: 25) + [2] + [UInt8](repeating: 0, count: 16) }

  /// CRC-32 of zlib, bit by bit.
  static func crc(_ bytes: [UInt8]) -> UInt32 {
    var sum: UInt32 = 0xffff_ffff
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
    }
    return ~sum
  }
}
