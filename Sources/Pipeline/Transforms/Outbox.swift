import Change

/// Leads the rows of an outbox table to a table for each kind of aggregate, as Debezium's outbox event router does; its
/// options have that router's names and defaults.
///
/// An application inserts its events into one table, in the transaction that they tell of, and may delete them at once:
/// inserts pass, deletes are left out. The key of an event is its aggregate's id, so that the events of one aggregate stay in
/// order in one partition; a SQL target wants `mode: append`. What the router makes a message's value and headers of are
/// columns here: a sink of messages that writes columns as they are makes the same messages of them.
struct Outbox: Verb {
  let name = "outbox"
  let summary = "Leads the rows of an outbox table to a table for each kind of aggregate."
  let options = [
    Option("table", .list(.string), isRequired: true, "The outbox table."),
    Option(
      "table.field.event.id", .string, default: "id", "The column with the event's id; behind the verb it is `id`."),
    Option("table.field.event.key", .string, default: "aggregateid", "The column that becomes the key."),
    Option(
      "table.field.event.payload", .string, default: "payload",
      "The column with the event; behind the verb it is `payload`."),
    Option("table.field.event.timestamp", .string, "A column with the event's time, which goes along."),
    Option(
      "table.fields.additional.placement", .list(.string),
      "Columns that go along, as column:placement or column:placement:alias, with commas; header: a column of the alias; "
        + "envelope: a member of a JSON object around the payload."),
    Option(
      "table.expand.json.payload", .boolean, default: "false",
      "Whether a text that is a JSON object or list becomes JSON."),
    Option(
      "table.op.invalid.behavior", .choice(Outbox.UpdatePolicy.allCases.map(\.rawValue)), default: "warn",
      "What an update of the outbox does: leave it out with a warning or an error in the log, or stop."),
    Option("route.by.field", .string, default: "aggregatetype", "The column whose value says where the event goes."),
    Option(
      "route.topic.regex", .string, default: "(?<routedByValue>.*)",
      "A regular expression that the whole value matches."),
    Option(
      "route.topic.replacement", .string, default: "outbox.event.${routedByValue}",
      "The schema.table, cut at the first dot; $1 to $9 are the captures, ${name} those with names, $${name} in YAML."),
    Option(
      "route.tombstone.on.empty.payload", .boolean, default: "false",
      "Whether a payload of nothing but blanks becomes NULL, and none gets an envelope."),
  ]

