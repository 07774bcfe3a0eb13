import Change
import MessageDigest
import PatternMatching

/// A kernel that writes to the scratch memory reserves first and takes its operands' bytes then: reserving may move them.
extension ExpressionEvaluator {
  func applyText(_ opcode: Opcode, _ instruction: Instruction) {
    switch opcode {
    case .like:
      let escape = UInt8(instruction.immediate >> 8)
      let negates = instruction.immediate & 1 == 1
      zip(instruction) { .boolean(TextScan.matches(bytes(of: $0), bytes(of: $1), escape: escape) != negates) }
    case .regexp: match(instruction)
    case .lower: map(instruction) { changeCase($0, toUpper: false, instruction.place) }
    case .upper: map(instruction) { changeCase($0, toUpper: true, instruction.place) }
    case .trim: map(instruction) { trim($0, start: true, end: true) }
    case .trimStart: map(instruction) { trim($0, start: true, end: false) }
    case .trimEnd: map(instruction) { trim($0, start: false, end: true) }
    case .byteLength: map(instruction) { .int(Int64($0.length)) }
    case .characterLength:
      map(instruction) { .int(Int64($0.tag == .bytes ? $0.length : TextScan.characterCount(bytes(of: $0)))) }
    case .left: zip(instruction) { left($0, $1) }
    case .right: zip(instruction) { right($0, $1) }
    case .find:
      zip(instruction) { text, needle in
        let text = bytes(of: text)
        guard let index = TextScan.find(bytes(of: needle), in: text) else { return .int(0) }
        return .int(Int64(TextScan.characterCount(UnsafeBufferPointer(rebasing: text[..<index]))) + 1)
      }
    case .jsonPath: extract(instruction)
    case .hex, .sha256: digest(opcode, instruction)
    case .replace: replace(instruction)
    default: each(instruction) { compose(opcode, $0, instruction) }
    }
  }

  /// Runs over rows whose operands, any number of them, all have values; the first that has none decides otherwise.
  func each(_ instruction: Instruction, _ body: (Int) -> Cell) {
    let result = register(instruction.result)
    for row in 0..<count {
      var lack: Cell?
      for index in 0..<Int(instruction.operandCount) {
        let cell = operand(index, instruction, row)
        if !cell.hasValue, lack == nil { lack = cell.isProblem ? cell : .null }
      }
      result[row] = lack ?? body(row)
    }
  }

  func operand(_ index: Int, _ instruction: Instruction, _ row: Int) -> Cell {
    register(program.parts.operands[Int(instruction.operandStart) + index])[row]
  }

  private func compose(_ opcode: Opcode, _ row: Int, _ instruction: Instruction) -> Cell {
    let first = operand(0, instruction, row)
    switch opcode {
    case .concat: return concat(row, instruction)
    case .substring:
      let length = instruction.operandCount == 3 ? operand(2, instruction, row).int : Int64.max
      return substring(first, operand(1, instruction, row).int, length)
    default:
      return pad(
        first, operand(1, instruction, row).int, operand(2, instruction, row), atStart: opcode == .padStart,
        instruction.place)
    }
  }

  private func match(_ instruction: Instruction) {
    let matcher = matchers[Int(instruction.resource)]
    let negates = instruction.immediate != 0
    map(instruction) { cell in
      switch matcher.find(in: UnsafeRawBufferPointer(bytes(of: cell))) {
      case .found: .boolean(!negates)
      case .missing: .boolean(negates)
      case .failed: .problem(.patternLimit, at: instruction.place)
      }
    }
  }

  func part(_ cell: Cell, from start: Int, to end: Int) -> Cell {
    .slice(.text, offset: cell.offset + start, length: max(0, end - start))
  }

