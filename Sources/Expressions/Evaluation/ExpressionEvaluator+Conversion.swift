import Change

extension ExpressionEvaluator {
  func applyConversion(_ opcode: Opcode, _ instruction: Instruction) {
    let place = instruction.place
    let parameter = instruction.immediate
    switch opcode {
    case .roundToInteger: map(instruction) { integer(from: $0, parameter != 0, place) }
    case .toText: map(instruction) { text(of: $0, parameter, place) }
    case .asText: map(instruction) { Cell(.text, $0.payload) }
    case .asJSON: map(instruction) { Cell(.json, $0.payload) }
    case .textToInteger:
      map(instruction) { integer(trimmedDecimal($0)?.rounded(to: 0), parameter != 0, place, bad: .badText) }
    case .textToExact:
      let (scale, precision) = (parameter & 255, parameter >> 8)
      map(instruction) { cell in
        guard let value = trimmedDecimal(cell) else { return .problem(.badText, at: place) }
        guard let rounded = value.rounded(to: scale), rounded.digitCount <= precision else {
          return .problem(.overflow, at: place)
        }
        return exact(rounded, place)
      }
    case .textToFloat:
      map(instruction) { NumberText.float(trimmed($0)).map { .float64($0) } ?? .problem(.badText, at: place) }
    case .textToMoment:
      map(instruction) { MomentText.parse(trimmed($0))?.cell(.timestamp) ?? .problem(.badText, at: place) }
    default:
      map(instruction) {
        MomentText.parseTime(trimmed($0)).map { .time(microseconds: $0.microseconds) } ?? .problem(.badText, at: place)
      }
    }
  }

  /// Without spaces at either end.
  func trimmed(_ cell: Cell) -> UnsafeBufferPointer<UInt8> {
    var text = bytes(of: cell)[...]
    while let first = text.first, first == 0x20 { text = text.dropFirst() }
    while let last = text.last, last == 0x20 { text = text.dropLast() }
    return UnsafeBufferPointer(rebasing: text)
  }

  private func trimmedDecimal(_ cell: Cell) -> WideDecimal? { WideDecimal(trimmed(cell)) }

  private func integer(
    _ value: WideDecimal?, _ isUnsigned: Bool, _ place: Int32, bad: EvaluationProblem
  ) -> Cell {
    value == nil ? .problem(bad, at: place) : integer(value, isUnsigned, place)
  }

  @inline(__always) private func integer(from cell: Cell, _ isUnsigned: Bool, _ place: Int32) -> Cell {
    switch cell.tag {
    case .int where !isUnsigned || cell.int >= 0, .boolean: return Cell(isUnsigned ? .uint : .int, cell.payload)
    case .uint where isUnsigned || cell.int >= 0, .bits where isUnsigned || cell.int >= 0:
      return Cell(isUnsigned ? .uint : .int, cell.payload)
    case .float32, .float64:
      let value = float(cell).rounded(.toNearestOrEven)
      guard abs(value) < 1e20 else { return .problem(.overflow, at: place) }
      return ExpressionEvaluator.integer(Int128(value), isUnsigned: isUnsigned) ?? .problem(.overflow, at: place)
    default: return integer(wideDecimal(cell)?.rounded(to: 0), isUnsigned, place)
    }
  }

  /// A value as MariaDB shows it. `digits`: behind the point of a decimal (255: as it is), or of a second.
  private func text(of cell: Cell, _ digits: Int, _ place: Int32) -> Cell {
    var cell = cell
    if cell.tag == .decimal64 || cell.tag == .decimal, digits != 255, Int(cell.scale) != digits {
      guard let rounded = wideDecimal(cell)?.rounded(to: digits) else { return .problem(.overflow, at: place) }
      cell = exact(rounded, place)
    }
    guard !cell.isSlice else { return Cell(.text, cell.payload) }
    guard !cell.isProblem else { return cell }
    guard let memory = reserve(128) else { return .problem(.tooLong, at: place) }
    switch cell.tag {
    case .int, .boolean:
      let length = NumberText.write(cell.int, scale: 0, to: memory)
      // A whole number that stands for a decimal gets its zeros.
      return made(.text, length: zeros(digits, behind: length, memory))
    case .uint, .bits:
      let length = NumberText.write(cell.payload, isNegative: false, scale: 0, to: memory)
      return made(.text, length: zeros(digits, behind: length, memory))
    case .decimal64: return made(.text, length: NumberText.write(cell.int, scale: Int(cell.scale), to: memory))
    case .float64:
      var text = FloatDigits()
      cell.float64.write(to: &text)
      return made(.text, length: text.write(to: memory))
    case .float32:
      var text = FloatDigits()
      cell.float32.write(to: &text)
      return made(.text, length: text.write(to: memory))
    case .date: return made(.text, length: MomentText.writeDate(ExpressionEvaluator.civil(cell), to: memory))
    case .time: return made(.text, length: MomentText.writeTime(cell.int, fraction: digits, to: memory))
    case .timestamp, .timestampZoned, .civil:
      return made(
        .text, length: MomentText.write(ExpressionEvaluator.civil(cell), fraction: digits, to: memory))
    default: return .problem(.malformed, at: place)
    }
  }

  private func zeros(_ digits: Int, behind length: Int, _ memory: UnsafeMutablePointer<UInt8>) -> Int {
    guard digits > 0, digits <= 38 else { return length }
    memory[length] = UInt8(ascii: ".")
    for index in 0..<digits { memory[length + 1 + index] = UInt8(ascii: "0") }
    return length + 1 + digits
  }
}
