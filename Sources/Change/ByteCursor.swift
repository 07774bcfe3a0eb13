/// Bytes ran out, or a length says more than there is.
public struct Truncated: Error, Hashable, Sendable {
  /// Offset in the cursor's bytes at which the read began.
  public var offset: Int
  /// How many bytes were asked for.
  public var wanted: Int

  @inlinable public init(offset: Int, wanted: Int) {
    self.offset = offset
    self.wanted = wanted
  }
}

/// Reads little-endian numbers and slices from bytes that nobody vouches for: every length is checked, nothing traps.
@frozen
public struct ByteCursor: ~Escapable {
  public let bytes: RawSpan
  @usableFromInline var place: Int
  /// Where the next read begins.
  @inlinable @inline(__always) public var offset: Int { place }

  @_lifetime(copy bytes)
  @inlinable public init(_ bytes: RawSpan) {
    self.bytes = bytes
    place = 0
  }

  @inlinable public var remaining: Int { bytes.byteCount - offset }
  @inlinable public var isAtEnd: Bool { offset == bytes.byteCount }

  /// Moves forward over `count` bytes and returns where they began.
  @inlinable @inline(__always) public mutating func advance(_ count: Int) throws(Truncated) -> Int {
    guard count >= 0, count <= bytes.byteCount - offset else { throw Truncated(offset: offset, wanted: count) }
    defer { place += count }
    return offset
  }

  @inlinable public mutating func seek(to target: Int) throws(Truncated) {
    guard target >= 0, target <= bytes.byteCount else { throw Truncated(offset: offset, wanted: target - offset) }
    place = target
  }

  @_lifetime(copy self)
  @inlinable public mutating func take(_ count: Int) throws(Truncated) -> RawSpan {
    let start = try advance(count)
    return bytes.extracting(start..<(start + count))
  }

  @_lifetime(copy self)
  @inlinable public mutating func rest() -> RawSpan {
    defer { place = bytes.byteCount }
    return bytes.extracting(offset..<bytes.byteCount)
  }

  /// `advance` has checked the bounds: the load stays inside `bytes`.
  @inlinable @inline(__always) mutating func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type)
    throws(Truncated) -> T
  {
    let start = try advance(MemoryLayout<T>.size)
    return T(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: start, as: T.self))
  }

  @inlinable @inline(__always) public mutating func uint8() throws(Truncated) -> UInt8 { try load(UInt8.self) }
  @inlinable @inline(__always) public mutating func uint16() throws(Truncated) -> UInt16 { try load(UInt16.self) }
  @inlinable @inline(__always) public mutating func uint32() throws(Truncated) -> UInt32 { try load(UInt32.self) }
  @inlinable @inline(__always) public mutating func uint64() throws(Truncated) -> UInt64 { try load(UInt64.self) }

  @inlinable public mutating func uint24() throws(Truncated) -> UInt32 {
    let low = try uint16()
    return UInt32(low) | UInt32(try uint8()) << 16
  }

  @inlinable @inline(__always) public mutating func uint48() throws(Truncated) -> UInt64 {
    let low = try uint32()
    return UInt64(low) | UInt64(try uint16()) << 32
  }

  /// `count` bytes, 1 to 8, as a big-endian number.
  @inlinable public mutating func bigEndian(bytes count: Int) throws(Truncated) -> UInt64 {
    let start = try advance(count)
    var value: UInt64 = 0
    for index in start..<(start + count) {
      value = value << 8 | UInt64(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self))
    }
    return value
  }

  /// `count` bytes, 1 to 8, as a little-endian number.
  @inlinable public mutating func littleEndian(bytes count: Int) throws(Truncated) -> UInt64 {
    let start = try advance(count)
    var value: UInt64 = 0
    for index in (start..<(start + count)).reversed() {
      value = value << 8 | UInt64(unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self))
    }
    return value
  }

  /// MySQL's length-encoded integer (MySQL internals manual, "Protocol::LengthEncodedInteger"). 0xfb and 0xff are refused.
  @inlinable public mutating func lengthEncoded() throws(Truncated) -> UInt64 {
    let first = try uint8()
    if first < 0xfb { return UInt64(first) }
    switch first {
    case 0xfc: return UInt64(try uint16())
    case 0xfd: return UInt64(try uint24())
    case 0xfe: return try uint64()
    default: throw Truncated(offset: offset - 1, wanted: 1)
    }
  }

  @inlinable public func peek() -> UInt8? {
    isAtEnd ? nil : unsafe bytes.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
  }
}
