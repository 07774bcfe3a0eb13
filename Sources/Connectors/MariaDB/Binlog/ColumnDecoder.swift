/// How to read one column of a row: what the hot loop switches on, in eight trivial bytes.
struct ColumnDecoder: BitwiseCopyable, Sendable {
  enum Kind: UInt8, BitwiseCopyable, Sendable {
    case int8, uint8, int16, uint16, int24, uint24, int32, uint32, int64, uint64
    case float32, float64
    case decimal64, decimal
    case utf8, ascii, latin1, converted, bytes, paddedBytes
    case date, time, datetime, timestamp
    case oldTime, oldDatetime, oldTimestamp
    case year, bit, enumeration, set, binaryJSON, jsonText
    case uuid, inet4, inet6
    /// A type or form that cannot be read; `TablePlan.refusals` says why.
    case refused
  }

  var kind: Kind
  /// Bytes of the length before the value; digits of a second's fraction; scale of a decimal; bytes of a number.
  var small: UInt8 = 0
  /// Declared bytes of a padded value; precision of a decimal.
  var wide: UInt16 = 0
  /// Index into the plan's converters or members.
  var slot: UInt32 = 0

  init(_ kind: Kind, small: Int = 0, wide: Int = 0, slot: Int = 0) {
    self.kind = kind
    self.small = UInt8(clamping: small)
    self.wide = UInt16(clamping: wide)
    self.slot = UInt32(clamping: slot)
  }
}

/// How to read the rows of one table map, made once and used until the map changes.
///
/// It is filled while it is made and only read afterwards, which needs no run-time check of exclusivity for each row.
final class TablePlan {
  @exclusivity(unchecked) var decoders: [ColumnDecoder] = []
  @exclusivity(unchecked) var converters: [TextConverter] = []
  /// Members of each ENUM and SET in UTF-8.
  @exclusivity(unchecked) var members: [[[UInt8]]] = []
  /// Why a column cannot be read, by its index.
  @exclusivity(unchecked) var refusals: [Int: String] = [:]
  /// Whether UUIDs of every version are stored with their groups swapped.
  @exclusivity(unchecked) var swapsEveryUUID = false

  /// The slot of a converter for the charset.
  func slot(for charset: CharacterSet) -> Int {
    if let known = converters.firstIndex(where: { $0.charset == charset }) { return known }
    converters.append(TextConverter(charset))
    return converters.count - 1
  }
}
