import Change

extension ExpressionEvaluator {
  func applyIntegers(_ opcode: Opcode, _ instruction: Instruction) {
    let overflow = Cell.problem(.overflow, at: instruction.place)
    switch opcode {
    case .addIntegers:
      integers(instruction, { $0.addingReportingOverflow($1) }, { .some($0 + $1) })
    case .subtractIntegers:
      integers(instruction, { $0.subtractingReportingOverflow($1) }, { .some($0 - $1) })
    case .multiplyIntegers:
      integers(
        instruction, { $0.multipliedReportingOverflow(by: $1) },
        { left, right in
          let (product, overflow) = left.multipliedReportingOverflow(by: right)
          return overflow ? Int128.max : product
        })
    case .divideWholeIntegers:
      integers(
        instruction, { $1 == 0 ? (0, true) : $0.dividedReportingOverflow(by: $1) },
        { $1 == 0 ? nil : $0 / $1 })
    case .remainderIntegers:
      integers(
        instruction, { $1 == 0 ? (0, true) : $1 == -1 ? (0, false) : $0.remainderReportingOverflow(dividingBy: $1) },
        { $1 == 0 ? nil : $0 % $1 })
    case .negateInteger:
      map(instruction) { ExpressionEvaluator.integer(-ExpressionEvaluator.wide($0), isUnsigned: false) ?? overflow }
    default:
      let isUnsigned = instruction.immediate != 0
      map(instruction) {
        let value = ExpressionEvaluator.wide($0)
        return ExpressionEvaluator.integer(value < 0 ? -value : value, isUnsigned: isUnsigned) ?? overflow
      }
    }
  }

  /// One operation, on signed numbers of 64 bits, and on wider ones where a sign differs or the result does not fit.
  /// The wide one gives nil for NULL.
  @inline(__always) private func integers(
    _ instruction: Instruction, _ narrow: (Int64, Int64) -> (partialValue: Int64, overflow: Bool),
    _ wide: (Int128, Int128) -> Int128?
  ) {
    let overflow = Cell.problem(.overflow, at: instruction.place)
    if instruction.immediate == 0 {
      return zip(instruction, looksAtBoth: true) { left, right in
        let (value, overflows) = narrow(left.int, right.int)
        if !overflows { return .int(value) }
        guard let exact = wide(Int128(left.int), Int128(right.int)) else { return .null }
        return ExpressionEvaluator.integer(exact, isUnsigned: false) ?? overflow
      }
    }
    let isUnsigned = instruction.immediate & 4 != 0
    zip(instruction, looksAtBoth: true) { left, right in
      guard let exact = wide(ExpressionEvaluator.wide(left), ExpressionEvaluator.wide(right)) else { return .null }
      return ExpressionEvaluator.integer(exact, isUnsigned: isUnsigned) ?? overflow
    }
  }

  static func wide(_ cell: Cell) -> Int128 { isUnsigned(cell) ? Int128(cell.payload) : Int128(cell.int) }

  /// nil when the value is out of range.
  static func integer(_ value: Int128, isUnsigned: Bool) -> Cell? {
    if isUnsigned { return UInt64(exactly: value).map { .uint($0) } }
    return Int64(exactly: value).map { .int($0) }
  }
}
