import Change
import PatternMatching

extension Checker {
  private static let masks: [Expression.BinaryOperator: Int] = [
    .less: 1, .equal: 2, .lessOrEqual: 3, .greater: 4, .notEqual: 5, .greaterOrEqual: 6,
  ]

  /// - Parameter rounds: whether a quotient counts with the digits that it declares, as MariaDB has it for the operators,
  ///   `nullif` and an `in` with one member (sql/item_cmpfunc.cc, `compare_decimal`); otherwise with those that it keeps.
  func compare(
    _ kind: Expression.BinaryOperator, _ first: CheckedNode, _ second: CheckedNode, rounds: Bool = true,
    at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let left = try adapted(first, to: second)
    let right = try adapted(second, to: first)
    let mask = Checker.masks[kind] ?? 2
    guard var opcode = Checker.comparison(left.type, right.type) else {
      throw failure(
        "\(left.type.named) cannot be compared with \(right.type.named)", at: place,
        hint: "make them alike with cast(… as …)")
    }
    var immediate = mask
    if opcode == .compareBytes, mask == 2 || mask == 5 { (opcode, immediate) = (.equalBytes, mask == 2 ? 0 : 1) }
    var operands = [left, right]
    if opcode == .compareExact {
      operands = try rounds ? aligned(try declared(left), try declared(right)) : aligned(left, right)
    }
    return try apply(opcode, operands, ValueType.truth(left, right), immediate: immediate, at: place)
  }

  private static func comparison(_ left: ValueType, _ right: ValueType) -> Opcode? {
    if left.kind == .null || right.kind == .null { return .compareSigned }
    if left.isNumber, right.isNumber {
      if left.kind == .float || right.kind == .float { return .compareFloats }
      if left.kind == .exact || right.kind == .exact { return .compareExact }
      if left.isUnsigned != right.isUnsigned { return .compareIntegers }
      return left.isUnsigned ? .compareUnsigned : .compareSigned
    }
    if left.isMoment, right.isMoment { return .compareMoments }
    if left.kind == .time, right.kind == .time { return .compareSigned }
    if left.isText, right.isText { return .compareBytes }
    if left.kind == .bytes, right.kind == .bytes || right.isText { return .compareBytes }
    return left.isText && right.kind == .bytes ? .compareBytes : nil
  }

  /// A decimal that may have more digits than it declares, rounded to these.
  private func declared(_ node: CheckedNode) throws(Failure) -> CheckedNode {
    guard node.type.kind == .exact, !node.type.isUnbounded, node.keepsMoreDigits else { return node }
    return try apply(.roundExact, [node], node.type, immediate: node.type.scale, at: node.place)
  }

  /// A constant beside a decimal takes on its scale where nothing is lost, so that rows compare as plain integers.
  private func aligned(_ left: CheckedNode, _ right: CheckedNode) throws(Failure) -> [CheckedNode] {
    func align(_ node: CheckedNode, _ other: CheckedNode) throws(Failure) -> CheckedNode {
      guard node.constant != nil, other.constant == nil, other.type.kind == .exact, !other.type.isUnbounded,
        node.type.scale < other.type.scale
      else { return node }
      var type = node.type
      (type.kind, type.scale, type.precision) = (.exact, other.type.scale, ValueType.decimalPrecision)
      return try apply(.roundExact, [node], type, immediate: other.type.scale, at: node.place)
    }
    return [try align(left, right), try align(right, left)]
  }

  /// `<=>`: true where both are NULL, or equal.
  func same(_ left: CheckedNode, _ right: CheckedNode, at place: SourcePlace) throws(Failure) -> CheckedNode {
    let never = ValueType(.boolean, isNullable: false, precision: 1)
    let equal = try compare(.equal, left, right, at: place)
    let known = try apply(.isTrue, [equal], never, at: place)
    let missing = [
      try apply(.isNull, [left], never, at: place), try apply(.isNull, [right], never, at: place),
    ]
    return try apply(.or, [known, try apply(.and, missing, never, at: place)], never, at: place)
  }

