import Change

extension ExpressionEvaluator {
  typealias Instruction = ExpressionProgram.Instruction

  /// Runs the program over the rows of the run.
  func execute(_ batch: Batch, _ changes: [UInt32], _ first: Int) {
    program.parts.instructions.withUnsafeBufferPointer { instructions in
      for instruction in instructions {
        switch instruction.kind {
        case .load(let column, .row): load(column, rows, others, instruction)
        case .load(let column, .before): load(column, before, nil, instruction)
        case .field(let field): load(field, batch, changes, first, instruction)
        case .apply(let opcode): apply(opcode, instruction)
        }
      }
    }
  }

  /// A column of the run's rows. What the image leaves out is taken from the other one, where it is unchanged.
  private func load(
    _ column: Int, _ rows: UnsafeMutablePointer<UInt32>, _ others: UnsafeMutablePointer<UInt32>?,
    _ instruction: Instruction
  ) {
    let (result, cells, count) = (register(instruction.result), cells + column, count)
    for index in 0..<count {
      let row = rows[index]
      guard row != RowChange.noCells else {
        result[index] = .null
        continue
      }
      var cell = cells[Int(row)]
      if cell.tag == .absent || cell.tag == .unavailable {
        if let other = others?[index], other != RowChange.noCells { cell = cells[Int(other)] }
        if cell.tag == .absent || cell.tag == .unavailable { cell = .problem(.absent, at: instruction.place) }
      }
      result[index] = cell
    }
  }

  private func load(
    _ field: Expression.ChangeField, _ batch: Batch, _ changes: [UInt32], _ first: Int, _ instruction: Instruction
  ) {
    let result = register(instruction.result)
    switch field {
    case .operation: loadOperations(batch, changes, first, result, instruction)
    case .time:
      for index in 0..<count {
        result[index] = .timestampZoned(microseconds: batch.changes[Int(changes[first + index])].time.microseconds)
      }
    case .commitTime:
      var part = 0
      for index in 0..<count {
        let change = Int(changes[first + index])
        while part < batch.transactions.count - 1, change >= batch.transactions[part].range.upperBound { part += 1 }
        // Searched anew where the changes do not ascend.
        if batch.transactions[part].range.lowerBound > change { part = 0 }
        while part < batch.transactions.count - 1, change >= batch.transactions[part].range.upperBound { part += 1 }
        result[index] = .timestampZoned(microseconds: batch.transactions[part].commitTime.microseconds)
      }
    case .table, .schema: break
    }
  }

  private func loadOperations(
    _ batch: Batch, _ changes: [UInt32], _ first: Int, _ result: UnsafeMutablePointer<Cell>, _ instruction: Instruction
  ) {
    // All words side by side: each operation is a slice of this text.
    let words: StaticString = "insertupdatedeleteread"
    guard let memory = reserve(words.utf8CodeUnitCount) else {
      result.update(repeating: .problem(.tooLong, at: instruction.place), count: count)
      return
    }
    memory.update(from: words.utf8Start, count: words.utf8CodeUnitCount)
    let offset = commit(words.utf8CodeUnitCount)
    for index in 0..<count {
      switch batch.changes[Int(changes[first + index])].operation {
      case .insert: result[index] = .slice(.text, offset: offset, length: 6)
      case .update: result[index] = .slice(.text, offset: offset + 6, length: 6)
      case .delete: result[index] = .slice(.text, offset: offset + 12, length: 6)
      case .read: result[index] = .slice(.text, offset: offset + 18, length: 4)
      case .schema: result[index] = .null
      }
    }
  }

  /// The bytes of a slice, of the batch or of the scratch memory.
  @inline(__always) func bytes(of cell: Cell) -> UnsafeBufferPointer<UInt8> {
    let offset = cell.offset
    let start = offset < arenaCount ? arena + offset : scratchBase + (offset - arenaCount)
    return UnsafeBufferPointer(start: start, count: cell.length)
  }

  /// The bytes from `start` in the scratch memory that hold a new text, as a cell.
  @inline(__always) func made(_ tag: Cell.Tag, length: Int, scale: UInt8 = 0) -> Cell {
    .slice(tag, offset: commit(length), length: length, scale: scale)
  }

