import Change
import Glibc

extension ExpressionEvaluator {
  func applyComparison(_ opcode: Opcode, _ instruction: Instruction) {
    let place = instruction.place
    switch opcode {
    case .compareSigned: compare(instruction) { ExpressionEvaluator.order($0.int, $1.int) }
    case .compareUnsigned: compare(instruction) { ExpressionEvaluator.order($0.payload, $1.payload) }
    case .compareIntegers: compare(instruction) { ExpressionEvaluator.integerOrder($0, $1) }
    case .compareExact:
      let mask = instruction.immediate
      zip(instruction) { left, right in
        if left.tag == .decimal64, right.tag == .decimal64, left.scale == right.scale {
          return .boolean(mask >> (ExpressionEvaluator.order(left.int, right.int) + 1) & 1 == 1)
        }
        guard let order = exactOrder(left, right) else { return .problem(.malformed, at: place) }
        return .boolean(mask >> (order + 1) & 1 == 1)
      }
    case .compareFloats: compare(instruction) { ExpressionEvaluator.order(self.float($0), self.float($1)) }
    case .compareBytes: compare(instruction) { byteOrder($0, $1) }
    case .compareMoments: compare(instruction) { ExpressionEvaluator.momentOrder($0, $1) }
    case .equalBytes:
      let negates = instruction.immediate != 0
      zip(instruction) { left, right in
        guard left.length == right.length else { return .boolean(negates) }
        return .boolean(ExpressionEvaluator.isEqual(bytes(of: left), bytes(of: right)) != negates)
      }
    case .isMemberNumber:
      let set = program.parts.sets[Int(instruction.resource)]
      let missing: Cell = set.hasNull ? .null : .boolean(false)
      set.withNumbers { contains in map(instruction) { contains($0) ? .boolean(true) : missing } }
    case .isMemberText:
      let set = program.parts.sets[Int(instruction.resource)]
      let missing: Cell = set.hasNull ? .null : .boolean(false)
      set.withTexts { contains in map(instruction) { contains(bytes(of: $0)) ? .boolean(true) : missing } }
    default: pick(opcode, instruction)
    }
  }

  @inline(__always) private func compare(_ instruction: Instruction, _ order: (Cell, Cell) -> Int) {
    let mask = instruction.immediate
    zip(instruction) { .boolean(mask >> (order($0, $1) + 1) & 1 == 1) }
  }

  private func pick(_ opcode: Opcode, _ instruction: Instruction) {
    let wanted = instruction.immediate == 1 ? 1 : -1
    let place = instruction.place
    switch opcode {
    case .pickInteger: zip(instruction) { ExpressionEvaluator.integerOrder($1, $0) == wanted ? $1 : $0 }
    case .pickExact:
      zip(instruction) {
        guard let order = exactOrder($1, $0) else { return .problem(.malformed, at: place) }
        return order == wanted ? $1 : $0
      }
    case .pickFloat: zip(instruction) { ExpressionEvaluator.order(self.float($1), self.float($0)) == wanted ? $1 : $0 }
    case .pickBytes: zip(instruction) { byteOrder($1, $0) == wanted ? $1 : $0 }
    default: zip(instruction) { ExpressionEvaluator.momentOrder($1, $0) == wanted ? $1 : $0 }
    }
  }

  @inline(__always) static func order<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
    left < right ? -1 : left == right ? 0 : 1
  }

  /// Of integers of any sign; the tag says which is unsigned.
  @inline(__always) static func integerOrder(_ left: Cell, _ right: Cell) -> Int {
    let isLeftWide = ExpressionEvaluator.isUnsigned(left) && left.int < 0
    let isRightWide = ExpressionEvaluator.isUnsigned(right) && right.int < 0
    if isLeftWide || isRightWide {
      return isLeftWide && isRightWide ? order(left.payload, right.payload) : isLeftWide ? 1 : -1
    }
    return order(left.int, right.int)
  }

  @inline(__always) static func isUnsigned(_ cell: Cell) -> Bool { cell.tag == .uint || cell.tag == .bits }

  /// By bytes; of two texts of which one begins with the other, the shorter is less.
  @inline(__always) func byteOrder(_ left: Cell, _ right: Cell) -> Int {
    let (first, second) = (bytes(of: left), bytes(of: right))
    let shared = min(first.count, second.count)
    if shared > 0, let start = first.baseAddress, let other = second.baseAddress {
      let result = memcmp(start, other, shared)
      if result != 0 { return result < 0 ? -1 : 1 }
    }
    return ExpressionEvaluator.order(first.count, second.count)
  }

  /// Of bytes that are equally many.
  @inline(__always) static func isEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool
  {
    guard let start = UnsafeRawPointer(left.baseAddress), let other = UnsafeRawPointer(right.baseAddress) else {
      return true
    }
    // Most texts are short, and each lies in a cache line of its own: without a call between them the processor waits for
    // several lines at once.
    func differ<Word: FixedWidthInteger>(_ offset: Int, _: Word.Type) -> Bool {
      start.loadUnaligned(fromByteOffset: offset, as: Word.self)
        != other.loadUnaligned(fromByteOffset: offset, as: Word.self)
    }
    let count = left.count
    switch count {
    case 0: return true
    case 1..<4: return !differ(0, UInt8.self) && !differ(count / 2, UInt8.self) && !differ(count - 1, UInt8.self)
    case 4..<8: return !differ(0, UInt32.self) && !differ(count - 4, UInt32.self)
    case 8...16: return !differ(0, UInt64.self) && !differ(count - 8, UInt64.self)
    default: return memcmp(start, other, count) == 0
    }
  }

  /// Of dates and times, whichever way they are stored. A date is its midnight.
  @inline(__always) static func momentOrder(_ left: Cell, _ right: Cell) -> Int {
    if left.tag == right.tag { return order(left.int, right.int) }
    return mixedMomentOrder(left, right)
  }

  @inline(never) private static func mixedMomentOrder(_ left: Cell, _ right: Cell) -> Int {
    if left.tag == .civil || right.tag == .civil { return order(civil(left).packed, civil(right).packed) }
    return order(microseconds(left), microseconds(right))
  }

  /// Of a date or a timestamp that the calendar has; within years that a batch can hold it cannot overflow.
  static func microseconds(_ cell: Cell) -> Int64 { cell.tag == .date ? cell.int &* 86_400_000_000 : cell.int }

  static func civil(_ cell: Cell) -> CivilTime {
    switch cell.tag {
    case .civil: cell.civil
    case .date: CivilTime(daysSinceEpoch: cell.int)
    default: CivilTime(microsecondsSinceEpoch: cell.int)
    }
  }
}
