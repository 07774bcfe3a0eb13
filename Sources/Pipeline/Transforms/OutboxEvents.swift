import Change

/// What the events of one version of the outbox look like, and the tables that they go to.
final class OutboxEvents {
  /// More kinds of aggregates than an application has; a value that is none, such as an id, would make a table for each row.
  static let limit = 4096

  let projection: Projection
  /// The column whose value says where an event goes.
  let routeBy: Int
  /// The column with the key.
  let key: Int
  /// What is made of the payload; nil: it stays as it is.
  let payload: OutboxPayload?
  /// The payload's place in a row of the events.
  let payloadPlace: Int
  private var known: [(value: [UInt8], schema: TableSchema)] = []

  init(_ definition: OutboxDefinition, _ schema: TableSchema) throws(Failure) {
    key = try definition.key.index(in: schema)
    let id = try definition.id.index(in: schema)
    let payload = try definition.payload.index(in: schema)
    // A key that has another's name would be taken for it.
    let keyName = schema.columns[key].name
    var columns: [(index: Int, name: String)] = [
      (key, ["id", "payload"].contains(keyName.lowercased()) ? "key" : keyName), (id, "id"), (payload, "payload"),
    ]
    payloadPlace = 2
    for field in definition.additional where field.placement == .header {
      let index = try field.column.index(in: schema)
      try OutboxEvents.check(field.alias, of: columns, field.column)
      columns.append((index, field.alias))
    }
    if let timestamp = definition.timestamp {
      let index = try OutboxEvents.time(timestamp, of: schema)
      if !columns.contains(where: { $0.index == index && $0.name == schema.columns[index].name }) {
        try OutboxEvents.check(schema.columns[index].name, of: columns, timestamp)
        columns.append((index, schema.columns[index].name))
      }
    }
    routeBy = try definition.routeBy.index(in: schema)
    guard schema.columns[routeBy].type.isTextual else {
      throw Failure(
        .configuration,
        "`outbox` routes by column \"\(definition.routeBy.name)\" of table \"\(schema.name)\", which is no text",
        at: definition.routeBy.place)
    }
    self.payload = try OutboxPayload(definition, schema, payload)
    projection = Projection(
      to: OutboxEvents.table(schema, columns, payloadPlace, definition), from: columns.map(\.index))
  }

  private static func check(
    _ name: String, of columns: [(index: Int, name: String)], _ column: OutboxColumn
  ) throws(Failure) {
    guard columns.contains(where: { $0.name.lowercased() == name.lowercased() }) else { return }
    throw Failure(
      .configuration, "`outbox` would give two columns of the events the name \(NearestName.quoted(name))",
      at: column.place, hint: "the key, `id` and `payload` go along by themselves; an alias tells others apart")
  }

  private static func time(_ column: OutboxColumn, of schema: TableSchema) throws(Failure) -> Int {
    let index = try column.index(in: schema)
    switch schema.columns[index].type {
    case .timestamp, .timestampZoned: return index
    default:
      throw Failure(
        .configuration, "column \"\(column.name)\" of table \"\(schema.name)\" holds no date and time", at: column.place
      )
    }
  }

  /// What the events' tables are like: the key comes first.
  private static func table(
    _ schema: TableSchema, _ chosen: [(index: Int, name: String)], _ payload: Int, _ definition: OutboxDefinition
  ) -> TableSchema {
    var columns = schema.projected(chosen).columns
    columns[0].isNullable = false
    if definition.makesJSON {
      columns[payload] = ColumnSchema(name: columns[payload].name, type: .json, isNullable: columns[payload].isNullable)
    }
    if definition.nullsEmptyPayload {
      columns[payload].isNullable = true
      columns[payload].defaultValue = nil
    }
    return TableSchema(
      name: schema.name, columns: columns, key: [0], keyIsPrimary: false, indexes: [], version: schema.version)
  }

