import Change

/// How the values of an aggregate's argument are read, compared and written: one of four forms for every type.
enum ValueForm: Hashable, Sendable {
  /// Whole numbers and decimals: as integers of this many digits behind the point.
  case exact(scale: Int)
  case float
  /// Times, dates, truth values and bits: their payload as a signed number.
  case ordinal(Cell.Tag)
  case text(Cell.Tag)

  /// Nil where values have no order.
  init?(_ type: ColumnType) {
    switch type {
    case .boolean: self = .ordinal(.boolean)
    case .integer, .year: self = .exact(scale: 0)
    case .decimal(_, let scale, _): self = .exact(scale: scale)
    case .float32, .float64: self = .float
    case .text, .enumeration, .set, .uuid, .address: self = .text(.text)
    case .bytes: self = .text(.bytes)
    case .date: self = .ordinal(.date)
    case .time: self = .ordinal(.time)
    case .timestamp: self = .ordinal(.timestamp)
    case .timestampZoned: self = .ordinal(.timestampZoned)
    case .bit: self = .ordinal(.bits)
    case .unboundedDecimal, .json, .geometry: return nil
    }
  }

  var isNumber: Bool {
    switch self {
    case .exact, .float: true
    case .ordinal, .text: false
    }
  }
}

/// A value that no aggregate can take; it becomes a failure with the window's name.
enum ValueProblem: Error { case notOfType, tooLarge }

/// Reads cells as the numbers that aggregates compute with. Slices lie in the batch's arena, or behind it in what
/// expressions have made.
struct CellReader {
  let cells: UnsafePointer<Cell>
  let arena: UnsafeRawBufferPointer
  let scratch: UnsafeRawBufferPointer

  @inline(__always) func bytes(of cell: Cell) -> UnsafeRawBufferPointer {
    let offset = cell.offset
    if offset < arena.count || cell.length == 0 && offset == arena.count {
      return UnsafeRawBufferPointer(rebasing: arena[offset..<(offset + cell.length)])
    }
    return UnsafeRawBufferPointer(rebasing: scratch[(offset - arena.count)..<(offset - arena.count + cell.length)])
  }

  @inline(__always) func exact(_ cell: Cell, scale: Int) throws(ValueProblem) -> Int128 {
    switch cell.tag {
    case .decimal64 where Int(cell.scale) == scale: return Int128(cell.int)
    case .int where scale == 0: return Int128(cell.int)
    default: return try rescaled(cell, scale)
    }
  }

  private func rescaled(_ cell: Cell, _ scale: Int) throws(ValueProblem) -> Int128 {
    switch cell.tag {
    case .int: return try CellReader.scaled(Int128(cell.int), by: scale)
    case .uint, .bits, .boolean: return try CellReader.scaled(Int128(cell.payload), by: scale)
    case .decimal64: return try CellReader.scaled(Int128(cell.int), by: scale - Int(cell.scale))
    case .decimal: return try CellReader.digits(bytes(of: cell), scale: scale)
    default: throw .notOfType
    }
  }

  private static func scaled(_ value: Int128, by exponent: Int) throws(ValueProblem) -> Int128 {
    guard exponent >= 0 else { throw .notOfType }
    var value = value
    for _ in 0..<exponent {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { throw .tooLarge }
      value = product
    }
    return value
  }

  /// `-?[0-9]+(\.[0-9]+)?` as an integer of `scale` digits behind the point.
  static func digits(_ text: UnsafeRawBufferPointer, scale: Int) throws(ValueProblem) -> Int128 {
    var value: Int128 = 0
    var behind = -1
    for byte in text {
      if byte == UInt8(ascii: "-") { continue }
      if byte == UInt8(ascii: ".") {
        behind = 0
        continue
      }
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw .notOfType }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int128(byte - UInt8(ascii: "0")))
      if overflow || carry { throw .tooLarge }
      value = sum
      if behind >= 0 { behind += 1 }
    }
    value = try scaled(value, by: scale - max(0, behind))
    return text.first == UInt8(ascii: "-") ? -value : value
  }

  @inline(__always) func float(_ cell: Cell) throws(ValueProblem) -> Double {
    switch cell.tag {
    case .float64: return cell.float64
    case .float32: return Double(cell.float32)
    case .int: return Double(cell.int)
    case .uint: return Double(cell.payload)
    case .decimal64:
      var value = Double(cell.int)
      for _ in 0..<Int(cell.scale) { value /= 10 }
      return value
    default: throw .notOfType
    }
  }

  /// The value as something that can be compared.
  func key(_ cell: Cell, _ form: ValueForm) throws(ValueProblem) -> SortedCounts.Key {
    switch form {
    case .exact(let scale): return SortedCounts.Key(value: try exact(cell, scale: scale))
    case .float: return SortedCounts.Key(value: CellReader.ordered(try float(cell)))
    case .ordinal(let tag):
      guard cell.tag == tag else { throw .notOfType }
      return SortedCounts.Key(value: cell.tag == .bits ? Int128(cell.payload) : Int128(cell.int))
    case .text:
      guard cell.isSlice else { throw .notOfType }
      return SortedCounts.Key(text: Array(bytes(of: cell)))
    }
  }

  /// A number with the order of the floats: -0 comes right before 0, and what is no number behind all, as databases order it.
  static func ordered(_ value: Double) -> Int128 {
    let bits = Int64(bitPattern: value.isNaN ? Double.nan.bitPattern : value.bitPattern)
    return Int128(bits < 0 ? bits ^ .max : bits)
  }

  static func float(ordered value: Int128) -> Double {
    let bits = Int64(truncatingIfNeeded: value)
    return Double(bitPattern: UInt64(bitPattern: bits < 0 ? bits ^ .max : bits))
  }
}
