import Change

/// The functions by name: how many arguments each takes, and what node it makes of them.
struct FunctionTable: Sendable {
  typealias Make = @Sendable (Checker, [CheckedNode], SourcePlace) throws(Failure) -> CheckedNode

  struct Entry: Sendable {
    let arguments: ClosedRange<Int>
    let make: Make
  }

  static let entries: [String: Entry] = {
    var table = choices
    for more in [texts, numbers, moments] { table.merge(more) { first, _ in first } }
    return table
  }()

  /// The calls whose first argument names a unit of time, and how many arguments each takes.
  static let unitCalls = ["timestampdiff": 3, "date_trunc": 2, "extract": 2]

  private static let choices: [String: Entry] = [
    "coalesce": Entry(arguments: 1...64) { (checker, values, place) throws(Failure) in
      try checker.coalesce(values, at: place)
    },
    "ifnull": Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      try checker.coalesce(values, at: place)
    },
    "nullif": Entry(arguments: 2...2) { (checker, values, place) throws(Failure) in
      let equal = try checker.compare(.equal, values[0], values[1], at: place)
      return try checker.choose([equal], [checker.null(at: place), values[0]], at: place)
    },
    "if": Entry(arguments: 3...3) { (checker, values, place) throws(Failure) in
      try checker.choose([try checker.asCondition(values[0])], [values[1], values[2]], at: place)
    },
    "greatest": Entry(arguments: 2...64) { (checker, values, place) throws(Failure) in
      try checker.pick(values, greatest: true, at: place)
    },
    "least": Entry(arguments: 2...64) { (checker, values, place) throws(Failure) in
      try checker.pick(values, greatest: false, at: place)
    },
  ]
}

extension Checker {
  func call(_ name: String, _ arguments: [Expression], at place: SourcePlace) throws(Failure) -> CheckedNode {
    if FunctionTable.unitCalls[name] != nil { return try unitCall(name, arguments, at: place) }
    let entry = try entry(name, arguments.count, at: place)
    var nodes: [CheckedNode] = []
    for argument in arguments { nodes.append(try check(argument)) }
    return try entry.make(self, nodes, place)
  }

  /// Checks that there is such a function, and that it takes so many arguments.
  func checkCall(_ name: String, _ count: Int, at place: SourcePlace) throws(Failure) {
    if FunctionTable.unitCalls[name] != nil { return }
    _ = try entry(name, count, at: place)
  }

  private func entry(_ name: String, _ count: Int, at place: SourcePlace) throws(Failure) -> FunctionTable.Entry {
    guard let entry = FunctionTable.entries[name] else {
      let unknown = UnknownFunction(name)
      throw failure(
        "there is no function \(NearestName.quoted(name))\(unknown.suggestion)", at: place, hint: unknown.hint)
    }
    guard entry.arguments.contains(count) else {
      let wanted =
        entry.arguments.count == 1
        ? "\(entry.arguments.lowerBound)" : "\(entry.arguments.lowerBound) to \(entry.arguments.upperBound)"
      throw failure("`\(name)` takes \(wanted) arguments, not \(count)", at: place)
    }
    return entry
  }

  /// A whole number that is written as one: a number of digits.
  func digits(_ node: CheckedNode) throws(Failure) -> Int {
    guard node.type.kind == .integer, let cell = node.constant?.cell, cell.tag == .int, abs(cell.int) <= 65 else {
      throw failure("a whole number is needed here, up to 65", at: node.place)
    }
    return Int(cell.int)
  }

  func number(_ node: CheckedNode) throws(Failure) -> CheckedNode {
    guard node.type.isNumber else {
      throw failure("a number is needed here, and this is \(node.type.named)", at: node.place)
    }
    return node
  }

  func wholeNumber(_ node: CheckedNode) throws(Failure) -> CheckedNode {
    guard node.type.isWhole else {
      throw failure("a whole number is needed here, and this is \(node.type.named)", at: node.place)
    }
    return node
  }

  func moment(_ node: CheckedNode) throws(Failure) -> CheckedNode {
    guard node.type.isMoment else {
      throw failure(
        "a date or a timestamp is needed here, and this is \(node.type.named)", at: node.place,
        hint: "write a literal as `timestamp '…'`")
    }
    return node
  }
}
