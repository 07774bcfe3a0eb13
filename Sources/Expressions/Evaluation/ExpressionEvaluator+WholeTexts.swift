import Change

/// Texts that are turned, repeated, joined and cut at their ends.
extension ExpressionEvaluator {
  func applyWholeText(_ opcode: Opcode, _ instruction: Instruction) {
    let place = instruction.place
    switch opcode {
    case .reverse: map(instruction) { reversed($0, place) }
    case .repeatText: zip(instruction) { repeated($0, $1, place) }
    case .trimText:
      let ends = instruction.immediate
      zip(instruction) { trim($0, of: $1, start: ends & 1 != 0, end: ends & 2 != 0) }
    case .findFrom:
      each(instruction) { row in
        find(operand(1, instruction, row), in: operand(0, instruction, row), from: operand(2, instruction, row))
      }
    default:
      let result = register(instruction.result)
      for row in 0..<count { result[row] = joined(row, instruction) }
    }
  }

  /// Character by character.
  private func reversed(_ cell: Cell, _ place: Int32) -> Cell {
    guard cell.length <= ExpressionEvaluator.textLimit, let memory = reserve(cell.length) else {
      return .problem(.tooLong, at: place)
    }
    let text = bytes(of: cell)
    var index = 0
    while index < text.count {
      let end = TextScan.next(text, index)
      for offset in index..<end { memory[text.count - end + offset - index] = text[offset] }
      index = end
    }
    return made(.text, length: text.count)
  }

  private func repeated(_ cell: Cell, _ times: Cell, _ place: Int32) -> Cell {
    guard cell.length > 0, ExpressionEvaluator.isUnsigned(times) || times.int > 0 else {
      return part(cell, from: 0, to: 0)
    }
    let (length, overflows) = cell.length.multipliedReportingOverflow(by: Int(clamping: times.payload))
    guard !overflows, length <= ExpressionEvaluator.textLimit, let memory = reserve(length) else {
      return .problem(.tooLong, at: place)
    }
    let text = bytes(of: cell)
    for start in stride(from: 0, to: length, by: text.count) {
      for index in text.indices { memory[start + index] = text[index] }
    }
    return made(.text, length: length)
  }

  /// Takes a text off the ends of another one, as often as it is there: first the start, then the end.
  private func trim(_ cell: Cell, of other: Cell, start: Bool, end: Bool) -> Cell {
    let (text, edge) = (bytes(of: cell), bytes(of: other))
    guard edge.count > 0 else { return part(cell, from: 0, to: text.count) }
    func isThere(_ index: Int) -> Bool {
      for offset in edge.indices where text[index + offset] != edge[offset] { return false }
      return true
    }
    var (low, high) = (0, text.count)
    if start { while high - low >= edge.count, isThere(low) { low += edge.count } }
    if end { while high - low >= edge.count, isThere(high - edge.count) { high -= edge.count } }
    return part(cell, from: low, to: high)
  }

  /// The number of the character at which `needle` begins, at `position` or behind it; 0 where it is not there, and for a
  /// position that the text does not have.
  private func find(_ needle: Cell, in cell: Cell, from position: Cell) -> Cell {
    guard position.payload > 0, ExpressionEvaluator.isUnsigned(position) || position.int > 0 else { return .int(0) }
    let text = bytes(of: cell)
    let skipped = Int(clamping: position.payload) - 1
    let start = TextScan.offset(text, of: skipped)
    guard start < text.count, let index = TextScan.find(bytes(of: needle), in: text, from: start) else {
      return .int(0)
    }
    return .int(Int64(skipped + TextScan.characterCount(UnsafeBufferPointer(rebasing: text[start..<index]))) + 1)
  }

  private func joined(_ row: Int, _ instruction: Instruction) -> Cell {
    let separator = operand(0, instruction, row)
    guard separator.hasValue else { return missing(separator, separator) }
    var length = 0
    var parts = 0
    for index in 1..<Int(instruction.operandCount) {
      let cell = operand(index, instruction, row)
      if cell.isProblem { return cell }
      guard cell.hasValue else { continue }
      length += cell.length + (parts > 0 ? separator.length : 0)
      parts += 1
    }
    guard length <= ExpressionEvaluator.textLimit, let memory = reserve(length) else {
      return .problem(.tooLong, at: instruction.place)
    }
    var end = 0
    func put(_ cell: Cell) {
      let text = bytes(of: cell)
      if let start = text.baseAddress { (memory + end).update(from: start, count: text.count) }
      end += text.count
    }
    parts = 0
    for index in 1..<Int(instruction.operandCount) {
      let cell = operand(index, instruction, row)
      guard cell.hasValue else { continue }
      if parts > 0 { put(separator) }
      put(cell)
      parts += 1
    }
    return made(.text, length: length)
  }
}
