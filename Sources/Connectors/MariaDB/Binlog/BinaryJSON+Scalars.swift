internal import Change

extension BinaryJSON {
  static func appendLiteral(_ literal: UInt8, to output: inout [UInt8]) -> Bool {
    switch literal {
    case 0: output.append(contentsOf: "null".utf8)
    case 1: output.append(contentsOf: "true".utf8)
    case 2: output.append(contentsOf: "false".utf8)
    default: return false
    }
    return true
  }

  static func append(_ value: Int64, to output: inout [UInt8]) {
    if value < 0 { output.append(0x2d) }
    output.append(decimal: value.magnitude)
  }

  /// Appends a string between quotes; only what RFC 8259 asks for is escaped.
  static func appendString(_ text: RawSpan, to output: inout [UInt8]) -> Bool {
    text.withUnsafeBytes { bytes in
      guard UTF8Check.isValid(bytes) else { return false }
      output.append(0x22)
      for byte in bytes {
        switch byte {
        case 0x22, 0x5c: output.append(contentsOf: [0x5c, byte])
        case 0x08: output.append(contentsOf: [0x5c, 0x62])
        case 0x09: output.append(contentsOf: [0x5c, 0x74])
        case 0x0a: output.append(contentsOf: [0x5c, 0x6e])
        case 0x0c: output.append(contentsOf: [0x5c, 0x66])
        case 0x0d: output.append(contentsOf: [0x5c, 0x72])
        case 0..<0x20:
          let low = byte & 15
          output.append(contentsOf: [0x5c, 0x75, 0x30, 0x30, 0x30 + byte >> 4, low < 10 ? low + 0x30 : low + 0x57])
        default: output.append(byte)
        }
      }
      output.append(0x22)
      return true
    }
  }

  static func appendOpaque(_ type: WireType, _ value: RawSpan, to output: inout [UInt8]) -> Bool {
    switch type {
    case .newDecimal, .decimal: return appendDecimal(value, to: &output)
    case .date, .newDate, .time, .time2, .datetime, .datetime2, .timestamp, .timestamp2:
      guard value.byteCount == 8 else { return false }
      let packed = Int64(littleEndian: value.unsafeLoadUnaligned(fromByteOffset: 0, as: Int64.self))
      output.append(0x22)
      appendTemporal(type, packed, to: &output)
      output.append(0x22)
      return true
    default:
      output.append(contentsOf: "\"base64:type\(type.rawValue):".utf8)
      value.withUnsafeBytes { appendBase64($0, to: &output) }
      output.append(0x22)
      return true
    }
  }

  private static func appendDecimal(_ value: RawSpan, to output: inout [UInt8]) -> Bool {
    value.withUnsafeBytes { bytes in
      guard bytes.count > 2, bytes[0] >= 1, bytes[0] <= 65, bytes[1] <= bytes[0], bytes[1] <= 38 else { return false }
      return PackedDecimal.append(
        UnsafeRawBufferPointer(rebasing: bytes[2...]), precision: Int(bytes[0]), scale: Int(bytes[1]), to: &output)
    }
  }

  private static func appendTemporal(_ type: WireType, _ packed: Int64, to output: inout [UInt8]) {
    let isTime = type == .time || type == .time2
    let magnitude = packed.magnitude
    let whole = magnitude >> 24
    if packed < 0 { output.append(0x2d) }
    if !isTime {
      let yearMonth = whole >> 22
      output.append(decimal: yearMonth / 13, width: 4)
      output.append(0x2d)
      output.append(decimal: yearMonth % 13, width: 2)
      output.append(0x2d)
      output.append(decimal: whole >> 17 & 31, width: 2)
      if type == .date || type == .newDate { return }
      output.append(0x20)
    }
    output.append(decimal: isTime ? whole >> 12 & 0x3ff : whole >> 12 & 31, width: 2)
    output.append(0x3a)
    output.append(decimal: whole >> 6 & 63, width: 2)
    output.append(0x3a)
    output.append(decimal: whole & 63, width: 2)
    output.append(0x2e)
    output.append(decimal: magnitude & 0xff_ffff, width: 6)
  }

  private static let base64 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func appendBase64(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var group = 0
      for index in 0..<3 { group = group << 8 | (index < count ? Int(bytes[start + index]) : 0) }
      for index in 0..<4 {
        output.append(index <= count ? base64[group >> (18 - 6 * index) & 63] : 0x3d)
      }
    }
  }
}
