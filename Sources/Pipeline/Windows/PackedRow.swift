import Change

/// Writes cells as bytes, one behind the other: a tag; of decimals the scale; then a number in 7 bits a byte, or a length and
/// a text. The same value has the same bytes.
///
/// The memory is used again and again. *Thread*: one at a time.
final class PackedRow {
  @exclusivity(unchecked) private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 8)
  @exclusivity(unchecked) private(set) var count = 0

  init() {}

  deinit { memory.deallocate() }

  /// What was written since the last `begin`.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

  func begin() { count = 0 }

  /// - Parameter bytes: those of a cell that is a slice.
  @inline(__always) func append(_ cell: Cell, _ bytes: UnsafeRawBufferPointer) {
    let needed = count + 24 + (cell.isSlice ? bytes.count : 0)
    if needed > memory.count { grow(needed) }
    put(cell.tag.rawValue)
    switch cell.tag {
    case .absent, .null, .unavailable: return
    case .text, .bytes, .json: put(bytes)
    case .decimal:
      put(cell.scale)
      put(bytes)
    case .decimal64:
      put(cell.scale)
      put(number: PackedRow.unsigned(cell.int))
    case .int, .date, .time, .timestamp, .timestampZoned: put(number: PackedRow.unsigned(cell.int))
    case .boolean, .uint, .float32, .float64, .civil, .bits: put(number: cell.payload)
    }
  }

  /// Small numbers of both signs become small ones.
  @inline(__always) private static func unsigned(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: value << 1 ^ value >> 63)
  }

  @inline(__always) private func put(_ byte: UInt8) {
    memory[count] = byte
    count += 1
  }

  @inline(__always) private func put(number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      put(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    put(UInt8(truncatingIfNeeded: rest))
  }

  @inline(__always) private func put(_ text: UnsafeRawBufferPointer) {
    put(number: UInt64(text.count))
    UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: text)
    count += text.count
  }

  private func grow(_ needed: Int) {
    let grown = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * needed, alignment: 8)
    grown.copyMemory(from: bytes)
    memory.deallocate()
    memory = grown
  }
}

/// Reads what a `PackedRow` wrote; whatever the bytes are, it fails instead of trapping.
struct PackedRowReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var readCount: Int { offset }

  /// The next cell. One with bytes is a slice of these.
  @inline(__always) mutating func next() throws(Failure) -> Cell {
    guard let tag = Cell.Tag(rawValue: try byte()) else { throw PackedRowReader.damaged() }
    switch tag {
    case .absent, .null, .unavailable: return Cell(tag, 0)
    case .text, .bytes, .json: return try slice(tag, scale: 0)
    case .decimal: return try slice(tag, scale: try byte())
    case .decimal64:
      let scale = try byte()
      return Cell(tag, PackedRowReader.signed(try number()), scale: scale)
    case .int, .date, .time, .timestamp, .timestampZoned: return Cell(tag, PackedRowReader.signed(try number()))
    case .boolean, .uint, .float32, .float64, .civil, .bits: return Cell(tag, try number())
    }
  }

  private static func damaged() -> Failure { StateReader.damaged("has a row that cannot be read") }

  @inline(__always) private static func signed(_ value: UInt64) -> UInt64 { value >> 1 ^ (0 &- (value & 1)) }

  @inline(__always) private mutating func byte() throws(Failure) -> UInt8 {
    guard offset < bytes.count else { throw PackedRowReader.damaged() }
    defer { offset += 1 }
    return bytes[offset]
  }

  @inline(__always) private mutating func number() throws(Failure) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
      guard shift < 64 else { throw PackedRowReader.damaged() }
    }
  }

  @inline(__always) private mutating func slice(_ tag: Cell.Tag, scale: UInt8) throws(Failure) -> Cell {
    let length = try number()
    guard length <= UInt64(bytes.count - offset) else { throw PackedRowReader.damaged() }
    defer { offset += Int(length) }
    return .slice(tag, offset: offset, length: Int(length), scale: scale)
  }
}
