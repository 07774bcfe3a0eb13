import Change

extension FunctionTable {
  /// A function of texts that gives a text.
  private static func text(_ opcode: Opcode) -> Entry {
    Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      try checker.apply(opcode, [try checker.asText(values[0])], values[0].type.with(kind: .text), at: place)
    }
  }

  private static func length(_ opcode: Opcode) -> Entry {
    Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = values[0].type.kind == .bytes ? values[0] : try checker.asText(values[0])
      let type = ValueType(.integer, isNullable: value.type.isNullable, precision: 10)
      return try checker.apply(opcode, [value], type, at: place)
    }
  }

  /// A text, then whole numbers.
  private static func part(_ opcode: Opcode, _ arguments: ClosedRange<Int>) -> Entry {
    Entry(arguments: arguments) { (checker, values, place) throws(Failure) in
      var operands = [try checker.asText(values[0])]
      for value in values.dropFirst() { operands.append(try checker.wholeNumber(value)) }
      let type = values[0].type.with(kind: .text).computed(isNullable: values.contains { $0.type.isNullable })
      return try checker.apply(opcode, operands, type, at: place)
    }
  }

  private static func pad(_ opcode: Opcode) -> Entry {
    Entry(arguments: 2...3) { (checker, values, place) throws(Failure) in
      let filler = values.count == 3 ? try checker.asText(values[2]) : checker.text(" ", at: place)
      let operands = [try checker.asText(values[0]), try checker.wholeNumber(values[1]), filler]
      return try checker.apply(opcode, operands, ValueType(.text, isNullable: true), at: place)
    }
  }

  private static func find(swapped: Bool) -> Entry {
    Entry(arguments: swapped ? 2...3 : 2...2) { (checker, values, place) throws(Failure) in
      var operands = [try checker.asText(values[swapped ? 1 : 0]), try checker.asText(values[swapped ? 0 : 1])]
      if values.count == 3 { operands.append(try checker.wholeNumber(values[2])) }
      let isNullable = operands.contains { $0.type.isNullable }
      return try checker.apply(
        values.count == 3 ? .findFrom : .find, operands,
        ValueType(.integer, isNullable: isNullable, precision: 10), at: place)
    }
  }

  /// What the parser makes of `trim(both x from y)`: y, then x.
  private static func trim(_ ends: Int) -> Entry {
    Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      let operands = [try checker.asText(values[0]), try checker.asText(values[1])]
      let type = values[0].type.with(kind: .text).computed(isNullable: operands.contains { $0.type.isNullable })
      return try checker.apply(.trimText, operands, type, immediate: ends, at: place)
    }
  }

  private static let substring = part(.substring, 2...3)

  static let texts: [String: Entry] = [
    "lower": text(.lower), "lcase": text(.lower), "upper": text(.upper), "ucase": text(.upper), "trim": text(.trim),
    "ltrim": text(.trimStart), "rtrim": text(.trimEnd), "length": length(.byteLength),
    "octet_length": length(.byteLength), "char_length": length(.characterLength),
    "character_length": length(.characterLength), "left": part(.left, 2...2), "right": part(.right, 2...2),
    "substring": substring, "substr": substring, "mid": substring, "lpad": pad(.padStart),
    "rpad": pad(.padEnd), "instr": find(swapped: false), "locate": find(swapped: true),
    "concat": Entry(arguments: 1...64) { (checker, values, place) throws(Failure) in
      var operands: [CheckedNode] = []
      for value in values { operands.append(try checker.textual(value, at: value.place)) }
      let isNullable = operands.contains { $0.type.isNullable }
      return try checker.apply(.concat, operands, ValueType(.text, isNullable: isNullable), at: place)
    },
    "concat_ws": Entry(arguments: 2...64) { (checker, values, place) throws(Failure) in
      var operands: [CheckedNode] = []
      for value in values { operands.append(try checker.textual(value, at: value.place)) }
      return try checker.apply(
        .concatSeparated, operands, ValueType(.text, isNullable: operands[0].type.isNullable), at: place)
    },
    "repeat": Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      let operands = [try checker.asText(values[0]), try checker.wholeNumber(values[1])]
      let isNullable = operands.contains { $0.type.isNullable }
      return try checker.apply(.repeatText, operands, ValueType(.text, isNullable: isNullable), at: place)
    },
    "reverse": text(.reverse), "trim both": trim(3), "trim leading": trim(1), "trim trailing": trim(2),
    "replace": Entry(arguments: 3...3) { (checker, values, place) throws(Failure) in
      var operands: [CheckedNode] = []
      for value in values { operands.append(try checker.asText(value)) }
      let isNullable = operands.contains { $0.type.isNullable }
      return try checker.apply(.replace, operands, ValueType(.text, isNullable: isNullable), at: place)
    },
    "regexp_replace": Entry(arguments: 3...3) { (checker, values, place) throws(Failure) in
      let operands = [try checker.asText(values[0]), try checker.asText(values[2])]
      let isNullable = operands.contains { $0.type.isNullable }
      return try checker.apply(
        .replacePattern, operands, ValueType(.text, isNullable: isNullable),
        resource: .pattern(try checker.compiled(values[1], groups: 9)), at: place)
    },
    "hex": digest(.hex), "sha256": digest(.sha256),
  ]

  private static func digest(_ opcode: Opcode) -> Entry {
    Entry(arguments: 1...1) { (checker, values, place) throws(Failure) in
      let value = values[0].type.kind == .bytes ? values[0] : try checker.asText(values[0])
      var type = ValueType(.text, isNullable: value.type.isNullable)
      if opcode == .sha256 { type.length = 64 }
      return try checker.apply(opcode, [value], type, at: place)
    }
  }
}