  private func changeCase(_ cell: Cell, toUpper: Bool, _ place: Int32) -> Cell {
    // A scalar of two bytes may become one of three.
    guard cell.length <= ExpressionEvaluator.textLimit, let memory = reserve(cell.length * 2 + 4) else {
      return .problem(.tooLong, at: place)
    }
    let text = bytes(of: cell)
    var length = 0
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte < 0x80 {
        let isLetter = toUpper ? byte >= 0x61 && byte <= 0x7a : byte >= 0x41 && byte <= 0x5a
        memory[length] = isLetter ? byte ^ 0x20 : byte
        length += 1
        index += 1
      } else if let (scalar, width) = TextScan.scalar(text, index) {
        for unit in UTF8.encode(TextScan.mapped(scalar, toUpper: toUpper)) ?? UTF8.encodedReplacementCharacter {
          memory[length] = unit
          length += 1
        }
        index += width
      } else {
        memory[length] = byte
        length += 1
        index += 1
      }
    }
    return made(.text, length: length)
  }

  private func trim(_ cell: Cell, start: Bool, end: Bool) -> Cell {
    let text = bytes(of: cell)
    var (low, high) = (0, text.count)
    if start { while low < high, text[low] == 0x20 { low += 1 } }
    if end { while high > low, text[high - 1] == 0x20 { high -= 1 } }
    return part(cell, from: low, to: high)
  }

  private func left(_ cell: Cell, _ count: Cell) -> Cell {
    guard count.tag == .uint || count.int > 0 else { return part(cell, from: 0, to: 0) }
    return part(cell, from: 0, to: TextScan.offset(bytes(of: cell), of: Int(clamping: count.payload)))
  }

  private func right(_ cell: Cell, _ count: Cell) -> Cell {
    guard count.tag == .uint || count.int > 0 else { return part(cell, from: 0, to: 0) }
    let text = bytes(of: cell)
    let skipped = max(0, TextScan.characterCount(text) - Int(clamping: count.payload))
    return part(cell, from: TextScan.offset(text, of: skipped), to: text.count)
  }

  /// From a place that counts from 1, or from the end where it is negative; place 0 is nowhere.
  private func substring(_ cell: Cell, _ position: Int64, _ length: Int64) -> Cell {
    let text = bytes(of: cell)
    guard position != 0, length > 0 else { return part(cell, from: 0, to: 0) }
    var first = position - 1
    if position < 0 {
      first = Int64(TextScan.characterCount(text)) &+ position
      guard first >= 0 else { return part(cell, from: 0, to: 0) }
    }
    let start = TextScan.offset(text, of: Int(first))
    let rest = UnsafeBufferPointer(rebasing: text[start...])
    return part(cell, from: start, to: start + TextScan.offset(rest, of: Int(length)))
  }

  private func concat(_ row: Int, _ instruction: Instruction) -> Cell {
    var length = 0
    for index in 0..<Int(instruction.operandCount) { length += operand(index, instruction, row).length }
    guard length <= ExpressionEvaluator.textLimit, let memory = reserve(length) else {
      return .problem(.tooLong, at: instruction.place)
    }
    var end = 0
    for index in 0..<Int(instruction.operandCount) {
      let text = bytes(of: operand(index, instruction, row))
      if let start = text.baseAddress { (memory + end).update(from: start, count: text.count) }
      end += text.count
    }
    return made(.text, length: length)
  }

  /// As in MariaDB, what replaces is looked at only where there is something to replace.
  private func replace(_ instruction: Instruction) {
    let to = register(instruction.third)
    let result = register(instruction.result)
    let (texts, needles) = (register(instruction.first), register(instruction.second))
    for row in 0..<count {
      let (text, from) = (texts[row], needles[row])
      guard text.hasValue, from.hasValue else {
        result[row] = missing(text, from)
        continue
      }
      result[row] = replace(text, from, to[row], instruction.place)
    }
  }

  private func replace(_ cell: Cell, _ from: Cell, _ to: Cell, _ place: Int32) -> Cell {
    guard from.length > 0 else { return cell }
    var count = 0
    var index = 0
    while let found = TextScan.find(bytes(of: from), in: bytes(of: cell), from: index) {
      count += 1
      index = found + from.length
    }
    guard count > 0 else { return cell }
    guard to.hasValue else { return missing(to, to) }
    let (growth, overflows) = count.multipliedReportingOverflow(by: to.length - from.length)
    guard !overflows, cell.length + growth <= ExpressionEvaluator.textLimit,
      let memory = reserve(cell.length + growth)
    else { return .problem(.tooLong, at: place) }
    let (text, needle, other) = (bytes(of: cell), bytes(of: from), bytes(of: to))
    var (read, written) = (0, 0)
    func put(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) {
      for byte in bytes {
        memory[written] = byte
        written += 1
      }
    }
    while let found = TextScan.find(needle, in: text, from: read) {
      put(text[read..<found])
      put(other[...])
      read = found + needle.count
    }
    put(text[read...])
    return made(.text, length: written)
  }

  private func pad(_ cell: Cell, _ wanted: Int64, _ filler: Cell, atStart: Bool, _ place: Int32) -> Cell {
    guard wanted >= 0 else { return .null }
    let characters = TextScan.characterCount(bytes(of: cell))
    if wanted <= Int64(characters) {
      return part(cell, from: 0, to: TextScan.offset(bytes(of: cell), of: Int(wanted)))
    }
    guard filler.length > 0 else { return part(cell, from: 0, to: 0) }
    guard wanted <= Int64(ExpressionEvaluator.textLimit / 4) else { return .problem(.tooLong, at: place) }
    let lack = Int(wanted) - characters
    let fillerCharacters = max(1, TextScan.characterCount(bytes(of: filler)))
    let (whole, rest) = lack.quotientAndRemainder(dividingBy: fillerCharacters)
    let tail = TextScan.offset(bytes(of: filler), of: rest)
    let padding = whole * filler.length + tail
    guard let memory = reserve(padding + cell.length) else { return .problem(.tooLong, at: place) }
    let (text, fill) = (bytes(of: cell), bytes(of: filler))
    let start = atStart ? 0 : text.count
    for index in 0..<padding { memory[start + index] = fill[index % fill.count] }
    for index in text.indices { memory[(atStart ? padding : 0) + index] = text[index] }
    return made(.text, length: padding + text.count)
  }

  private func extract(_ instruction: Instruction) {
    let path = program.parts.paths[Int(instruction.resource)]
    let asText = instruction.immediate == 1
    let place = instruction.place
    map(instruction) { cell in
      guard let range = path.find(in: bytes(of: cell)) else { return .null }
      let tag: Cell.Tag = asText ? .text : .json
      let value = Cell.slice(tag, offset: cell.offset + range.lowerBound, length: range.count)
      guard asText, bytes(of: value).first == UInt8(ascii: "\"") else { return value }
      let content = Cell.slice(.text, offset: value.offset + 1, length: value.length - 2)
      guard bytes(of: content).contains(UInt8(ascii: "\\")) else { return content }
      guard let memory = reserve(content.length) else { return .problem(.tooLong, at: place) }
      guard let length = JSONText.unescape(bytes(of: content), to: memory) else { return .null }
      return made(.text, length: length)
    }
  }

  private func digest(_ opcode: Opcode, _ instruction: Instruction) {
    let place = instruction.place
    let digits: StaticString = opcode == .hex ? "0123456789ABCDEF" : "0123456789abcdef"
    map(instruction) { cell in
      let count = opcode == .hex ? cell.length : 32
      guard count <= ExpressionEvaluator.textLimit / 2, let memory = reserve(count * 2) else {
        return .problem(.tooLong, at: place)
      }
      func put(_ byte: UInt8, _ index: Int) {
        memory[index * 2] = digits.utf8Start[Int(byte >> 4)]
        memory[index * 2 + 1] = digits.utf8Start[Int(byte & 15)]
      }
      if opcode == .hex {
        let source = bytes(of: cell)
        for index in source.indices { put(source[index], index) }
      } else {
        withUnsafeTemporaryAllocation(byteCount: MessageHash.byteCount, alignment: 1) { result in
          MessageHash.sha256(of: UnsafeRawBufferPointer(bytes(of: cell)), to: result)
          for index in result.indices { put(result[index], index) }
        }
      }
      return made(.text, length: count * 2)
    }
  }
}
