import Change
import Logging

/// Leads the rows of an outbox table to a table for each kind of aggregate, as Debezium's outbox event router does; its
/// options have that router's names.
///
/// An application inserts its events into one table, in the transaction that they tell of, and may delete them at once:
/// inserts pass, deletes are left out. The key of an event is its aggregate's id, so that the events of one aggregate stay in
/// order in one partition; a SQL target wants `mode: append`.
struct Outbox: Verb {
  let name = "outbox"
  let summary = "Leads the rows of an outbox table to a table for each kind of aggregate."
  let options = [
    Option("table", .list(.string), isRequired: true, "The outbox table."),
    Option("table.field.event.id", .string, default: "id", "The column with the event's id."),
    Option("table.field.event.key", .string, default: "aggregateid", "The column that becomes the key."),
    Option("table.field.event.type", .string, default: "type", "The column with the event's type."),
    Option("table.field.event.payload", .string, default: "payload", "The column with the event."),
    Option("table.fields.additional", .list(.string), "Columns that go along."),
    Option("route.by.field", .string, default: "aggregatetype", "The column whose value says where the event goes."),
    Option(
      "route.topic.regex", .string, default: "(.*)", "A regular expression that the whole value matches."),
    Option(
      "route.topic.replacement", .string, default: "outbox.$1", "The schema.table; $1 to $9 are the captures."),
    Option(
      "table.op.invalid.behavior", .choice(["warn", "fatal"]), default: "warn",
      "What an update of the outbox does: leave it out with a warning, or stop."),
  ]

  func definition(_ block: OptionBlock) throws(Failure) -> any TransformDefinition {
    let pattern = block.string("route.topic.regex") ?? ""
    do {
      _ = try Regex(pattern)
    } catch {
      throw Failure(
        .configuration, "\"route.topic.regex\" is not a regular expression", at: block.place(of: "route.topic.regex"),
        cause: "\(error)")
    }
    guard let template = NameTemplate(block.string("route.topic.replacement") ?? "") else {
      throw Failure(
        .configuration, "\"route.topic.replacement\" must be of the form schema.table, with captures $0 to $9",
        at: block.place(of: "route.topic.replacement"))
    }
    let named = { (option: String) in
      OutboxColumn(name: block.string(option) ?? "", option: option, place: block.place(of: option))
    }
    let fields = ["key", "id", "type", "payload"].map { named("table.field.event.\($0)") }
    let additional = block.strings("table.fields.additional").map {
      OutboxColumn(name: $0.text, option: "table.fields.additional", place: $0.place.description)
    }
    return OutboxDefinition(
      tables: try TransformTables(block), columns: fields + additional, routeBy: named("route.by.field"),
      pattern: pattern, template: template,
      stopsAtUpdates: block.string("table.op.invalid.behavior") == "fatal")
  }
}

private struct OutboxColumn: Sendable {
  let name: String
  /// What says so.
  let option: String
  let place: String
}

private struct OutboxDefinition: TransformDefinition {
  let tables: TransformTables
  /// The key comes first.
  let columns: [OutboxColumn]
  let routeBy: OutboxColumn
  let pattern: String
  let template: NameTemplate
  let stopsAtUpdates: Bool

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

/// The tables that the events of one version of the outbox go to.
private final class OutboxRoutes {
  /// More kinds of aggregates than an application has; a value that is none, such as an id, would make a table for each row.
  static let limit = 4096

  let projection: Projection
  /// The column whose value says where an event goes.
  let routeBy: Int
  private var known: [(value: [UInt8], schema: TableSchema)] = []

  init(projection: Projection, routeBy: Int) {
    self.projection = projection
    self.routeBy = routeBy
  }

  func schema(
    for cell: Cell, in arena: [UInt8], make: (String) throws(Failure) -> TableName
  ) throws(Failure) -> TableSchema {
    let range = cell.range
    for route in known where OutboxRoutes.isEqual(route.value, arena, range) { return route.schema }
    guard known.count < OutboxRoutes.limit else {
      throw Failure(
        .limit, "the outbox has events for more than \(OutboxRoutes.limit) kinds of aggregates",
        at: "table \"\(projection.target.name)\"", hint: "\"route.by.field\" names a column with few values")
    }
    let schema = projection.target.named(try make(String(decoding: arena[range], as: UTF8.self)))
    known.append((Array(arena[range]), schema))
    return schema
  }

  private static func isEqual(_ value: [UInt8], _ arena: [UInt8], _ range: Range<Int>) -> Bool {
    guard value.count == range.count else { return false }
    for index in value.indices where value[index] != arena[range.lowerBound + index] { return false }
    return true
  }
}

private final class OutboxTransform: Transform {
  private let definition: OutboxDefinition
  private let pattern: Regex<AnyRegexOutput>
  private let logger: Logger
  private let badRows: BadRowPolicy
  private var plans = SchemaPlans<OutboxRoutes?>()
  private let gatherer = RowGatherer()
  private var routes: [OutboxRoutes?] = []

  init(_ definition: OutboxDefinition, pattern: Regex<AnyRegexOutput>, _ context: TransformContext) {
    self.definition = definition
    self.pattern = pattern
    logger = context.logger
    badRows = context.badRowPolicy
  }

  /// What every table of events looks like; its name is known when an event comes.
  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    try routes(schema)?.projection.target ?? schema
  }

