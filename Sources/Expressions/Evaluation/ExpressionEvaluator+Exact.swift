import Change

/// Decimals: 64 bits where both operands and the result have them, 128 bits for what lies between, and as many digits
/// as SQL has beyond that.
extension ExpressionEvaluator {
  func applyExact(_ opcode: Opcode, _ instruction: Instruction) {
    let place = instruction.place
    switch opcode {
    case .addExact:
      sum(instruction) {
        $0.addingReportingOverflow($1)
      } wide: {
        $0.adding($1)
      }
    case .subtractExact:
      sum(instruction) {
        $0.subtractingReportingOverflow($1)
      } wide: {
        $0.adding($1.negated)
      }
    case .multiplyExact: multiply(instruction)
    case .divideExact: zip(instruction) { divide($0, $1, place) }
    case .divideWholeExact:
      let isUnsigned = instruction.immediate != 0
      zip(instruction) { divideWhole($0, $1, isUnsigned, place) }
    case .remainderExact: zip(instruction) { remainder($0, $1, place) }
    case .negateExact:
      map(instruction) {
        $0.tag == .decimal64 ? .decimal64(unscaled: -$0.int, scale: $0.scale) : wideNegated($0, place)
      }
    case .absoluteExact:
      map(instruction) {
        if $0.tag == .decimal64 { return .decimal64(unscaled: abs($0.int), scale: $0.scale) }
        guard let value = wideDecimal($0) else { return .problem(.malformed, at: place) }
        return value.isNegative ? wideNegated($0, place) : $0
      }
    case .roundExact: round(instruction)
    case .truncateExact:
      let places = instruction.immediate
      map(instruction) { cell in
        guard let value = wideDecimal(cell) else { return .problem(.malformed, at: place) }
        // Digits before the point are rounded when they are counted from -1000.
        return exact(places < -500 ? value.reduced(to: places + 1000, rounds: true) : value.cut(to: places), place)
      }
    case .floorExact: map(instruction) { edge($0, up: false, place) }
    default: map(instruction) { edge($0, up: true, place) }
    }
  }

  @inline(__always) static var decimal64Limit: Int64 { 1_000_000_000_000_000_000 }

  /// A small unscaled value and its scale, of a decimal or an integer.
  @inline(__always) func small(_ cell: Cell) -> (value: Int64, scale: Int)? {
    switch cell.tag {
    case .decimal64: (cell.int, Int(cell.scale))
    case .int, .boolean: (cell.int, 0)
    case .uint, .bits: cell.int >= 0 ? (cell.int, 0) : nil
    default: nil
    }
  }

  /// Any number that is exact; nil for anything else.
  func wideDecimal(_ cell: Cell) -> WideDecimal? {
    if let small = small(cell) { return WideDecimal(small.value, scale: small.scale) }
    switch cell.tag {
    case .uint, .bits: return WideDecimal(cell.payload)
    case .decimal: return WideDecimal(bytes(of: cell))
    default: return nil
    }
  }

  /// A decimal as a cell: 64 bits where they hold it.
  func exact(_ value: WideDecimal?, _ place: Int32) -> Cell {
    guard let value else { return .problem(.overflow, at: place) }
    if let small = value.small { return .decimal64(unscaled: small, scale: UInt8(value.scale)) }
    guard value.digitCount - value.scale <= ValueType.decimalPrecision else { return .problem(.overflow, at: place) }
    return write(value, place)
  }

  private func write(_ value: WideDecimal, _ place: Int32) -> Cell {
    // Digits, the zeros before them, the point and the sign.
    let limit = WideNatural.digitLimit + 8
    guard let memory = reserve(limit) else { return .problem(.tooLong, at: place) }
    var end = limit
    var rest = value.magnitude
    var written = 0
    while !rest.isZero || written <= value.scale {
      if written == value.scale, written > 0 {
        end -= 1
        memory[end] = UInt8(ascii: ".")
      }
      end -= 1
      memory[end] = UInt8(ascii: "0") + UInt8(rest.divide(by: 10))
      written += 1
    }
    if value.isNegative {
      end -= 1
      memory[end] = UInt8(ascii: "-")
    }
    let length = limit - end
    memory.update(from: memory + end, count: length)
    return made(.decimal, length: length, scale: UInt8(value.scale))
  }