  /// A cell with a copy of these bytes, which must not lie in the scratch memory.
  func copied(_ tag: Cell.Tag, _ bytes: [UInt8], scale: UInt8 = 0, at place: Int32) -> Cell {
    guard let memory = reserve(bytes.count) else { return .problem(.tooLong, at: place) }
    for index in bytes.indices { memory[index] = bytes[index] }
    return made(tag, length: bytes.count, scale: scale)
  }

  /// A longest text that one row may get.
  static let textLimit = 16 << 20

  // MARK: Loops

  /// What a row without operands' values gives: the problem of one, or NULL.
  @inline(__always) func missing(_ left: Cell, _ right: Cell, _ looksAtBoth: Bool = false) -> Cell {
    if left.isProblem { return left }
    return right.isProblem && (looksAtBoth || left.tag != .null) ? right : .null
  }

  @inline(__always) func map(_ instruction: Instruction, _ body: (Cell) -> Cell) {
    let (result, operand, count) = (register(instruction.result), register(instruction.first), count)
    for index in 0..<count {
      let cell = operand[index]
      result[index] = cell.hasValue ? body(cell) : cell.isProblem ? cell : .null
    }
  }

  /// - Parameter looksAtBoth: whether what fails on the right is a failure beside a NULL on the left, as MariaDB has it for
  ///   integers and doubles; otherwise the right operand is not looked at.
  @inline(__always) func zip(_ instruction: Instruction, looksAtBoth: Bool = false, _ body: (Cell, Cell) -> Cell) {
    let (left, right) = (register(instruction.first), register(instruction.second))
    let (result, count) = (register(instruction.result), count)
    for index in 0..<count {
      let (first, second) = (left[index], right[index])
      result[index] = first.hasValue && second.hasValue ? body(first, second) : missing(first, second, looksAtBoth)
    }
  }

  func apply(_ opcode: Opcode, _ instruction: Instruction) {
    switch opcode {
    case .and, .or, .xor, .not, .truth, .isNull, .isTrue, .isFalse, .coalesce, .choose, .lenient:
      applyLogic(opcode, instruction)
    case .compareSigned, .compareUnsigned, .compareIntegers, .compareExact, .compareFloats, .compareBytes,
      .compareMoments, .equalBytes, .isMemberNumber, .isMemberText, .pickInteger, .pickExact, .pickFloat, .pickBytes,
      .pickMoment:
      applyComparison(opcode, instruction)
    case .addIntegers, .subtractIntegers, .multiplyIntegers, .divideWholeIntegers, .remainderIntegers,
      .negateInteger, .absoluteInteger:
      applyIntegers(opcode, instruction)
    case .addExact, .subtractExact, .multiplyExact, .divideExact, .divideWholeExact, .remainderExact, .negateExact,
      .absoluteExact, .roundExact, .truncateExact, .floorExact, .ceilingExact:
      applyExact(opcode, instruction)
    case .addFloats, .subtractFloats, .multiplyFloats, .divideFloats, .remainderFloats, .negateFloat, .absoluteFloat,
      .roundFloat, .truncateFloat, .floorFloat, .ceilingFloat, .toFloat, .squareRoot, .naturalLogarithm,
      .decimalLogarithm, .binaryLogarithm, .logarithm, .exponential, .power, .sign:
      applyFloats(opcode, instruction)
    case .roundToInteger, .toText, .asText, .asJSON, .textToInteger, .textToExact, .textToFloat, .textToMoment,
      .textToTime:
      applyConversion(opcode, instruction)
    case .like, .regexp, .lower, .upper, .trim, .trimStart, .trimEnd, .byteLength, .characterLength, .concat,
      .replace, .left, .right, .substring, .padStart, .padEnd, .find, .jsonPath, .hex, .sha256:
      applyText(opcode, instruction)
    case .findFrom, .reverse, .repeatText, .concatSeparated, .trimText: applyWholeText(opcode, instruction)
    case .replacePattern: replaceMatches(instruction)
    case .toMoment, .roundMoment, .roundTime, .dateField, .shiftMoment, .truncateMoment, .formatMoment, .toDate,
      .lastDay, .unixTime, .fromUnixTime, .difference:
      applyMoment(opcode, instruction)
    }
  }
}