  private func routes(_ schema: TableSchema) throws(Failure) -> OutboxRoutes? {
    try plans.plan(for: schema) { schema throws(Failure) in
      guard definition.tables.includes(schema.name) else { return nil }
      var columns: [(index: Int, name: String)] = []
      for name in definition.columns {
        let index = try column(name, of: schema)
        if !columns.contains(where: { $0.index == index }) { columns.append((index, schema.columns[index].name)) }
      }
      var eventColumns = schema.columns
      if let key = columns.first?.index { eventColumns[key].isNullable = false }
      let event = TableSchema(
        name: schema.name, columns: eventColumns, key: columns.prefix(1).map(\.index), keyIsPrimary: false,
        indexes: [], version: schema.version)
      let routeBy = try column(definition.routeBy, of: schema)
      guard schema.columns[routeBy].type.isTextual else {
        throw Failure(
          .configuration,
          "`outbox` routes by column \"\(definition.routeBy.name)\" of table \"\(schema.name)\", which is no text",
          at: definition.routeBy.place)
      }
      return OutboxRoutes(projection: Projection(event, columns), routeBy: routeBy)
    }
  }

  private func column(_ column: OutboxColumn, of schema: TableSchema) throws(Failure) -> Int {
    guard let index = schema.column(named: column.name) else {
      let near = NearestName.suggestion(for: column.name, in: schema.columns.map(\.name))
      throw Failure(
        .configuration,
        "`outbox` needs column \(NearestName.quoted(column.name)), which table \"\(schema.name)\" does not have\(near)",
        at: column.place, hint: "`\(column.option)` says what the column is called")
    }
    return index
  }

  /// The outbox itself is no table of the target.
  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    definition.tables.includes(change.table) ? nil : change
  }

  /// Only its own row says what an event's table is called: whether a `mask` behind this verb hides its key is not known of
  /// one that was set aside.
  func hides(_ table: TableName) -> Bool { definition.tables.includes(table) }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    routes.removeAll(keepingCapacity: true)
    for (index, schema) in schemas.enumerated() {
      routes.append(draft.schemas[index] === schema ? nil : try routes(schema))
    }
    guard routes.contains(where: { $0 != nil }) else { return }
    try leaveOutWhatIsNoEvent(draft)
    var targets = [UInt16?](repeating: nil, count: draft.changes.count)
    var isRejected = false
    for (index, change) in draft.changes.enumerated() where change.operation != .schema {
      guard let routes = routes[Int(change.schema)] else { continue }
      do throws(Failure) {
        targets[index] = try target(of: change, routes, draft)
      } catch {
        guard badRows == .quarantine, error.code == .badValue else { throw error }
        draft.reject(index, of: schemas[Int(change.schema)], error)
        isRejected = true
      }
    }
    let projections = (0..<draft.schemas.count).map { index in
      index < routes.count ? routes[index]?.projection : nil
    }
    gatherer.gather(draft, projections, widths: schemas.map(\.columns.count))
    for (index, target) in targets.enumerated() {
      if let target { draft.changes[index].schema = target }
    }
    guard isRejected else { return }
    draft.judge { change, index in
      let isEvent =
        change.operation != .schema && Int(change.schema) < routes.count && routes[Int(change.schema)] != nil
      return isEvent && targets[index] == nil ? .setAside : .keep
    }
  }

  private func leaveOutWhatIsNoEvent(_ draft: BatchDraft) throws(Failure) {
    var updates = 0
    draft.filter { change in
      guard change.operation != .schema, routes[Int(change.schema)] != nil else { return true }
      if change.operation == .update { updates += 1 }
      return change.operation == .insert || change.operation == .read
    }
    guard updates > 0 else { return }
    if definition.stopsAtUpdates {
      throw Failure(
        .badValue, "an event in the outbox was updated", at: definition.tables.text,
        hint: "events are inserted and deleted; `table.op.invalid.behavior: warn` leaves updates out")
    }
    logger.warning("updates of the outbox are left out", metadata: ["updates": "\(updates)"])
  }

  /// The index of the schema that an event gets.
  private func target(of change: RowChange, _ routes: OutboxRoutes, _ draft: BatchDraft) throws(Failure) -> UInt16 {
    let origin = draft.accounts.origins[Int(change.schema)]
    let cell = draft.cells[Int(change.after) + routes.routeBy]
    let key = draft.cells[Int(change.after) + (routes.projection.sources.first ?? 0)]
    guard cell.tag == .text, cell.length > 0, key.hasValue else {
      throw Failure(
        .badValue, "an event in the outbox has no key, or no value that says where it goes", at: "table \"\(origin)\"")
    }
    let schema = try routes.schema(for: cell, in: draft.arena) { value throws(Failure) in
      // A pattern from a text has no code that could throw.
      guard let match = try? pattern.wholeMatch(in: value) else {
        throw Failure(
          .badValue, "an event in the outbox has a value that \"route.topic.regex\" does not match",
          at: "table \"\(origin)\"")
      }
      return definition.template.name(match.output.map { $0.substring ?? "" })
    }
    if let known = draft.schemas.firstIndex(where: { $0 === schema }) { return UInt16(known) }
    guard draft.schemas.count < Int(UInt16.max) else {
      throw Failure(.limit, "one batch has events for too many tables", at: "table \"\(origin)\"")
    }
    return draft.add(schema, origin: origin)
  }
}
