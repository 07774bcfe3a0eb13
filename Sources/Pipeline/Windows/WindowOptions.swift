package import Change

/// The keys of an entry of `windows:`, and what they must be.
package enum WindowOptions {
  static let hopping = [
    Option("size", .duration, isRequired: true, "How long a window is."),
    Option("every", .duration, isRequired: true, "How often one begins."),
  ]
  static let cumulative = [
    Option("size", .duration, isRequired: true, "How long the longest window is."),
    Option("every", .duration, isRequired: true, "How often one ends."),
  ]
  static let session = [Option("gap", .duration, isRequired: true, "Without a change for so long, a session ends.")]

  static let kinds = [
    Option("tumbling", .duration, "Windows of this length, one behind the other."),
    Option("hopping", .block(hopping), "Windows of a length that begin at multiples of another."),
    Option("cumulative", .block(cumulative), "Windows that begin together and end one after the other."),
    Option("session", .block(session), "Changes of a group that follow each other closely."),
    Option("offset", .duration, "Moves the windows of the calendar: 6h lets days begin at 06:00 UTC."),
  ]

  static let trigger = [
    Option(
      "early", .either([.duration, .integer(1...1_000_000_000)]),
      "How often a result is told before it is complete: a time of the log's clock, or a number of changes."),
    Option("late", .string, default: "each", "How often it is told again: each, or a time of the log's clock."),
  ]

  static let late = [Option("table", .string, isRequired: true, "Where changes go whose window is gone.")]

  package static let all = [
    Option("name", .string, isRequired: true, "What the results and messages call it."),
    Option("from", .string, isRequired: true, "The table, schema.table, as it is behind the transforms."),
    Option("event_time", .string, "The column that says when a row happened; without it: the time of the commit."),
    Option("max_delay", .duration, default: "0s", "How much later than the latest a row may come and be on time."),
    Option("idle_after", .duration, "Without a change for so long, the log's clock moves the watermark."),
    Option("window", .block(kinds), isRequired: true, "One of tumbling, hopping, cumulative and session."),
    Option("group_by", .list(.string), "Columns."),
    Option("aggregate", .anything, isRequired: true, "A block: the name of a column, and a function of rows."),
    Option("trigger", .block(trigger), "When results are told besides at the end of their window."),
    Option("allowed_lateness", .duration, default: "0s", "How long a window is kept behind its end for late rows."),
    Option(
      "accumulation", .choice(WindowDefinition.Accumulation.allCases.map(\.rawValue)), default: "accumulating",
      "What a later result says: all of it, what has come since, or all of it after taking back the one before."),
    Option(
      "late", .either([.block(late), .choice(["quarantine", "stop"])]), "What happens to a change whose window is gone."
    ),
    Option("table", .string, "The table of the results; without it: the name, beside the table."),
    Option("instead", .boolean, default: "false", "The rows of the table are not delivered, only the results."),
    Option(
      "remember", .boolean, default: "false",
      "Keeps what it reads of each row, by key, for a log without the whole row before a change."),
  ]

  /// Reads a block to its end.
  /// - Parameter problems: gets everything that is wrong with it; it has what is wrong with the keys and the types already.
  /// - Returns: nil when a value is missing, which `problems` tells. With any problem it is used by nobody.
  package static func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> WindowDefinition? {
    let name = block.string("name")
    let from = problems.value(block.string("from")) { name throws(Failure) in
      try WindowOptions.table(name, nil, block.place(of: "from"))
    }
    let kind = kind(block, &problems)
    let aggregates = aggregates(block, &problems)
    // Where `from` is wrong, nothing is compared with it.
    let beside = from ?? TableName(namespace: "?", table: "?")
    let tablePlace = block.place(of: block.has("table") ? "table" : "name")
    let table = problems.value(block.string("table") ?? name) { name throws(Failure) in
      try WindowOptions.table(name, beside, tablePlace)
    }
    var timing = Timing()
    timing.read(block, &problems)
    let tooLate = tooLate(block, beside, name, &problems)
    check(block, kind, &problems)
    guard let name, let from, let kind, let table else { return nil }
    var definition = WindowDefinition(
      name: name, from: from, kind: kind, groupBy: block.strings("group_by").map(\.text), aggregates: aggregates,
      tooLate: tooLate, table: table, fingerprint: "", place: block.place)
    for option in ["from", "event_time", "remember"] { definition.optionPlaces[option] = block.place(of: option) }
    for column in block.strings("group_by") {
      definition.optionPlaces["group_by \(column.text)"] = column.place.description
    }
    definition.eventTime = block.string("event_time")
    definition.maximumDelay = timing.maximumDelay
    definition.idleAfter = timing.idleAfter
    definition.allowedLateness = timing.allowedLateness
    definition.offset = timing.offset
    (definition.early, definition.late) = (timing.early, timing.late)
    definition.accumulation =
      block.string("accumulation").flatMap(WindowDefinition.Accumulation.init) ?? .accumulating
    definition.replaces = block.boolean("instead") ?? false
    definition.remembers = block.boolean("remember") ?? false
    checkTables(block, definition, &problems)
    definition.fingerprint = fingerprint(definition, block)
    return definition
  }

  /// The options that are times, and what triggers a result.
  private struct Timing {
    var maximumDelay: Int64 = 0
    var idleAfter: Int64?
    var allowedLateness: Int64 = 0
    var offset: Int64 = 0
    var early: WindowDefinition.Early?
    var late = WindowDefinition.Late.each

    mutating func read(_ block: OptionBlock, _ problems: inout BlockProblems) {
      maximumDelay = problems.value(try microseconds(block, "max_delay")).flatMap(\.self) ?? 0
      idleAfter = problems.value(try microseconds(block, "idle_after")).flatMap(\.self)
      allowedLateness = problems.value(try microseconds(block, "allowed_lateness")).flatMap(\.self) ?? 0
      if let window = block.block("window"), window.has("offset") {
        offset = problems.value(try microseconds(window, "offset")).flatMap(\.self) ?? 0
      }
      guard let trigger = block.block("trigger") else { return }
      if let count = trigger.integer("early") {
        early = .changes(count)
      } else if trigger.has("early") {
        early = problems.value(.every(try positive(trigger, "early")))
      }
      late = problems.value(try lateTrigger(trigger)) ?? .each
    }
  }

  /// Whole microseconds of a duration.
  private static func microseconds(_ block: OptionBlock, _ name: String) throws(Failure) -> Int64? {
    guard let nanoseconds = block.duration(name) else { return nil }
    guard nanoseconds <= 366 * 86_400_000_000_000 * 20 else {
      throw Failure(.configuration, "\"\(name)\" is too long", at: block.place(of: name))
    }
    return Int64(nanoseconds / 1000)
  }

  private static func positive(_ block: OptionBlock, _ name: String) throws(Failure) -> Int64 {
    let time = try block.require(try microseconds(block, name), name)
    guard time > 0 else {
      throw Failure(.configuration, "\"\(name)\" must be longer than nothing", at: block.place(of: name))
    }
    return time
  }

  private static func kind(_ block: OptionBlock, _ problems: inout BlockProblems) -> WindowDefinition.Kind? {
    guard let window = block.block("window") else { return nil }
    let names = ["tumbling", "hopping", "cumulative", "session"].filter { window.has($0) }
    guard names.count == 1, let name = names.first else {
      // A kind that is spelled wrong was told.
      if !names.isEmpty || window.problems.isEmpty {
        problems.note(
          Failure(
            .configuration, "\"window\" is one of tumbling, hopping, cumulative and session", at: window.place,
            hint: "window: { tumbling: 1m }"))
      }
      return nil
    }
    if name == "tumbling" { return problems.value(try positive(window, name)).map { .tumbling(size: $0) } }
    guard let inner = window.block(name) else { return nil }
    if name == "session" { return problems.value(try positive(inner, "gap")).map { .session(gap: $0) } }
    let size = problems.value(try positive(inner, "size"))
    let every = problems.value(try positive(inner, "every"))
    guard let size, let every else { return nil }
    return problems.value(try overlapping(name, size: size, every: every, inner))
  }

  private static func overlapping(
    _ name: String, size: Int64, every: Int64, _ block: OptionBlock
  ) throws(Failure) -> WindowDefinition.Kind {
    guard every <= size, size / every <= 10_000 else {
      throw Failure(
        .configuration, "\"every\" must be at most \"size\", and at least a ten-thousandth of it",
        at: block.place(of: "every"))
    }
    if name == "hopping" { return .hopping(size: size, every: every) }
    guard size % every == 0 else {
      throw Failure(
        .configuration, "\"size\" must be a multiple of \"every\"", at: block.place(of: "size"))
    }
    return .cumulative(size: size, every: every)
  }

  private static func table(_ text: String, _ beside: TableName?, _ place: String) throws(Failure) -> TableName {
    if text.contains(where: { $0 == "*" || $0 == "?" }) {
      throw Failure(
        .configuration, "a window is over one table, and its results are one, not \(NearestName.quoted(text))",
        at: place,
        hint: "bring the tables together with `route`, and name what they are then")
    }
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) { return TableName(namespace: parts[0], table: parts[1]) }
    if parts.count == 1, !text.isEmpty, let beside { return TableName(namespace: beside.namespace, table: text) }
    throw Failure(
      .configuration, "a table is expected here, not \(NearestName.quoted(text))", at: place, hint: "schema.table")
  }

  private static func aggregates(_ block: OptionBlock, _ problems: inout BlockProblems) -> [Aggregate] {
    guard let node = block.node("aggregate"), case .map(let entries) = node.content, !entries.isEmpty,
      entries.count <= 60
    else {
      problems.note(
        Failure(
          .configuration, "\"aggregate\" must be a block of 1 to 60 columns and functions",
          at: block.place(of: "aggregate"), hint: "aggregate: { orders: count(), revenue: sum(amount) }"))
      return []
    }
    var aggregates: [Aggregate] = []
    var names: Set<String> = []
    for entry in entries {
      if !names.insert(entry.key).inserted {
        problems.note(
          Failure(.configuration, "\(NearestName.quoted(entry.key)) is written twice", at: entry.keyPlace))
      }
      guard let text = entry.value.text else {
        problems.note(
          Failure(
            .configuration, "a function of rows is expected here, not \(entry.value.described)", at: entry.value.place))
        continue
      }
      let place = entry.value.place.description
      if let aggregate = problems.value(try Aggregate(name: entry.key, text: text, at: place)) {
        aggregates.append(aggregate)
      }
    }
    return aggregates
  }

  private static func lateTrigger(_ trigger: OptionBlock) throws(Failure) -> WindowDefinition.Late {
    guard let late = trigger.string("late"), late != "each" else { return .each }
    guard let nanoseconds = OptionText.duration(late), nanoseconds >= 1000 else {
      throw Failure(
        .configuration, "\"late\" must be \"each\" or a duration, not \(NearestName.quoted(late))",
        at: trigger.place(of: "late"), hint: OptionText.durationHint)
    }
    return .every(Int64(nanoseconds / 1000))
  }

  private static func tooLate(
    _ block: OptionBlock, _ from: TableName, _ name: String?, _ problems: inout BlockProblems
  ) -> WindowDefinition.TooLate {
    if let late = block.block("late") {
      let table = problems.value(late.string("table")) { name throws(Failure) in
        try WindowOptions.table(name, from, late.place(of: "table"))
      }
      return table.map { .table($0) } ?? .stop
    }
    switch block.string("late") {
    case "stop": return .stop
    case "quarantine": return .quarantine
    default: return .table(TableName(namespace: from.namespace, table: "\(name ?? "")_late"))
    }
  }

  /// Options that do not go together.
  private static func check(
    _ block: OptionBlock, _ kind: WindowDefinition.Kind?, _ problems: inout BlockProblems
  ) {
    for name in ["max_delay", "idle_after", "allowed_lateness", "late"]
    where !block.has("event_time") && block.has(name) {
      problems.note(
        Failure(
          .configuration, "\"\(name)\" needs \"event_time\": commits come in order, and none is late",
          at: block.place(of: name)))
    }
    if case .session = kind, block.string("accumulation") == "discarding" {
      problems.note(
        Failure(
          .configuration, "sessions cannot be told by what came since: they join and part",
          at: block.place(of: "accumulation"), hint: "accumulating or retracting"))
    }
  }

  private static func checkTables(
    _ block: OptionBlock, _ definition: WindowDefinition, _ problems: inout BlockProblems
  ) {
    let others = [definition.from] + (definition.lateTable.map { [$0] } ?? [])
    if others.contains(definition.table) || definition.lateTable == definition.from {
      problems.note(
        Failure(.configuration, "the results need a table of their own", at: block.place(of: "table")))
    }
    for table in definition.tables where table.table.lowercased().hasSuffix(RejectionTable.suffix) {
      problems.note(
        Failure(
          .configuration,
          "\(NearestName.quoted(table.description)) is the name of a table for rows that were set aside",
          at: block.place(of: table == definition.table ? "table" : "late"), hint: "choose one with another end"))
    }
  }

  /// Everything that the state follows from.
  private static func fingerprint(_ definition: WindowDefinition, _ block: OptionBlock) -> String {
    let aggregates = block.node("aggregate").flatMap { node -> [OptionNode.Entry]? in
      if case .map(let entries) = node.content { entries } else { nil }
    }
    var plain = definition
    plain.aggregates = []
    let texts =
      [
        plain.name, plain.from.description, plain.eventTime ?? "", "\(plain.maximumDelay)", "\(plain.idleAfter ?? -1)",
        "\(plain.kind)", "\(plain.offset)", plain.groupBy.joined(separator: ","),
        "\(plain.early.map { "\($0)" } ?? "")",
        "\(plain.late)", "\(plain.allowedLateness)", plain.accumulation.rawValue, "\(plain.tooLate)",
        plain.table.description,
      ] + (plain.remembers ? ["remember"] : [])
    return (texts + (aggregates ?? []).map { "\($0.key)=\($0.value.text ?? "")" }).joined(separator: "\n")
  }
}

extension WindowDefinition {
  /// The tables that it writes to.
  package var tables: [TableName] { [table] + (lateTable.map { [$0] } ?? []) }

  /// The table of changes that come too late.
  var lateTable: TableName? {
    guard eventTime != nil, case .table(let table) = tooLate else { return nil }
    return table
  }
}
