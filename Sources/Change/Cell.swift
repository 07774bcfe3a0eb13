/// One value of a row in 16 trivial bytes: a tag, and an inline number or a slice of its batch's arena.
///
/// A cell means nothing without the batch that holds its arena and the column that it belongs to:
/// the column says how wide, how precise and of which native type the value is, the tag says how it is stored here.
@frozen
public struct Cell: Hashable, Sendable, BitwiseCopyable {
  /// An inline number, or `offset | length << 32` of a slice of the arena.
  public var payload: UInt64
  public var tag: Tag
  /// Digits behind the decimal point; 0 for everything but decimals.
  public var scale: UInt8

  @frozen
  public enum Tag: UInt8, Sendable, BitwiseCopyable {
    /// The row image does not hold this column. It is not NULL: the value is simply not known here.
    case absent
    case null
    /// The source did not send an unchanged large value (PostgreSQL's unchanged TOAST).
    case unavailable
    /// 0 or 1.
    case boolean
    /// A signed 64-bit integer of any declared width.
    case int
    /// An unsigned 64-bit integer of any declared width.
    case uint
    /// The bit pattern of a `Float`, in the low 32 bits.
    case float32
    /// The bit pattern of a `Double`.
    case float64
    /// A decimal of at most 18 digits: the unscaled value as `Int64`, and `scale`.
    case decimal64
    /// A longer decimal: a slice with its plain text, `-?[0-9]+(\.[0-9]+)?`, all `scale` digits present.
    case decimal
    /// A slice of valid UTF-8.
    case text
    /// A slice of bytes without a character set.
    case bytes
    /// A slice with the text of a JSON document, valid UTF-8.
    case json
    /// Days since 1970-01-01 in the proleptic Gregorian calendar, as `Int64`.
    case date
    /// A signed span or time of day in microseconds, as `Int64`.
    case time
    /// Microseconds since 1970-01-01T00:00:00 on a clock without a zone, as `Int64`.
    case timestamp
    /// Microseconds since 1970-01-01T00:00:00Z, as `Int64`.
    case timestampZoned
    /// A date, or a date and time, that no calendar has (`0000-00-00`, `2024-02-00`, `2023-02-30`): a `CivilTime`'s packed fields.
    case civil
    /// The bits of a BIT(n) column, as `UInt64`.
    case bits
  }

  // Made for each value, in functions that are too large for the compiler to inline more of its own accord.
  @inlinable @inline(__always) public init(_ tag: Tag, _ payload: UInt64, scale: UInt8 = 0) {
    self.payload = payload
    self.tag = tag
    self.scale = scale
  }

  @inlinable @inline(__always) public static var null: Cell { Cell(.null, 0) }
  @inlinable @inline(__always) public static var absent: Cell { Cell(.absent, 0) }
  @inlinable @inline(__always) public static var unavailable: Cell { Cell(.unavailable, 0) }

  @inlinable @inline(__always) public static func int(_ value: Int64) -> Cell { Cell(.int, UInt64(bitPattern: value)) }
  @inlinable @inline(__always) public static func uint(_ value: UInt64) -> Cell { Cell(.uint, value) }
  @inlinable @inline(__always) public static func boolean(_ value: Bool) -> Cell { Cell(.boolean, value ? 1 : 0) }
  @inlinable @inline(__always) public static func float32(_ value: Float) -> Cell {
    Cell(.float32, UInt64(value.bitPattern))
  }
  @inlinable @inline(__always) public static func float64(_ value: Double) -> Cell { Cell(.float64, value.bitPattern) }
  @inlinable @inline(__always) public static func date(days: Int64) -> Cell { Cell(.date, UInt64(bitPattern: days)) }
  @inlinable @inline(__always) public static func time(microseconds: Int64) -> Cell {
    Cell(.time, UInt64(bitPattern: microseconds))
  }
  @inlinable @inline(__always) public static func timestamp(microseconds: Int64) -> Cell {
    Cell(.timestamp, UInt64(bitPattern: microseconds))
  }
  @inlinable @inline(__always) public static func timestampZoned(microseconds: Int64) -> Cell {
    Cell(.timestampZoned, UInt64(bitPattern: microseconds))
  }
  @inlinable @inline(__always) public static func civil(_ value: CivilTime) -> Cell { Cell(.civil, value.packed) }
  @inlinable @inline(__always) public static func bits(_ value: UInt64) -> Cell { Cell(.bits, value) }
  @inlinable @inline(__always) public static func decimal64(unscaled: Int64, scale: UInt8) -> Cell {
    Cell(.decimal64, UInt64(bitPattern: unscaled), scale: scale)
  }

  /// A cell whose value is `length` bytes of the arena from `offset`. Both fit 32 bits: an arena never holds more.
  @inlinable @inline(__always) public static func slice(_ tag: Tag, offset: Int, length: Int, scale: UInt8 = 0) -> Cell
  {
    Cell(tag, UInt64(UInt32(offset)) | UInt64(UInt32(length)) << 32, scale: scale)
  }

  @inlinable public var int: Int64 { Int64(bitPattern: payload) }
  @inlinable public var float32: Float { Float(bitPattern: UInt32(truncatingIfNeeded: payload)) }
  @inlinable public var float64: Double { Double(bitPattern: payload) }
  @inlinable public var offset: Int { Int(payload & 0xffff_ffff) }
  @inlinable public var length: Int { Int(payload >> 32) }
  @inlinable public var range: Range<Int> { offset..<(offset + length) }
  @inlinable public var civil: CivilTime { CivilTime(packed: payload) }

  /// Whether the value is a slice of the arena.
  @inlinable public var isSlice: Bool {
    switch tag {
    case .decimal, .text, .bytes, .json: true
    default: false
    }
  }

  /// Whether there is a value: neither NULL nor unknown.
  @inlinable public var hasValue: Bool { tag.rawValue > Tag.unavailable.rawValue }
}
