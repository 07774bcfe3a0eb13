import Change

extension ExpressionEvaluator {
  func applyLogic(_ opcode: Opcode, _ instruction: Instruction) {
    let negates = instruction.immediate != 0
    switch opcode {
    case .and: connect(instruction, decides: 0)
    case .or: connect(instruction, decides: 1)
    case .xor: zip(instruction) { .boolean($0.payload != $1.payload) }
    case .not: map(instruction) { .boolean($0.payload == 0) }
    case .truth: map(instruction) { .boolean($0.payload != 0) }
    case .isNull: each(instruction) { .boolean(($0.tag == .null) != negates) }
    case .isTrue: each(instruction) { .boolean(($0.tag != .null && $0.payload != 0) != negates) }
    case .isFalse: each(instruction) { .boolean(($0.tag != .null && $0.payload == 0) != negates) }
    case .coalesce:
      let (result, first, second) = (
        register(instruction.result), register(instruction.first), register(instruction.second)
      )
      for index in 0..<count { result[index] = first[index].tag == .null ? second[index] : first[index] }
    case .choose: choose(instruction)
    default:
      let (result, operand) = (register(instruction.result), register(instruction.first))
      for index in 0..<count {
        let cell = operand[index]
        let fails = cell.isProblem && (cell.problem == .badText || cell.problem == .overflow)
        result[index] = fails ? .null : cell
      }
    }
  }

  /// `and` and `or`: the value that decides wins over NULL, and over a problem on its right.
  @inline(__always) private func connect(_ instruction: Instruction, decides: UInt64) {
    let (result, first, second) = (
      register(instruction.result), register(instruction.first), register(instruction.second)
    )
    for index in 0..<count {
      let (left, right) = (first[index], second[index])
      if left.tag == .boolean, right.tag == .boolean {
        result[index] = Cell(.boolean, decides == 0 ? left.payload & right.payload : left.payload | right.payload)
      } else if left.tag == .boolean, left.payload == decides || left.isProblem {
        result[index] = left
      } else if left.isProblem || right.isProblem {
        result[index] = left.isProblem ? left : right
      } else if right.tag == .boolean, right.payload == decides {
        result[index] = right
      } else {
        result[index] = .null
      }
    }
  }

  @inline(__always) private func each(_ instruction: Instruction, _ body: (Cell) -> Cell) {
    let (result, operand) = (register(instruction.result), register(instruction.first))
    for index in 0..<count {
      let cell = operand[index]
      result[index] = cell.isProblem ? cell : body(cell)
    }
  }

  private func choose(_ instruction: Instruction) {
    let result = register(instruction.result)
    let condition = register(instruction.first)
    let (yes, no) = (register(instruction.second), register(instruction.third))
    for index in 0..<count {
      let test = condition[index]
      if test.isProblem {
        result[index] = test
      } else {
        result[index] = test.tag != .null && test.payload != 0 ? yes[index] : no[index]
      }
    }
  }
}
