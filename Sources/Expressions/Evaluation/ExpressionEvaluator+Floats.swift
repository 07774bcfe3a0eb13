import Change
import Glibc

extension ExpressionEvaluator {
  func applyFloats(_ opcode: Opcode, _ instruction: Instruction) {
    switch opcode {
    case .addFloats: floats(instruction) { $0 + $1 }
    case .subtractFloats: floats(instruction) { $0 - $1 }
    case .multiplyFloats: floats(instruction) { $0 * $1 }
    case .divideFloats:
      zip(instruction, looksAtBoth: true) { finite(float($1) == 0 ? nil : float($0) / float($1), instruction) }
    case .remainderFloats:
      zip(instruction, looksAtBoth: true) { finite(float($1) == 0 ? nil : fmod(float($0), float($1)), instruction) }
    case .negateFloat: map(instruction) { .float64(-float($0)) }
    case .absoluteFloat: map(instruction) { .float64(abs(float($0))) }
    case .roundFloat: map(instruction) { .float64(ExpressionEvaluator.rounded(float($0), instruction.immediate)) }
    case .truncateFloat: map(instruction) { .float64(ExpressionEvaluator.cut(float($0), instruction.immediate)) }
    case .floorFloat: map(instruction) { .float64(float($0).rounded(.down)) }
    case .ceilingFloat: map(instruction) { .float64(float($0).rounded(.up)) }
    case .toFloat: map(instruction) { .float64(float($0)) }
    default: applyPowers(opcode, instruction)
    }
  }

  private func applyPowers(_ opcode: Opcode, _ instruction: Instruction) {
    switch opcode {
    case .squareRoot: real(instruction) { $0 < 0 ? nil : $0.squareRoot() }
    case .naturalLogarithm: real(instruction) { $0 <= 0 ? nil : log($0) }
    case .decimalLogarithm: real(instruction) { $0 <= 0 ? nil : log10($0) }
    // Two logarithms, as MariaDB has it (sql/item_func.cc): the last digit may depend on that.
    case .binaryLogarithm: real(instruction) { $0 <= 0 ? nil : log($0) / log(2) }
    case .logarithm:
      zip(instruction) {
        let (base, value) = (float($0), float($1))
        return finite(base <= 0 || base == 1 || value <= 0 ? nil : log(value) / log(base), instruction)
      }
    case .exponential: real(instruction) { exp($0) }
    case .power: floats(instruction) { pow($0, $1) }
    default:
      map(instruction) {
        let value = float($0)
        return .int(value < 0 ? -1 : value > 0 ? 1 : 0)
      }
    }
  }

  @inline(__always) private func real(_ instruction: Instruction, _ body: (Double) -> Double?) {
    map(instruction) { finite(body(float($0)), instruction) }
  }

  @inline(__always) private func floats(_ instruction: Instruction, _ body: (Double, Double) -> Double) {
    zip(instruction, looksAtBoth: true) { finite(body(float($0), float($1)), instruction) }
  }

  @inline(__always) private func finite(_ value: Double?, _ instruction: Instruction) -> Cell {
    guard let value else { return .null }
    return value.isFinite ? .float64(value) : .problem(.overflow, at: instruction.place)
  }

  /// Any number as the nearest `Double`.
  @inline(__always) func float(_ cell: Cell) -> Double {
    switch cell.tag {
    case .float64: cell.float64
    case .float32: Double(cell.float32)
    case .int, .boolean: Double(cell.int)
    case .uint, .bits: Double(cell.payload)
    default: decimalFloat(cell)
    }
  }

  @inline(never) private func decimalFloat(_ cell: Cell) -> Double {
    // Both are exact in a Double, so the one division rounds once.
    if cell.tag == .decimal64, cell.int.magnitude < 1 << 53, cell.scale <= 18 {
      return Double(cell.int) / Double(powers[Int(cell.scale)])
    }
    let mark = scratchCount
    defer { rewindScratch(to: mark) }
    let text: UnsafeBufferPointer<UInt8>
    if cell.tag == .decimal {
      text = bytes(of: cell)
    } else {
      guard let memory = reserve(64) else { return .nan }
      text = UnsafeBufferPointer(
        start: memory, count: NumberText.write(cell.int, scale: Int(cell.scale), to: memory))
    }
    return NumberText.float(text) ?? .nan
  }

  /// To so many digits behind the point, as MariaDB rounds (sql/item_func.cc, `my_double_round`): half to even of the
  /// scaled number.
  static func rounded(_ value: Double, _ digits: Int) -> Double {
    let factor = pow(10, Double(abs(digits)))
    guard digits >= 0 else { return (value / factor).rounded(.toNearestOrEven) * factor }
    let scaled = value * factor
    return scaled.isFinite ? scaled.rounded(.toNearestOrEven) / factor : value
  }

  static func cut(_ value: Double, _ digits: Int) -> Double {
    let factor = pow(10, Double(abs(digits)))
    guard digits >= 0 else { return (value / factor).rounded(.towardZero) * factor }
    let scaled = value * factor
    return scaled.isFinite ? scaled.rounded(.towardZero) / factor : value
  }

  /// The decimal that the shortest text of a `Double` spells; nil where it is too long.
  func exactText(of value: Double) -> WideDecimal? {
    guard value.isFinite, abs(value) < 1e66 else { return nil }
    var digits = FloatDigits()
    value.write(to: &digits)
    return digits.decimal
  }
}
