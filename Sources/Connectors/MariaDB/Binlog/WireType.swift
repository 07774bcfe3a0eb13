/// The type byte of a column in a table map.
///
/// Source: MySQL's `enum_field_types` and MariaDB's compressed columns.
struct WireType: Hashable, Sendable {
  let rawValue: UInt8

  static let decimal = WireType(rawValue: 0)
  static let tiny = WireType(rawValue: 1)
  static let short = WireType(rawValue: 2)
  static let long = WireType(rawValue: 3)
  static let float = WireType(rawValue: 4)
  static let double = WireType(rawValue: 5)
  static let null = WireType(rawValue: 6)
  static let timestamp = WireType(rawValue: 7)
  static let longlong = WireType(rawValue: 8)
  static let int24 = WireType(rawValue: 9)
  static let date = WireType(rawValue: 10)
  static let time = WireType(rawValue: 11)
  static let datetime = WireType(rawValue: 12)
  static let year = WireType(rawValue: 13)
  static let newDate = WireType(rawValue: 14)
  static let varchar = WireType(rawValue: 15)
  static let bit = WireType(rawValue: 16)
  static let timestamp2 = WireType(rawValue: 17)
  static let datetime2 = WireType(rawValue: 18)
  static let time2 = WireType(rawValue: 19)
  static let blobCompressed = WireType(rawValue: 140)
  static let varcharCompressed = WireType(rawValue: 141)
  static let vector = WireType(rawValue: 242)
  static let json = WireType(rawValue: 245)
  static let newDecimal = WireType(rawValue: 246)
  static let enumeration = WireType(rawValue: 247)
  static let set = WireType(rawValue: 248)
  static let tinyBlob = WireType(rawValue: 249)
  static let mediumBlob = WireType(rawValue: 250)
  static let longBlob = WireType(rawValue: 251)
  static let blob = WireType(rawValue: 252)
  static let varString = WireType(rawValue: 253)
  static let string = WireType(rawValue: 254)
  static let geometry = WireType(rawValue: 255)

  /// Bytes of the type's entry in the table map's metadata block.
  var metadataByteCount: Int {
    switch self {
    case .float, .double, .timestamp2, .datetime2, .time2, .tinyBlob, .mediumBlob, .longBlob, .blob, .geometry, .json,
      .blobCompressed, .vector:
      1
    case .varchar, .bit, .newDecimal, .enumeration, .set, .varString, .string, .varcharCompressed: 2
    default: 0
    }
  }

  /// Whether the type has a bit in the signedness block.
  var isNumeric: Bool {
    switch self {
    case .tiny, .short, .int24, .long, .longlong, .newDecimal, .float, .double, .year: true
    default: false
    }
  }

  /// Whether the type has an entry in the charset blocks.
  var isCharacter: Bool {
    switch self {
    case .string, .varString, .varchar, .tinyBlob, .mediumBlob, .longBlob, .blob, .blobCompressed, .varcharCompressed:
      true
    default: false
    }
  }
}
