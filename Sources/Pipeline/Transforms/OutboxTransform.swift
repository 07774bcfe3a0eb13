import Change
import Logging

/// Leaves out what is no event, and gives each event the table that it goes to and the columns that it has there.
final class OutboxTransform: Transform {
  private let definition: OutboxDefinition
  private let pattern: Regex<AnyRegexOutput>
  private let logger: Logger
  private let badRows: BadRowPolicy
  private var plans = SchemaPlans<OutboxEvents?>()
  private let gatherer = RowGatherer()
  private var events: [OutboxEvents?] = []

  init(_ definition: OutboxDefinition, pattern: Regex<AnyRegexOutput>, _ context: TransformContext) {
    self.definition = definition
    self.pattern = pattern
    logger = context.logger
    badRows = context.badRowPolicy
  }

  /// What every table of events looks like; its name is known when an event comes.
  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    try events(schema)?.projection.target ?? schema
  }

  private func events(_ schema: TableSchema) throws(Failure) -> OutboxEvents? {
    try plans.plan(for: schema) { schema throws(Failure) in
      guard definition.tables.includes(schema.name) else { return nil }
      return try OutboxEvents(definition, schema)
    }
  }

  /// The outbox itself is no table of the target.
  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    definition.tables.includes(change.table) ? nil : change
  }

  /// Only its own row says what an event's table is called: whether a `mask` behind this verb hides its key is not known of
  /// one that was set aside.
  func hides(_ table: TableName) -> Bool { definition.tables.includes(table) }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    events.removeAll(keepingCapacity: true)
    for (index, schema) in schemas.enumerated() {
      events.append(draft.schemas[index] === schema ? nil : try events(schema))
    }
    guard events.contains(where: { $0 != nil }) else { return }
    try leaveOutWhatIsNoEvent(draft)
    var targets = [UInt16?](repeating: nil, count: draft.changes.count)
    var payloads: [(index: Int, cell: Cell)] = []
    var isRejected = false
    for (index, change) in draft.changes.enumerated() where change.operation != .schema {
      guard let events = events[Int(change.schema)] else { continue }
      do throws(Failure) {
        targets[index] = try target(of: change, events, draft)
        if let payload = events.payload {
          payloads.append((index, payload.cell(ofRowAt: Int(change.after), draft.cells, &draft.arena)))
        }
      } catch {
        guard badRows == .quarantine, error.code == .badValue else { throw error }
        draft.reject(index, of: schemas[Int(change.schema)], error)
        isRejected = true
      }
    }
    let projections = (0..<draft.schemas.count).map { index in
      index < events.count ? events[index]?.projection : nil
    }
    gatherer.gather(draft, projections, widths: schemas.map(\.columns.count))
    for (index, cell) in payloads {
      let place = events[Int(draft.changes[index].schema)]?.payloadPlace ?? 0
      draft.cells[Int(draft.changes[index].after) + place] = cell
    }
    for (index, target) in targets.enumerated() {
      if let target { draft.changes[index].schema = target }
    }
    guard isRejected else { return }
    draft.judge { change, index in
      let isEvent =
        change.operation != .schema && Int(change.schema) < events.count && events[Int(change.schema)] != nil
      return isEvent && targets[index] == nil ? .setAside : .keep
    }
  }

  private func leaveOutWhatIsNoEvent(_ draft: BatchDraft) throws(Failure) {
    var updates = 0
    draft.filter { change in
      guard change.operation != .schema, events[Int(change.schema)] != nil else { return true }
      if change.operation == .update { updates += 1 }
      return change.operation == .insert || change.operation == .read
    }
    guard updates > 0 else { return }
    switch definition.updates {
    case .warn: logger.warning("updates of the outbox are left out", metadata: ["updates": "\(updates)"])
    case .error: logger.error("updates of the outbox are left out", metadata: ["updates": "\(updates)"])
    case .fatal:
      throw Failure(
        .badValue, "an event in the outbox was updated", at: definition.tables.text,
        hint: "events are inserted and deleted; `table.op.invalid.behavior: warn` leaves updates out")
    }
  }

  /// The index of the schema that an event gets.
  private func target(of change: RowChange, _ events: OutboxEvents, _ draft: BatchDraft) throws(Failure) -> UInt16 {
    let origin = draft.accounts.origins[Int(change.schema)]
    let cell = draft.cells[Int(change.after) + events.routeBy]
    let key = draft.cells[Int(change.after) + events.key]
    guard cell.tag == .text, cell.length > 0, key.hasValue else {
      throw Failure(
        .badValue, "an event in the outbox has no key, or no value that says where it goes", at: "table \"\(origin)\"")
    }
    let schema = try events.schema(for: cell, in: draft.arena) { value throws(Failure) in
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