  @inline(__always) private func exact(_ value: Int128, scale: Int, _ place: Int32) -> Cell {
    let limit = Int128(ExpressionEvaluator.decimal64Limit)
    if value < limit, value > -limit {
      return .decimal64(unscaled: Int64(truncatingIfNeeded: value), scale: UInt8(scale))
    }
    return exact(WideDecimal(value, scale: scale), place)
  }

  /// -1, 0 or 1; nil for what is not an exact number.
  @inline(never) func exactOrder(_ left: Cell, _ right: Cell) -> Int? {
    if let first = small(left), let second = small(right), abs(first.scale - second.scale) <= 18 {
      let common = max(first.scale, second.scale)
      return ExpressionEvaluator.order(
        Int128(first.value) * Int128(powers[common - first.scale]),
        Int128(second.value) * Int128(powers[common - second.scale]))
    }
    guard let first = wideDecimal(left), let second = wideDecimal(right) else { return nil }
    return first.compare(second)
  }

  @inline(__always) private func sum(
    _ instruction: Instruction, _ narrow: (Int64, Int64) -> (partialValue: Int64, overflow: Bool),
    wide: (WideDecimal, WideDecimal) -> WideDecimal?
  ) {
    let place = instruction.place
    let limit = ExpressionEvaluator.decimal64Limit
    zip(instruction) { left, right in
      if let first = small(left), let second = small(right), abs(first.scale - second.scale) <= 18 {
        let common = max(first.scale, second.scale)
        let (one, oneOverflows) = first.value.multipliedReportingOverflow(by: powers[common - first.scale])
        let (two, twoOverflows) = second.value.multipliedReportingOverflow(by: powers[common - second.scale])
        let (value, overflows) = narrow(one, two)
        if !oneOverflows, !twoOverflows, !overflows, value < limit, value > -limit {
          return .decimal64(unscaled: value, scale: UInt8(common))
        }
      }
      guard let first = wideDecimal(left), let second = wideDecimal(right) else {
        return .problem(.malformed, at: place)
      }
      return exact(wide(first, second), place)
    }
  }

  private func multiply(_ instruction: Instruction) {
    let place = instruction.place
    zip(instruction) { left, right in
      if let first = small(left), let second = small(right), first.scale + second.scale <= WideDecimal.scaleLimit {
        return exact(Int128(first.value) * Int128(second.value), scale: first.scale + second.scale, place)
      }
      guard let first = wideDecimal(left), let second = wideDecimal(right) else {
        return .problem(.malformed, at: place)
      }
      return exact(first.multiplied(by: second), place)
    }
  }

  /// How many digits MariaDB keeps of a quotient before it is rounded to the declared ones: whole groups of nine, at
  /// least four more than the dividend has (strings/decimal.c, `do_div_mod`; div_precision_increment).
  static func quotientDigits(_ left: Int, _ right: Int) -> Int {
    let (first, second) = ((left + 8) / 9 * 9, (right + 8) / 9 * 9)
    let more = max(0, 4 - (first - left + second - right))
    return (first + second + more + 8) / 9 * 9
  }

  /// Nothing divided is nothing, without digits behind the point (strings/decimal.c, `do_div_mod`): fewer are kept of what
  /// is made of it.
  private static var zeroQuotient: Cell { .decimal64(unscaled: 0, scale: 0) }

  private func divide(_ left: Cell, _ right: Cell, _ place: Int32) -> Cell {
    if let first = small(left), let second = small(right) {
      guard second.value != 0 else { return .null }
      if first.value == 0 { return ExpressionEvaluator.zeroQuotient }
      let digits = min(ExpressionEvaluator.quotientDigits(first.scale, second.scale), WideDecimal.scaleLimit)
      let shift = digits + second.scale - first.scale
      if shift >= 0, shift <= 18, first.value.magnitude < 1_000_000_000_000_000_000 {
        let numerator = Int128(first.value) * Int128(powers[shift])
        return exact(numerator / Int128(second.value), scale: digits, place)
      }
    }
    guard let first = wideDecimal(left), let second = wideDecimal(right) else {
      return .problem(.malformed, at: place)
    }
    guard !second.isZero else { return .null }
    if first.isZero { return ExpressionEvaluator.zeroQuotient }
    let digits = min(ExpressionEvaluator.quotientDigits(first.scale, second.scale), WideDecimal.scaleLimit)
    return exact(first.divided(by: second, digits: digits), place)
  }