  /// The table of an event.
  func schema(
    for cell: Cell, in arena: [UInt8], make: (String) throws(Failure) -> TableName
  ) throws(Failure) -> TableSchema {
    let range = cell.range
    for route in known where OutboxEvents.isEqual(route.value, arena, range) { return route.schema }
    guard known.count < OutboxEvents.limit else {
      throw Failure(
        .limit, "the outbox has events for more than \(OutboxEvents.limit) kinds of aggregates",
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

extension OutboxDefinition {
  var hasEnvelope: Bool { additional.contains { $0.placement == .envelope } }

  /// Whether the payload becomes a column of JSON.
  var makesJSON: Bool { expandsPayload || hasEnvelope }
}

/// What is made of the payload of an event: JSON of a text, an object around it, NULL of nothing.
struct OutboxPayload {
  private let schema: TableSchema
  private let column: Int
  /// Whether a text that is JSON is written as JSON.
  private let expands: Bool
  private let nullsEmpty: Bool
  /// The members of the envelope behind `payload`; nil: there is no envelope.
  private let members: [(column: Int, name: String)]?

  /// Nil where the payload stays as it is.
  init?(_ definition: OutboxDefinition, _ schema: TableSchema, _ column: Int) throws(Failure) {
    guard definition.makesJSON || definition.nullsEmptyPayload else { return nil }
    let type = schema.columns[column].type
    guard !definition.expandsPayload || type.isTextual || type == .json else {
      throw Failure(
        .configuration,
        "`table.expand.json.payload` needs a text, and column \"\(definition.payload.name)\" of table \"\(schema.name)\" is none",
        at: definition.payload.place)
    }
    self.schema = schema
    self.column = column
    expands = definition.expandsPayload
    nullsEmpty = definition.nullsEmptyPayload
    var members: [(column: Int, name: String)] = []
    for field in definition.additional where field.placement == .envelope {
      guard field.alias != "payload", !members.contains(where: { $0.name == field.alias }) else {
        throw Failure(
          .configuration, "`outbox` would give two members of the envelope the name \(NearestName.quoted(field.alias))",
          at: field.column.place, hint: "an alias tells them apart")
      }
      members.append((try field.column.index(in: schema), field.alias))
    }
    self.members = definition.hasEnvelope ? members : nil
  }

  /// The payload's cell of the row whose cells begin at `first`; what is new is added to the arena.
  func cell(ofRowAt first: Int, _ cells: [Cell], _ arena: inout [UInt8]) -> Cell {
    let cell = cells[first + column]
    if nullsEmpty, isEmpty(cell, arena) { return .null }
    guard let members else {
      // Only NULL is to be made.
      guard expands else { return cell }
      return expanded(cell, &arena)
    }
    var text = "{\"payload\":" + json(cell, arena)
    for member in members {
      text +=
        ",\(RowText.string(member.name)):"
        + RowText.value(cells[first + member.column], schema.columns[member.column].type, arena)
    }
    return OutboxPayload.document(text + "}", &arena)
  }

  private func isEmpty(_ cell: Cell, _ arena: [UInt8]) -> Bool {
    guard cell.hasValue else { return true }
    return cell.isSlice && arena[cell.range].allSatisfy { $0 <= 0x20 }
  }

  /// Whether a text is to be written as the JSON that it is.
  private func isDocument(_ cell: Cell, _ arena: [UInt8]) -> Bool {
    if cell.tag == .json { return true }
    guard cell.tag == .text, let first = arena[cell.range].first,
      first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    else { return false }
    return JSONGrammar.isDocument(arena.span.bytes.extracting(cell.range))
  }

  private func expanded(_ cell: Cell, _ arena: inout [UInt8]) -> Cell {
    guard cell.hasValue else { return cell }
    if isDocument(cell, arena) { return .slice(.json, offset: cell.offset, length: cell.length) }
    return OutboxPayload.document(json(cell, arena), &arena)
  }

  private func json(_ cell: Cell, _ arena: [UInt8]) -> String {
    if expands, isDocument(cell, arena) { return String(decoding: arena[cell.range], as: UTF8.self) }
    return RowText.value(cell, schema.columns[column].type, arena)
  }

  private static func document(_ text: String, _ arena: inout [UInt8]) -> Cell {
    let offset = arena.count
    arena.append(contentsOf: text.utf8)
    return .slice(.json, offset: offset, length: arena.count - offset)
  }
}
