import Change

/// Gives tables other names: a pattern over `schema.table` with captures, and what to make of them.
///
/// The pattern is a regular expression and must match the whole name. The first rule that matches decides; blocks of
/// `route` follow each other like other verbs, each sees the names that the one before has made.
struct Route: Verb {
  let name = "route"
  let summary = "Gives tables other names, by a regular expression over schema.table."
  let options = [
    Option("from", .string, isRequired: true, "A regular expression that a whole schema.table matches."),
    Option("to", .string, isRequired: true, "The new schema.table; $1 to $9 are the captures, $0 the whole name."),
    Option(
      "merge", .boolean, default: "false",
      "Whether several tables may get the same name: shards of one table, told apart by their keys."),
  ]

  func definition(_ block: OptionBlock) throws(Failure) -> any TransformDefinition {
    let from = try block.require(block.string("from"), "from")
    let to = try block.require(block.string("to"), "to")
    let captures: Int
    do {
      _ = try Regex(from)
      // With an empty alternative it matches the empty text, and tells how many captures it has.
      captures = try Regex("\(from)|").wholeMatch(in: "").map { $0.output.count - 1 } ?? 0
    } catch {
      throw Failure(
        .configuration, "\"from\" is not a regular expression", at: block.place(of: "from"), cause: "\(error)")
    }
    guard let template = NameTemplate(to) else {
      throw Failure(
        .configuration, "\"to\" must be of the form schema.table, with captures $0 to $9", at: block.place(of: "to"),
        hint: "for example from: \"shop\\\\.(.*)\", to: \"warehouse.$1\"")
    }
    if let highest = template.highestCapture, highest > captures {
      throw Failure(
        .configuration, "\"to\" names capture $\(highest), and \"from\" has \(captures)", at: block.place(of: "to"))
    }
    return RouteDefinition(
      from: from, template: template, merges: block.boolean("merge") ?? false, place: block.place)
  }
}

/// `warehouse.$1`: literal text and the numbers of captures, for both halves of a name.
struct NameTemplate: Sendable {
  private enum Piece: Sendable {
    case text(String)
    case capture(Int)
  }

  private let namespace: [Piece]
  private let table: [Piece]

  /// Nil when the text has not exactly one dot, an empty half, or a `$` before anything but a digit.
  init?(_ text: String) {
    let halves = text.split(separator: ".", omittingEmptySubsequences: false)
    guard halves.count == 2, !halves.contains(where: \.isEmpty), let first = NameTemplate.pieces(halves[0]),
      let second = NameTemplate.pieces(halves[1])
    else { return nil }
    (namespace, table) = (first, second)
  }

  var highestCapture: Int? {
    (namespace + table).compactMap { if case .capture(let number) = $0 { number } else { nil } }.max()
  }

  func name(_ captures: [Substring]) -> TableName {
    TableName(namespace: NameTemplate.text(namespace, captures), table: NameTemplate.text(table, captures))
  }

  private static func pieces(_ text: Substring) -> [Piece]? {
    var pieces: [Piece] = []
    var rest = text
    while let dollar = rest.firstIndex(of: "$") {
      if dollar > rest.startIndex { pieces.append(.text(String(rest[..<dollar]))) }
      rest = rest[rest.index(after: dollar)...]
      guard let digit = rest.first, digit.isASCII, let number = digit.wholeNumberValue else { return nil }
      pieces.append(.capture(number))
      rest = rest.dropFirst()
    }
    if !rest.isEmpty { pieces.append(.text(String(rest))) }
    return pieces
  }

  private static func text(_ pieces: [Piece], _ captures: [Substring]) -> String {
    pieces.map { piece in
      switch piece {
      case .text(let text): text
      case .capture(let number): captures.indices.contains(number) ? String(captures[number]) : ""
      }
    }.joined()
  }
}

private struct RouteDefinition: TransformDefinition {
  let from: String
  let template: NameTemplate
  let merges: Bool
  let place: String

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    do {
      return RouteTransform(pattern: try Regex(from), template: template, merges: merges, place: place)
    } catch {
      throw Failure(.internal, "a pattern that was checked is none", at: place, cause: "\(error)")
    }
  }
}

private final class RouteTransform: Transform {
  private let pattern: Regex<AnyRegexOutput>
  private let template: NameTemplate
  private let merges: Bool
  private let place: String
  private var names: [TableName: TableName] = [:]
  private var schemas = SchemaPlans<TableSchema>()
  /// The table of the source that has each name here.
  private var owners: [TableName: TableName] = [:]

  init(pattern: Regex<AnyRegexOutput>, template: NameTemplate, merges: Bool, place: String) {
    self.pattern = pattern
    self.template = template
    self.merges = merges
    self.place = place
  }

  func name(for table: TableName) -> TableName {
    if let known = names[table] { return known }
    if names.count >= 65_536 { names.removeAll() }
    let name = made(of: table) ?? table
    names[table] = name
    return name
  }

  /// The name that the rule gives; nil when it does not match.
  private func made(of table: TableName) -> TableName? {
    // A pattern's own code may throw; a pattern from a text has none.
    guard let match = try? pattern.wholeMatch(in: table.description) else { return nil }
    return template.name(match.output.map { $0.substring ?? "" })
  }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    let routed = try routed(schema)
    try claim(routed.name, for: origin)
    return routed
  }

  private func routed(_ schema: TableSchema) throws(Failure) -> TableSchema {
    try schemas.plan(for: schema) { schema throws(Failure) in schema.named(name(for: schema.name)) }
  }

  private func claim(_ name: TableName, for origin: TableName) throws(Failure) {
    guard !name.namespace.isEmpty, !name.table.isEmpty else {
      throw Failure(
        .configuration, "`route` leaves nothing of the name", at: "table \"\(origin)\"",
        hint: "a capture that may be empty cannot be a whole name: see \(place)")
    }
    let owner = owners[name, default: origin]
    guard owner == origin || merges else {
      throw Failure(
        .configuration, "`route` leads this table and \"\(owner)\" to the same name \"\(name)\"",
        at: "table \"\(origin)\"",
        hint: "give them different names, or set `merge: true` in \(place) when their rows belong together")
    }
    owners[name] = owner
  }

  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    let table = name(for: change.table)
    if merges, table != change.table { try refusePart(change, table) }
    // Another table may come to have the name, also within the same statement.
    if change.kind == .drop || change.kind == .rename { owners[table] = nil }
    var change = change
    change.table = table
    if let before = change.before { change.before = try routed(before) }
    if let after = change.after { change.after = try schema(for: after, origin: origin) }
    return change
  }

  /// Names are all that changes.
  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {}

  /// A part of a merged table cannot go alone: its rows are not known apart from the others.
  private func refusePart(_ change: SchemaChange, _ routed: TableName) throws(Failure) {
    let moves = change.kind == .rename && change.after.map { name(for: $0.name) != routed } ?? true
    guard change.kind == .drop || change.kind == .truncate || moves else { return }
    throw Failure(
      .schemaChange, "the source has changed a table (\(change.kind.rawValue)) that is only a part of \"\(routed)\"",
      at: "table \"\(change.table)\"",
      hint: "delete its rows at the target by hand, and leave the change out: `only` before `route`")
  }
}
