import Change

extension Checker {
  func choice(
    _ subject: Expression?, _ branches: [Expression.Branch], _ otherwise: Expression?, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let value: CheckedNode?
    if let subject { value = try check(subject) } else { value = nil }
    var conditions: [CheckedNode] = []
    var values: [CheckedNode] = []
    for branch in branches {
      if let value {
        conditions.append(
          try compare(.equal, value, try check(branch.condition), rounds: false, at: branch.condition.place))
      } else {
        conditions.append(try condition(branch.condition))
      }
      values.append(try check(branch.value))
    }
    if let otherwise { values.append(try check(otherwise)) } else { values.append(null(at: place)) }
    return try choose(conditions, values, at: place)
  }

  /// The value of the first condition that is true; one value more than conditions.
  func choose(
    _ conditions: [CheckedNode], _ values: [CheckedNode], at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let (values, type) = try unified(values, at: place)
    var result = values[values.count - 1]
    for index in conditions.indices.reversed() {
      result = try apply(.choose, [conditions[index], values[index], result], type, at: place)
    }
    result.type = type
    return result
  }

  func coalesce(_ values: [CheckedNode], at place: SourcePlace) throws(Failure) -> CheckedNode {
    var (values, type) = try unified(values, at: place)
    type.isNullable = values.allSatisfy(\.type.isNullable)
    var result = values[values.count - 1]
    for value in values.dropLast().reversed() { result = try apply(.coalesce, [value, result], type, at: place) }
    result.type = type
    return result
  }

  func pick(_ values: [CheckedNode], greatest: Bool, at place: SourcePlace) throws(Failure) -> CheckedNode {
    var (values, type) = try unified(values, at: place)
    // Of signed and unsigned numbers, a decimal, as in MariaDB.
    if type.kind == .integer, values.contains(where: \.type.isUnsigned), !values.allSatisfy(\.type.isUnsigned) {
      type = ValueType(.exact, isNullable: type.isNullable, precision: type.precision)
    }
    let opcode: Opcode
    switch type.kind {
    case .boolean, .integer, .null, .time: opcode = .pickInteger
    case .exact: opcode = .pickExact
    case .float: opcode = .pickFloat
    case .text, .bytes, .json: opcode = .pickBytes
    case .date, .timestamp, .instant: opcode = .pickMoment
    }
    var result = values[0]
    for value in values.dropFirst() {
      result = try apply(opcode, [result, value], type, immediate: greatest ? 1 : 0, at: place)
    }
    return result
  }

  /// The values, converted to the one type that fits them all.
  private func unified(
    _ values: [CheckedNode], at place: SourcePlace
  ) throws(Failure) -> ([CheckedNode], ValueType) {
    let moment = values.first { $0.type.kind != .text && $0.type.kind != .null }
    var nodes: [CheckedNode] = []
    for value in values {
      nodes.append(try moment.map { node throws(Failure) in try adapted(value, to: node) } ?? value)
    }
    var type = nodes[0].type.computed(isNullable: nodes[0].type.isNullable)
    for node in nodes.dropFirst() {
      guard let union = type.union(node.type) else {
        throw failure(
          "the values are \(type.named) and \(node.type.named)", at: node.place,
          hint: "make them alike with cast(… as …)")
      }
      type = union
    }
    let known = nodes.filter { $0.type.kind != .null }
    if type.kind == .integer, known.contains(where: \.type.isUnsigned), !known.allSatisfy(\.type.isUnsigned) {
      // Signed and unsigned numbers make a decimal, as in MariaDB.
      type = ValueType(.exact, isNullable: type.isNullable, precision: 20)
    }
    for index in nodes.indices { nodes[index] = try converted(nodes[index], to: type) }
    return (nodes, type)
  }

  private func converted(_ node: CheckedNode, to type: ValueType) throws(Failure) -> CheckedNode {
    guard node.type.kind != .null else { return node }
    switch type.kind {
    case .float where node.type.kind != .float:
      return try apply(.toFloat, [node], type.computed(isNullable: node.type.isNullable), at: node.place)
    case .exact where node.type.scale < type.scale && node.type.kind != .exact && !type.isUnbounded:
      return node
    case .text where node.type.kind == .json: return try asText(node)
    case .timestamp where node.type.kind == .date, .instant where node.type.kind != .instant:
      let tag: Cell.Tag = type.kind == .instant ? .timestampZoned : .timestamp
      return try apply(
        .toMoment, [node], type.computed(isNullable: node.type.isNullable), immediate: Int(tag.rawValue),
        at: node.place)
    default: return node
    }
  }

  // MARK: Results

