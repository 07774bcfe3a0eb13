internal import Change
internal import Glibc

extension RowReader {
  /// The kinds that are seldom, or that cost more than the call.
  @inline(never)
  mutating func rareCell(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    switch decoder.kind {
    case .decimal: return try longDecimal(decoder, column)
    case .converted: return try converted(try value(prefix: decoder.small, column), decoder, column)
    case .paddedBytes: return try paddedBytes(decoder, column)
    case .jsonText: return try jsonText(decoder, column)
    case .binaryJSON: return try binaryJSON(decoder, column)
    case .date: return try date(column)
    case .time: return try time(decoder, column)
    case .oldTime: return try oldTime(column)
    case .oldDatetime: return try oldDatetime(column)
    case .oldTimestamp: return instant(seconds: try number(UInt32.self, column), microsecond: 0)
    case .year:
      let year = Int64(try number(UInt8.self, column))
      return .int(year == 0 ? 0 : 1900 + year)
    case .bit: return .bits(try bigEndian(bytes: Int(decoder.small), column))
    case .enumeration: return try enumeration(decoder, column)
    case .set: return try set(decoder, column)
    case .uuid, .inet4, .inet6: return try fixedText(decoder, column)
    default: throw RowFault(reason: .refused, column: column)
    }
  }

  /// Opens the arena for a value of about `count` bytes and returns where it will begin.
  private func room(for count: Int, _ column: Int) throws(RowFault) -> Int {
    let start = builder.arena.count
    guard count <= RowReader.arenaLimit - start else { throw RowFault(reason: .tooLarge, column: column) }
    return start
  }

  private func appended(_ tag: Cell.Tag, from start: Int) -> Cell {
    .slice(tag, offset: start, length: builder.arena.count - start)
  }

  @inline(never)
  func converted(_ bytes: UnsafeRawBufferPointer, _ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    guard decoder.kind != .ascii else { throw RowFault(reason: .badText, column: column) }
    let start = try room(for: bytes.count * 4, column)
    guard plan.converters[Int(decoder.slot)].append(bytes, to: &builder.arena) else {
      throw RowFault(reason: .badText, column: column)
    }
    return appended(.text, from: start)
  }

  /// The log leaves trailing zero bytes of a BINARY(n) out.
  private mutating func paddedBytes(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let bytes = try value(prefix: decoder.small, column)
    let width = Int(decoder.wide)
    if bytes.count == width { return slice(.bytes, bytes) }
    guard bytes.count < width else { throw RowFault(reason: .badValue, column: column) }
    let start = try room(for: width, column)
    builder.arena.append(contentsOf: bytes)
    builder.arena.append(contentsOf: repeatElement(0, count: width - bytes.count))
    return appended(.bytes, from: start)
  }

  private mutating func jsonText(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let bytes = try value(prefix: decoder.small, column)
    guard UTF8Check.isValid(bytes) else { throw RowFault(reason: .badText, column: column) }
    return slice(.json, bytes)
  }

  private mutating func binaryJSON(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let bytes = try value(prefix: decoder.small, column)
    let start = try room(for: 0, column)
    // No value grows more than this; a damaged document may name one value many times over.
    let reader = BinaryJSON(limit: min(RowReader.arenaLimit, start + bytes.count * 16 + 64))
    guard reader.append(bytes, to: &builder.arena) else { throw RowFault(reason: .badValue, column: column) }
    return appended(.json, from: start)
  }

  private mutating func enumeration(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let index = Int(try number(bytes: Int(decoder.small), column))
    let start = try room(for: 1 << 16, column)
    if index > 0 {
      let members = plan.members[Int(decoder.slot)]
      guard index <= members.count else { throw RowFault(reason: .badValue, column: column) }
      builder.arena.append(contentsOf: members[index - 1])
    }
    return appended(.text, from: start)
  }

  private mutating func set(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    var bits = try number(bytes: Int(decoder.small), column)
    let start = try room(for: 1 << 20, column)
    let members = plan.members[Int(decoder.slot)]
    while bits != 0 {
      let index = bits.trailingZeroBitCount
      guard index < members.count else { throw RowFault(reason: .badValue, column: column) }
      if builder.arena.count > start { builder.arena.append(0x2c) }
      builder.arena.append(contentsOf: members[index])
      bits &= bits - 1
    }
    return appended(.text, from: start)
  }

  /// UUID, INET4 and INET6: bytes without their trailing zeros, which become text.
  private mutating func fixedText(_ decoder: ColumnDecoder, _ column: Int) throws(RowFault) -> Cell {
    let bytes = try value(prefix: decoder.small, column)
    let width = Int(decoder.wide)
    guard bytes.count <= width, width <= 16 else { throw RowFault(reason: .badValue, column: column) }
    let start = try room(for: 64, column)
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { whole in
      whole.initializeMemory(as: UInt8.self, repeating: 0)
      whole.copyMemory(from: bytes)
      switch decoder.kind {
      case .uuid: appendUUID(UnsafeRawBufferPointer(whole))
      case .inet4: appendAddress(AF_INET, UnsafeRawBufferPointer(whole))
      default: appendAddress(AF_INET6, UnsafeRawBufferPointer(whole))
      }
    }
    return appended(.text, from: start)
  }

  /// MariaDB stores a UUID with its groups in reverse order, so that the clock sorts. Since MDEV-29959 it does so only for
  /// versions 1 to 5; stored, the variant then stands in byte 6 and the version in byte 8.
  private func appendUUID(_ bytes: UnsafeRawBufferPointer) {
    var high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    var low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    let isSwapped = bytes[6] & 0x80 != 0 && bytes[8] > 0 && bytes[8] < 0x60
    if isSwapped || plan.swapsEveryUUID {
      let node = high >> 16
      let clock = high & 0xffff
      let timeHigh = low >> 48
      let timeMiddle = low >> 32 & 0xffff
      high = (low & 0xffff_ffff) << 32 | timeMiddle << 16 | timeHigh
      low = clock << 48 | node
    }
    builder.arena.append(uuidHigh: high, low: low)
  }

  private func appendAddress(_ family: Int32, _ bytes: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      // 64 bytes hold every address; inet_ntop fails for nothing else.
      guard let base = text.baseAddress, inet_ntop(family, bytes.baseAddress, base, 64) != nil else { return }
      builder.arena.append(contentsOf: UnsafeRawBufferPointer(start: base, count: strlen(base)))
    }
  }
}