  enum UpdatePolicy: String, CaseIterable { case warn, error, fatal }

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    let named = { (option: String) in
      OutboxColumn(name: block.string(option) ?? "", option: option, place: block.place(of: option))
    }
    let pattern = block.string("route.topic.regex") ?? ""
    var timestamp: OutboxColumn?
    if block.has("table.field.event.timestamp") { timestamp = named("table.field.event.timestamp") }
    let tables = TransformTables(block, &problems)
    let additional = Outbox.additional(block, &problems)
    guard let template = Outbox.template(pattern, block, &problems) else { return nil }
    return OutboxDefinition(
      tables: tables, key: named("table.field.event.key"), id: named("table.field.event.id"),
      payload: named("table.field.event.payload"), timestamp: timestamp,
      additional: additional, routeBy: named("route.by.field"), pattern: pattern,
      template: template,
      expandsPayload: block.boolean("table.expand.json.payload") ?? false,
      nullsEmptyPayload: block.boolean("route.tombstone.on.empty.payload") ?? false,
      updates: block.string("table.op.invalid.behavior").flatMap { UpdatePolicy(rawValue: $0) } ?? .warn)
  }

  private static func template(
    _ pattern: String, _ block: OptionBlock, _ problems: inout BlockProblems
  ) -> NameTemplate? {
    let place = block.place(of: "route.topic.replacement")
    var names: [String: Int] = [:]
    var captures = 0
    do {
      _ = try Regex(pattern)
      // With an empty alternative it matches the empty text, and tells the captures that it has.
      if let match = try Regex("\(pattern)|").wholeMatch(in: "") {
        captures = match.output.count - 1
        for (number, capture) in match.output.enumerated() { if let name = capture.name { names[name] = number } }
      }
    } catch {
      problems.note(
        Failure(
          .configuration, "\"route.topic.regex\" is not a regular expression",
          at: block.place(of: "route.topic.regex"), cause: "\(error)"))
      return nil
    }
    let text = block.string("route.topic.replacement") ?? ""
    guard let template = NameTemplate(text, captures: names) else {
      let known = names.keys.sorted().map { "${\($0)}" }.joined(separator: ", ")
      problems.note(
        Failure(
          .configuration,
          "\"route.topic.replacement\" must be of the form schema.table, with captures $0 to $9"
            + (known.isEmpty ? "" : " or \(known)"), at: place,
          hint: "in YAML a literal \"${\" is written \"$${\""))
      return nil
    }
    if let highest = template.highestCapture, highest > captures {
      problems.note(
        Failure(
          .configuration,
          "\"route.topic.replacement\" names capture $\(highest), and \"route.topic.regex\" has \(captures)",
          at: place))
    }
    return template
  }

  /// Reads `column:header,column:envelope:alias`, in one text or in several.
  private static func additional(_ block: OptionBlock, _ problems: inout BlockProblems) -> [OutboxField] {
    let option = "table.fields.additional.placement"
    var fields: [OutboxField] = []
    for (text, place) in block.strings(option) {
      for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
        let parts = entry.split(separator: ":", omittingEmptySubsequences: false).map { $0.trimming() }
        guard (2...3).contains(parts.count), !parts.contains("") else {
          problems.note(
            Failure(
              .configuration, "\"\(option)\" takes column:placement or column:placement:alias", at: place,
              hint: "for example \"type:header:eventType,version:envelope\""))
          continue
        }
        guard let placement = OutboxField.Placement(rawValue: parts[1].lowercased()) else {
          problems.note(
            Failure(
              .configuration,
              "a column is placed in the header or in the envelope, not in \(NearestName.quoted(parts[1]))", at: place,
              hint: parts[1] == "partition" ? "the sink's `partition_by: columns` chooses the partition" : ""))
          continue
        }
        fields.append(
          OutboxField(
            column: OutboxColumn(name: parts[0], option: option, place: "\(place)"), placement: placement,
            alias: parts.count == 3 ? parts[2] : parts[0]))
      }
    }
    return fields
  }
}

extension Substring {
  fileprivate func trimming() -> String {
    var rest = self
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}

struct OutboxColumn: Sendable {
  let name: String
  /// What says so.
  let option: String
  let place: String

  /// Its index in the outbox.
  func index(in schema: TableSchema) throws(Failure) -> Int {
    guard let index = schema.column(named: name) else {
      let near = NearestName.suggestion(for: name, in: schema.columns.map(\.name))
      throw Failure(
        .configuration,
        "`outbox` needs column \(NearestName.quoted(name)), which table \"\(schema.name)\" does not have\(near)",
        at: place, hint: "`\(option)` says what the column is called")
    }
    return index
  }
}

/// A column of the outbox that goes along with its events.
struct OutboxField: Sendable {
  enum Placement: String, Sendable { case header, envelope }

  let column: OutboxColumn
  let placement: Placement
  let alias: String
}

struct OutboxDefinition: TransformDefinition {
  let tables: TransformTables
  let key: OutboxColumn
  let id: OutboxColumn
  let payload: OutboxColumn
  let timestamp: OutboxColumn?
  let additional: [OutboxField]
  let routeBy: OutboxColumn
  let pattern: String
  let template: NameTemplate
  let expandsPayload: Bool
  let nullsEmptyPayload: Bool
  let updates: Outbox.UpdatePolicy

  /// Those of the events.
  var makesTables: Bool { true }

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    do {
      return OutboxTransform(self, pattern: try Regex(pattern), context)
    } catch {
      throw Failure(.internal, "a pattern that was checked is none", cause: "\(error)")
    }
  }
}