  /// The node with its results in the form that its type declares.
  func finished(_ node: CheckedNode) throws(Failure) -> CheckedNode {
    if node.type.declared != nil { return node }
    switch node.type.kind {
    case .exact where !node.type.isUnbounded:
      return try apply(
        .roundExact, [node], node.type, immediate: node.type.scale, at: node.place)
    case .integer:
      return try apply(.roundToInteger, [node], node.type, immediate: node.type.isUnsigned ? 1 : 0, at: node.place)
    default: return node
    }
  }

  // MARK: Conversions that are asked for

  func cast(
    _ value: CheckedNode, to target: Expression.CastTarget, isLenient: Bool, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let node = try strictCast(value, to: target, at: place)
    guard isLenient else { return node }
    return try apply(.lenient, [node], node.type.computed(isNullable: true), at: place)
  }

  private func strictCast(
    _ value: CheckedNode, to target: Expression.CastTarget, at place: SourcePlace
  ) throws(Failure) -> CheckedNode {
    let isNullable = value.type.isNullable
    let refused = failure(
      "\(value.type.named) cannot be cast to this type", at: place, hint: "cast it to char first")
    switch target {
    case .signed, .unsigned:
      var type = ValueType(.integer, isNullable: isNullable, precision: target == .signed ? 19 : 20)
      type.isUnsigned = target == .unsigned
      let flag = type.isUnsigned ? 1 : 0
      if value.type.isNumber { return try apply(.roundToInteger, [value], type, immediate: flag, at: place) }
      guard value.type.isText else { throw refused }
      return try apply(.textToInteger, [value], type, immediate: flag, at: place)
    case .decimal(let precision, let scale):
      let type = ValueType(.exact, isNullable: isNullable, precision: precision, scale: scale)
      guard value.type.isNumber || value.type.isText else { throw refused }
      let opcode: Opcode = value.type.isNumber ? .roundExact : .textToExact
      return try apply(opcode, [value], type, immediate: precision << 8 | scale, at: place)
    case .float:
      let type = ValueType(.float, isNullable: isNullable)
      if value.type.isNumber { return try apply(.toFloat, [value], type, at: place) }
      guard value.type.isText else { throw refused }
      return try apply(.textToFloat, [value], type, at: place)
    case .text(let length): return try castToText(value, length: length, at: place)
    case .date:
      guard value.type.isMoment || value.type.isText else { throw refused }
      let type = ValueType(.date, isNullable: isNullable)
      let moment = try moment(value, at: place)
      return try apply(.toDate, [moment], type, at: place)
    case .timestamp(let fraction):
      guard value.type.isMoment || value.type.isText else { throw refused }
      let type = ValueType(.timestamp, isNullable: isNullable, scale: fraction)
      let moment = try moment(value, at: place)
      let plain = try apply(
        .toMoment, [moment], type, immediate: Int(Cell.Tag.timestamp.rawValue), at: place)
      return fraction < 6 && moment.type.scale > fraction
        ? try apply(.roundMoment, [plain], type, immediate: fraction, at: place) : plain
    case .time(let fraction):
      let type = ValueType(.time, isNullable: isNullable, scale: fraction)
      if value.type.kind == .time { return try apply(.roundTime, [value], type, immediate: fraction, at: place) }
      guard value.type.isText else { throw refused }
      let time = try apply(.textToTime, [value], type, at: place)
      return try apply(.roundTime, [time], type, immediate: fraction, at: place)
    }
  }

  private func moment(_ value: CheckedNode, at place: SourcePlace) throws(Failure) -> CheckedNode {
    guard value.type.isText else { return value }
    let type = ValueType(.timestamp, isNullable: value.type.isNullable, scale: 6)
    return try apply(.textToMoment, [value], type, at: place)
  }

  func castToText(_ value: CheckedNode, length: Int?, at place: SourcePlace) throws(Failure) -> CheckedNode {
    var text = try textual(value, at: place)
    if let length {
      text = try apply(.left, [text, whole(length, at: place)], text.type, at: place)
      text.type.length = length
    }
    return text
  }

  /// The text that shows a value of any type.
  func textual(_ value: CheckedNode, at place: SourcePlace) throws(Failure) -> CheckedNode {
    switch value.type.kind {
    case .text: return value
    case .json, .null: return try apply(.asText, [value], value.type.with(kind: .text), at: place)
    case .bytes:
      throw failure("bytes have no text", at: value.place, hint: "use hex(…)")
    case .exact where value.type.isUnbounded:
      return try apply(.toText, [value], value.type.with(kind: .text), immediate: 255, at: place)
    default:
      var type = value.type.with(kind: .text)
      type.length = 0
      return try apply(.toText, [value], type, immediate: value.type.scale, at: place)
    }
  }
}
