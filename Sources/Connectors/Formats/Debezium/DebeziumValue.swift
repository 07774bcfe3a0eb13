import Change

/// How well a value could be written.
enum Fidelity {
  case exact
  /// Less than the source had, because the chosen options say so.
  case lossy
  /// The bytes are not what the column says.
  case malformed
}

extension ByteWriter {
  /// Appends one value that is neither NULL, absent nor a date without a calendar, as Debezium does.
  @inline(__always)
  mutating func append(debezium cell: Cell, _ column: DebeziumColumn, _ arena: RawSpan) -> Fidelity {
    switch cell.tag {
    case .text: append(jsonString: arena.extracting(cell.range))
    case .int:
      if case .integerBoolean = column.form { return append(boolean: cell.int) }
      append(integer: cell.int)
    case .boolean: if cell.payload != 0 { append("true") } else { append("false") }
    case .uint: return append(unsigned: cell.payload, column.form)
    case .float32:
      if case .widenedFloat = column.form {
        append(float64: Double(cell.float32), layout: .java)
      } else {
        append(float32: cell.float32, layout: .java)
      }
    case .float64: append(float64: cell.float64, layout: .java)
    case .date, .time, .timestamp, .timestampZoned: return append(time: cell, column)
    case .decimal64, .decimal: return append(decimal: cell, column.form, arena)
    case .json: append(jsonString: arena.extracting(cell.range))
    case .bytes: return append(bytes: arena.extracting(cell.range), column.form)
    case .bits: append(bits: cell.payload, column)
    case .unavailable: append(unavailable: column.form)
    case .absent, .null, .civil: return .malformed
    }
    return .exact
  }

  private mutating func append(boolean value: Int64) -> Fidelity {
    if value != 0 { append("true") } else { append("false") }
    return value == 0 || value == 1 ? .exact : .lossy
  }

  private mutating func append(unsigned value: UInt64, _ form: DebeziumColumn.Form) -> Fidelity {
    switch form {
    case .unsignedWrapping:
      append(integer: Int64(bitPattern: value))
      return value > UInt64(Int64.max) ? .lossy : .exact
    case .unsignedPrecise:
      var number = BigInteger()
      number.set(value)
      append(number: number, isNegative: false)
      return .exact
    default:
      append(unsigned: value)
      return .exact
    }
  }

  /// Appends base64 of the shortest big-endian two's complement of a signed number.
  private mutating func append(twosComplement value: Int64) {
    // The sign needs one bit; what lies above it repeats it.
    let significant = 65 - (value < 0 ? ~value : value).leadingZeroBitCount
    let length = (significant + 7) >> 3
    let bigEndian = InlineArray<1, Int64>(repeating: value.bigEndian)
    append(UInt8(ascii: "\""))
    append(base64: bigEndian.span.bytes.extracting(8 - length..<8))
    append(UInt8(ascii: "\""))
  }

  private mutating func append(number: BigInteger, isNegative: Bool) {
    append(UInt8(ascii: "\""))
    number.withTwosComplement(isNegative: isNegative) { append(base64: $0) }
    append(UInt8(ascii: "\""))
  }

  private mutating func append(decimal cell: Cell, _ form: DebeziumColumn.Form, _ arena: RawSpan) -> Fidelity {
    switch form {
    case .decimalPrecise:
      if case .decimal64 = cell.tag {
        append(twosComplement: cell.int)
        return .exact
      }
      var number = BigInteger()
      guard let isNegative = number.set(decimal: arena.extracting(cell.range)) else { return .malformed }
      append(number: number, isNegative: isNegative)
      return .exact
    case .decimalDouble:
      let start = count
      CellText.iso.append(cell, as: CellForm(.float64), arena: arena, to: &self)
      let significant = significantDigits(from: start)
      guard let value = Double(text(from: start)) else { return .malformed }
      removeAll(from: start)
      append(float64: value, layout: .java)
      // Any decimal of 15 digits survives the way through a double.
      return significant > 15 ? .lossy : .exact
    default:
      append(UInt8(ascii: "\""))
      CellText.iso.append(cell, as: CellForm(.float64), arena: arena, to: &self)
      append(UInt8(ascii: "\""))
      return .exact
    }
  }

  /// How many digits the decimal text from `start` on has without zeros at either end.
  private func significantDigits(from start: Int) -> Int {
    var digits = 0
    var zeros = 0
    for index in start..<count {
      switch storage[index] {
      case UInt8(ascii: "0"): if digits > 0 { zeros += 1 }
      case UInt8(ascii: "1")...UInt8(ascii: "9"):
        digits += zeros + 1
        zeros = 0
      default: break
      }
    }
    return digits
  }

  private mutating func append(bits: UInt64, _ column: DebeziumColumn) {
    if case .bitBoolean = column.form {
      if bits != 0 { append("true") } else { append("false") }
      return
    }
    let littleEndian = InlineArray<1, UInt64>(repeating: bits.littleEndian)
    append(UInt8(ascii: "\""))
    append(base64: littleEndian.span.bytes.extracting(0..<min(8, max(1, Int(column.width)))))
    append(UInt8(ascii: "\""))
  }

  private mutating func append(bytes: RawSpan, _ form: DebeziumColumn.Form) -> Fidelity {
    switch form {
    case .geometry, .point: return append(geometry: bytes, isPoint: form == .point)
    case .hex:
      append(UInt8(ascii: "\""))
      append(hex: bytes)
    default:
      append(UInt8(ascii: "\""))
      append(base64: bytes, urlSafe: form == .base64URLSafe)
    }
    append(UInt8(ascii: "\""))
    return .exact
  }

  /// Appends `{"x":…,"y":…,"wkb":…,"srid":…}` for a point, otherwise without x and y (OGC Simple Features, 8.2, for WKB).
  private mutating func append(geometry bytes: RawSpan, isPoint: Bool) -> Fidelity {
    guard bytes.byteCount >= 9 else { return .malformed }
    let srid = UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self))
    let wkb = bytes.extracting(4..<bytes.byteCount)
    append(UInt8(ascii: "{"))
    if isPoint {
      guard wkb.byteCount == 21, bytes.unsafeLoad(fromByteOffset: 4, as: UInt8.self) == 1 else { return .malformed }
      let x = UInt64(littleEndian: wkb.unsafeLoadUnaligned(fromByteOffset: 5, as: UInt64.self))
      let y = UInt64(littleEndian: wkb.unsafeLoadUnaligned(fromByteOffset: 13, as: UInt64.self))
      append("\"x\":")
      append(float64: Double(bitPattern: x), layout: .java)
      append(",\"y\":")
      append(float64: Double(bitPattern: y), layout: .java)
      append(UInt8(ascii: ","))
    }
    append("\"wkb\":\"")
    append(base64: wkb)
    append("\",\"srid\":")
    if srid == 0 { append("null") } else { append(unsigned: UInt64(srid)) }
    append(UInt8(ascii: "}"))
    return .exact
  }

  /// Appends what stands for a value that the source did not send: `unavailable.value.placeholder`, for bytes in base64.
  private mutating func append(unavailable form: DebeziumColumn.Form) {
    let placeholder: StaticString = "__debezium_unavailable_value"
    append(UInt8(ascii: "\""))
    let bytes = RawSpan(_unsafeStart: placeholder.utf8Start, byteCount: placeholder.utf8CodeUnitCount)
    switch form {
    case .base64: append(base64: bytes)
    case .base64URLSafe: append(base64: bytes, urlSafe: true)
    case .hex: append(hex: bytes)
    default: append(bytes)
    }
    append(UInt8(ascii: "\""))
  }
}
