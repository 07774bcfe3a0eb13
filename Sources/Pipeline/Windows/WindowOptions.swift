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

  /// Reads a block whose keys and types were checked already.
  package static func definition(_ block: OptionBlock) throws(Failure) -> WindowDefinition {
    let name = try block.require(block.string("name"), "name")
    let from = try table(try block.require(block.string("from"), "from"), nil, block.place(of: "from"))
    let kind = try kind(block)
    var definition = WindowDefinition(
      name: name, from: from, kind: kind, groupBy: block.strings("group_by").map(\.text),
      aggregates: try aggregates(block), tooLate: .table(TableName(namespace: from.namespace, table: "\(name)_late")),
      table: try table(block.string("table") ?? name, from, block.place(of: "table")), fingerprint: "",
      place: block.place)
    for option in ["from", "event_time", "remember"] { definition.optionPlaces[option] = block.place(of: option) }
    for column in block.strings("group_by") {
      definition.optionPlaces["group_by \(column.text)"] = column.place.description
    }
    definition.eventTime = block.string("event_time")
    definition.maximumDelay = try microseconds(block, "max_delay") ?? 0
    definition.idleAfter = try microseconds(block, "idle_after")
    definition.allowedLateness = try microseconds(block, "allowed_lateness") ?? 0
    definition.offset = try block.block("window").flatMap { window throws(Failure) in try offset(window) } ?? 0
    definition.accumulation =
      block.string("accumulation").flatMap(WindowDefinition.Accumulation.init) ?? .accumulating
    definition.replaces = block.boolean("instead") ?? false
    definition.remembers = block.boolean("remember") ?? false
    try readTrigger(block, into: &definition)
    try readLate(block, into: &definition)
    try check(block, definition)
    definition.fingerprint = fingerprint(definition, block)
    return definition
  }

  private static func offset(_ window: OptionBlock) throws(Failure) -> Int64? {
    window.has("offset") ? try microseconds(window, "offset") : nil
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

  private static func kind(_ block: OptionBlock) throws(Failure) -> WindowDefinition.Kind {
    let window = try block.require(block.block("window"), "window")
    let names = ["tumbling", "hopping", "cumulative", "session"].filter { window.has($0) }
    guard names.count == 1, let name = names.first else {
      throw Failure(
        .configuration, "\"window\" is one of tumbling, hopping, cumulative and session", at: window.place,
        hint: "window: { tumbling: 1m }")
    }
    if name == "tumbling" { return .tumbling(size: try positive(window, name)) }
    let inner = try window.require(window.block(name), name)
    if name == "session" { return .session(gap: try positive(inner, "gap")) }
    let size = try positive(inner, "size")
    let every = try positive(inner, "every")
    guard every <= size, size / every <= 10_000 else {
      throw Failure(
        .configuration, "\"every\" must be at most \"size\", and at least a ten-thousandth of it",
        at: inner.place(of: "every"))
    }
    if name == "hopping" { return .hopping(size: size, every: every) }
    guard size % every == 0 else {
      throw Failure(
        .configuration, "\"size\" must be a multiple of \"every\"", at: inner.place(of: "size"))
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

  private static func aggregates(_ block: OptionBlock) throws(Failure) -> [Aggregate] {
    guard let node = block.node("aggregate"), case .map(let entries) = node.content, !entries.isEmpty,
      entries.count <= 60
    else {
      throw Failure(
        .configuration, "\"aggregate\" must be a block of 1 to 60 columns and functions",
        at: block.place(of: "aggregate"),
        hint: "aggregate: { orders: count(), revenue: sum(amount) }")
    }
    var aggregates: [Aggregate] = []
    for entry in entries {
      guard let text = entry.value.text else {
        throw Failure(
          .configuration, "a function of rows is expected here, not \(entry.value.described)", at: entry.value.place)
      }
      guard !aggregates.contains(where: { $0.name == entry.key }) else {
        throw Failure(.configuration, "\(NearestName.quoted(entry.key)) is written twice", at: entry.keyPlace)
      }
      aggregates.append(try Aggregate(name: entry.key, text: text, at: entry.value.place.description))
    }
    return aggregates
  }

  private static func readTrigger(_ block: OptionBlock, into definition: inout WindowDefinition) throws(Failure) {
    guard let trigger = block.block("trigger") else { return }
    if let count = trigger.integer("early") {
      definition.early = .changes(count)
    } else if trigger.has("early") {
      definition.early = .every(try positive(trigger, "early"))
    }
    guard let late = trigger.string("late"), late != "each" else { return }
    guard let nanoseconds = OptionText.duration(late), nanoseconds >= 1000 else {
      throw Failure(
        .configuration, "\"late\" must be \"each\" or a duration, not \(NearestName.quoted(late))",
        at: trigger.place(of: "late"), hint: OptionText.durationHint)
    }
    definition.late = .every(Int64(nanoseconds / 1000))
  }

  private static func readLate(_ block: OptionBlock, into definition: inout WindowDefinition) throws(Failure) {
    if let late = block.block("late") {
      let name = try late.require(late.string("table"), "table")
      definition.tooLate = .table(try table(name, definition.from, late.place(of: "table")))
    } else if block.string("late") == "stop" {
      definition.tooLate = .stop
    } else if block.string("late") == "quarantine" {
      definition.tooLate = .quarantine
    }
  }

  private static func check(_ block: OptionBlock, _ definition: WindowDefinition) throws(Failure) {
    for name in ["max_delay", "idle_after", "allowed_lateness", "late"]
    where definition.eventTime == nil && block.has(name) {
      throw Failure(
        .configuration, "\"\(name)\" needs \"event_time\": commits come in order, and none is late",
        at: block.place(of: name))
    }
    if case .session = definition.kind, definition.accumulation == .discarding {
      throw Failure(
        .configuration, "sessions cannot be told by what came since: they join and part",
        at: block.place(of: "accumulation"), hint: "accumulating or retracting")
    }
    let others = [definition.from] + (definition.lateTable.map { [$0] } ?? [])
    guard !others.contains(definition.table), definition.lateTable != definition.from else {
      throw Failure(.configuration, "the results need a table of their own", at: block.place(of: "table"))
    }
    for table in definition.tables where table.table.lowercased().hasSuffix(RejectionTable.suffix) {
      throw Failure(
        .configuration, "\(NearestName.quoted(table.description)) is the name of a table for rows that were set aside",
        at: block.place(of: table == definition.table ? "table" : "late"), hint: "choose one with another end")
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