  private func divideWhole(_ left: Cell, _ right: Cell, _ isUnsigned: Bool, _ place: Int32) -> Cell {
    guard let first = wideDecimal(left), let second = wideDecimal(right) else {
      return .problem(.malformed, at: place)
    }
    guard !second.isZero else { return .null }
    return integer(first.divided(by: second, digits: 0), isUnsigned, place)
  }

  /// An integer from a decimal without digits behind the point.
  func integer(_ value: WideDecimal?, _ isUnsigned: Bool, _ place: Int32) -> Cell {
    guard let value, value.scale == 0, let magnitude = value.magnitude.small else {
      return .problem(.overflow, at: place)
    }
    let signed = value.isNegative ? -Int128(magnitude) : Int128(magnitude)
    return ExpressionEvaluator.integer(signed, isUnsigned: isUnsigned) ?? .problem(.overflow, at: place)
  }

  private func remainder(_ left: Cell, _ right: Cell, _ place: Int32) -> Cell {
    if let first = small(left), let second = small(right), abs(first.scale - second.scale) <= 18 {
      guard second.value != 0 else { return .null }
      let common = max(first.scale, second.scale)
      let one = Int128(first.value) * Int128(powers[common - first.scale])
      return exact(one % (Int128(second.value) * Int128(powers[common - second.scale])), scale: common, place)
    }
    guard let first = wideDecimal(left), let second = wideDecimal(right) else {
      return .problem(.malformed, at: place)
    }
    return second.isZero ? .null : exact(first.remainder(by: second), place)
  }

  private func wideNegated(_ cell: Cell, _ place: Int32) -> Cell {
    guard let value = wideDecimal(cell) else { return .problem(.malformed, at: place) }
    return exact(value.negated, place)
  }

  private func round(_ instruction: Instruction) {
    let place = instruction.place
    let scale = instruction.immediate & 255
    let precision = instruction.immediate >> 8
    // Where no limit of digits is given, 64 bits hold any number that they held.
    let limit = precision == 0 || precision > 18 ? ExpressionEvaluator.decimal64Limit : powers[precision]
    map(instruction) { cell in
      if let small = small(cell) {
        if small.scale == scale, small.value < limit, small.value > -limit {
          return .decimal64(unscaled: small.value, scale: UInt8(scale))
        }
        if small.scale > scale, small.scale - scale <= 18 {
          let divisor = powers[small.scale - scale]
          let (quotient, remainder) = small.value.quotientAndRemainder(dividingBy: divisor)
          let value = quotient + (abs(remainder) >= divisor - abs(remainder) ? (small.value < 0 ? -1 : 1) : 0)
          if value < limit, value > -limit { return .decimal64(unscaled: value, scale: UInt8(scale)) }
        }
      }
      return roundWide(cell, scale, precision == 0 ? ValueType.decimalPrecision : precision, place)
    }
  }

  private func roundWide(_ cell: Cell, _ scale: Int, _ precision: Int, _ place: Int32) -> Cell {
    let value = cell.tag == .float32 || cell.tag == .float64 ? exactText(of: float(cell)) : wideDecimal(cell)
    guard let value else { return .problem(.malformed, at: place) }
    guard let rounded = value.rounded(to: scale), rounded.digitCount <= precision else {
      return .problem(.overflow, at: place)
    }
    return exact(rounded, place)
  }

  private func edge(_ cell: Cell, up: Bool, _ place: Int32) -> Cell {
    guard let value = wideDecimal(cell) else { return .problem(.malformed, at: place) }
    let whole = value.cut(to: 0)
    guard let order = whole.compare(value) else { return .problem(.overflow, at: place) }
    if order == 0 || up == (order > 0) { return exact(whole, place) }
    return exact(whole.adding(WideDecimal(Int64(up ? 1 : -1))), place)
  }
}