  /// Whether the value equals one of many; a balanced tree, so that a long list is not a deep one.
  func membership(
    of value: CheckedNode, in members: [Expression], at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    var nodes: [CheckedNode] = []
    for member in members { nodes.append(try check(member)) }
    if let found = try lookUp(value, in: nodes, at: place) { return found }
    var level: [CheckedNode] = []
    for node in nodes {
      level.append(try compare(.equal, value, node, rounds: nodes.count == 1, at: place))
    }
    while level.count > 1 {
      var next: [CheckedNode] = []
      for index in stride(from: 0, to: level.count - 1, by: 2) {
        next.append(try apply(.or, [level[index], level[index + 1]], ValueType.truth, at: place))
      }
      if level.count % 2 == 1 { next.append(level[level.count - 1]) }
      level = next
    }
    return level[0]
  }

  /// Many constants are found by hash, where equal values have equal bytes: whole numbers and texts.
  private func lookUp(
    _ value: CheckedNode, in members: [CheckedNode], at place: SourcePlace
  ) throws(Failure) -> CheckedNode? {
    guard members.count >= 3, value.constant == nil else { return nil }
    let opcode: Opcode
    switch value.type.kind {
    case .integer: opcode = .isMemberNumber
    case .text: opcode = .isMemberText
    default: return nil
    }
    var constants: [Constant] = []
    for member in members {
      guard let constant = member.constant, [value.type.kind, .null].contains(member.type.kind) else { return nil }
      constants.append(constant)
    }
    let set = MemberSet(constants)
    var type = ValueType.truth(value)
    type.isNullable = type.isNullable || set.hasNull
    return try apply(opcode, [value], type, resource: .members(set), at: place)
  }

  func like(
    _ value: CheckedNode, _ pattern: CheckedNode, _ escape: Expression?, _ isNegated: Bool, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    var mark = UInt8(ascii: "\\")
    if let escape {
      guard case .literal(.text(let text)) = escape.form, text.utf8.count == 1, let byte = text.utf8.first else {
        throw failure("`escape` takes one ASCII character in quotes", at: escape.place)
      }
      mark = byte
    }
    let operands = [try asText(value), try asText(pattern)]
    return try apply(
      .like, operands, ValueType.truth(value, pattern), immediate: Int(mark) << 8 | (isNegated ? 1 : 0), at: place)
  }

  func regexp(
    _ value: CheckedNode, _ pattern: CheckedNode, _ isNegated: Bool, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    return try apply(
      .regexp, [try asText(value)], ValueType.truth(value), immediate: isNegated ? 1 : 0,
      resource: .pattern(try compiled(pattern)), at: place)
  }

  /// A regular expression that is written as a literal.
  /// - Parameter groups: how many groups of it are asked for.
  func compiled(_ pattern: CheckedNode, groups: Int = 0) throws(Failure) -> Pattern {
    guard pattern.type.kind == .text, let bytes = pattern.constant?.bytes else {
      throw failure("a regular expression is a text in quotes", at: pattern.place)
    }
    do throws(Failure) {
      return try Pattern(String(decoding: bytes, as: UTF8.self), groups: groups)
    } catch {
      throw error.at("\(pattern.place)")
    }
  }

  /// A text operand; JSON counts as its text.
  func asText(_ node: CheckedNode) throws(Failure) -> CheckedNode {
    switch node.type.kind {
    case .text, .null: return node
    case .json: return try apply(.asText, [node], node.type.with(kind: .text), at: node.place)
    default:
      throw failure(
        "a text is needed here, and this is \(node.type.named)", at: node.place, hint: "use cast(… as char)")
    }
  }

  func path(
    _ value: CheckedNode, _ path: String, asText: Bool, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    guard value.type.isText else {
      throw failure("a path needs a JSON document, and this is \(value.type.named)", at: value.place)
    }
    guard let parsed = JSONPath(path) else {
      throw failure("this is not a path", at: place, hint: "write '$.name', '$.\"a name\"', '$.list[0]', or a mix")
    }
    return try apply(
      .jsonPath, [value], ValueType(asText ? .text : .json, isNullable: true), immediate: asText ? 1 : 0,
      resource: .path(parsed), at: place)
  }
}

extension CheckedNode {
  /// Whether this comes from a quotient that was not yet rounded.
  fileprivate var keepsMoreDigits: Bool {
    switch action {
    case .constant(let constant): constant.cell.scale > type.scale
    case .load, .field, .apply(.roundExact), .apply(.truncateExact), .apply(.floorExact), .apply(.ceilingExact): false
    case .apply(.divideExact): true
    case .apply: operands.contains { $0.type.kind == .exact && $0.keepsMoreDigits }
    }
  }
}

extension ValueType {
  func with(kind: Kind) -> ValueType {
    var type = computed(isNullable: isNullable)
    type.kind = kind
    return type
  }
}
