import Change

/// Turns a checked tree into a flat program over registers.
struct ExpressionCompiler {
  private static let registerLimit = 4096
  /// `a between b and c` evaluates `a` twice: nested, such steps multiply.
  private static let instructionLimit = 16 << 10

  private var parts = ExpressionProgram.Parts()
  private var free: [UInt16] = []
  /// Registers that keep a column for the whole program, by column and image.
  private var loads: [Int: UInt16] = [:]

  static func program(of node: CheckedNode, name: String = "") throws(Failure) -> ExpressionProgram {
    var compiler = ExpressionCompiler()
    compiler.parts.result = try compiler.emit(node)
    return ExpressionProgram(compiler.parts, type: node.type, name: name)
  }

  private mutating func fresh(at place: SourcePlace) throws(Failure) -> UInt16 {
    guard parts.registerCount < ExpressionCompiler.registerLimit else {
      throw Failure(.configuration, "an expression is too large", at: "\(place)")
    }
    parts.registerCount += 1
    return UInt16(parts.registerCount - 1)
  }

  private mutating func emit(_ node: CheckedNode) throws(Failure) -> UInt16 {
    switch node.action {
    case .constant(let constant):
      let register = try fresh(at: node.place)
      var cell = constant.cell
      if cell.isSlice {
        cell = .slice(
          cell.tag, offset: parts.constantBytes.count, length: constant.bytes.count, scale: cell.scale)
        parts.constantBytes += constant.bytes
      }
      parts.constants.append((register, cell))
      return register
    case .load(let column, let image):
      let key = column * 2 + (image == .before ? 1 : 0)
      if let known = loads[key] { return known }
      let register = try fresh(at: node.place)
      loads[key] = register
      append(.init(kind: .load(column: column, image: image), result: register), at: node.place)
      return register
    case .field(let field):
      let register = try fresh(at: node.place)
      append(.init(kind: .field(field), result: register), at: node.place)
      return register
    case .apply(let opcode): return try emit(node, opcode)
    }
  }

  private mutating func append(_ instruction: ExpressionProgram.Instruction, at place: SourcePlace) {
    var instruction = instruction
    instruction.place = Int32(parts.places.count)
    parts.places.append(place)
    parts.instructions.append(instruction)
  }

  private mutating func emit(_ node: CheckedNode, _ opcode: Opcode) throws(Failure) -> UInt16 {
    var registers: [UInt16] = []
    for operand in node.operands { registers.append(try emit(operand)) }
    guard parts.instructions.count < ExpressionCompiler.instructionLimit else {
      throw Failure(.configuration, "an expression is too large", at: "\(node.place)")
    }
    // The result goes to a register of its own: an operation may read its operands after it has begun to write.
    let result: UInt16
    if let reused = free.popLast() { result = reused } else { result = try fresh(at: node.place) }
    var instruction = ExpressionProgram.Instruction(kind: .apply(opcode), result: result)
    instruction.immediate = node.immediate
    if let first = registers.first { instruction.first = first }
    if registers.count > 1 { instruction.second = registers[1] }
    if registers.count > 2 { instruction.third = registers[2] }
    instruction.operandStart = Int32(parts.operands.count)
    instruction.operandCount = Int32(registers.count)
    parts.operands += registers
    switch node.resource {
    case .pattern(let pattern):
      instruction.resource = Int32(parts.patterns.count)
      parts.patterns.append(pattern)
    case .path(let path):
      instruction.resource = Int32(parts.paths.count)
      parts.paths.append(path)
    case .members(let set):
      instruction.resource = Int32(parts.sets.count)
      parts.sets.append(set)
    case .bytes(let bytes):
      instruction.resource = Int32(parts.formats.count)
      parts.formats.append(bytes)
    case nil: break
    }
    append(instruction, at: node.place)
    for (operand, register) in zip(node.operands, registers) {
      if case .apply = operand.action { free.append(register) }
    }
    return result
  }
}
