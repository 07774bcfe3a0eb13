import Change
import Logging

/// Renames the tables that a rule matches, and sees to it that no two of the source meet in one by mistake.
final class RouteTransform: Transform {
  private let pattern: Regex<AnyRegexOutput>
  private let template: NameTemplate
  private let merges: Bool
  private let place: String
  private let hasOneSource: Bool
  private let logger: Logger
  private var names: [TableName: TableName] = [:]
  private var schemas = SchemaPlans<TableSchema>()
  /// The tables that have each name here: one, unless they are merged.
  private var owners: [TableName: [Owner]] = [:]
  /// What the schema changes of the batch do to names, in log order, until `apply` comes to them.
  private var moves: [Move] = []
  /// By schema, whether its name is known to belong to its table.
  private var isClaimed: [Bool] = []

  private struct Owner {
    /// Its name in front of this transform.
    let table: TableName
    /// Its name at the source; of tables that were merged before, that of any.
    let origin: TableName
  }

  /// What a schema change does to names.
  private struct Move {
    let kind: SchemaChange.Kind
    /// The source's name, the one in front of this transform, and the one behind it, before the change.
    let source: TableName
    let incoming: TableName
    let table: TableName
    /// Behind the change, the name here and who has it.
    let claim: (name: TableName, owner: Owner)?
    let isOfPart: Bool
  }

  init(
    pattern: Regex<AnyRegexOutput>, template: NameTemplate, merges: Bool, place: String, _ context: TransformContext
  ) {
    self.pattern = pattern
    self.template = template
    self.merges = merges
    self.place = place
    hasOneSource = context.hasOneSource
    logger = context.logger
  }

  // MARK: Names

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
    try schemas.plan(for: schema) { schema throws(Failure) in
      let name = name(for: schema.name)
      guard !name.namespace.isEmpty, !name.table.isEmpty else {
        throw Failure(
          .configuration, "`route` leaves nothing of the name of table \"\(origin)\"", at: place,
          hint: "a capture that may be empty cannot be a whole name")
      }
      return schema.named(name)
    }
  }

  func claim(_ name: TableName, for table: TableName, of origin: TableName) throws(Failure) {
    try claim(name, Owner(table: table, origin: origin))
  }

  private func claim(_ name: TableName, _ owner: Owner) throws(Failure) {
    guard let known = owners[name] else { return owners[name] = [owner] }
    // Tables that an earlier verb has made of one, or one of several, belong together already.
    if known.contains(where: { $0.table == owner.table || $0.origin == owner.origin }) { return }
    let origin = owner.origin
    guard merges else {
      throw Failure(
        .configuration,
        "`route` leads \"\(known.lazy.map(\.origin).min() ?? origin)\" and \"\(origin)\" to the same name \"\(name)\"",
        at: place, hint: "give them different names, or set `merge: true` when their rows belong together")
    }
    owners[name, default: []].append(owner)
  }

  // MARK: Changes

  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    let table = name(for: change.table)
    let isOfPart = merges && (made(of: change.table) != nil || (owners[table]?.count ?? 0) > 1)
    var routed = change
    routed.table = table
    if let before = change.before { routed.before = try schema(for: before, origin: origin) }
    if let after = change.after { routed.after = try schema(for: after, origin: origin) }
    if isOfPart {
      try refuseLeaving(change, table)
      let (whole, kept) = try routed.ofPart(change.table)
      routed = whole
      if !kept.isEmpty {
        logger.warning(
          "a part of a merged table has dropped columns, which the table keeps for its other parts",
          metadata: ["table": "\(table)", "part": "\(change.table)", "columns": "\(kept.joined(separator: ", "))"])
      }
    }
    var claim: (TableName, Owner)?
    if let after = change.after { claim = (name(for: after.name), Owner(table: after.name, origin: origin)) }
    moves.append(
      Move(
        kind: change.kind, source: origin, incoming: change.table, table: table, claim: claim, isOfPart: isOfPart))
    return routed
  }

  /// A part of a merged table cannot go alone: its rows are not known apart from the others.
  private func refuseLeaving(_ change: SchemaChange, _ table: TableName) throws(Failure) {
    let leaves = change.kind == .rename && change.after.map { name(for: $0.name) != table } ?? true
    if change.kind == .drop || leaves { throw refusal(change.kind, change.table, table) }
  }

  private func refusal(_ kind: SchemaChange.Kind, _ source: TableName, _ table: TableName) -> Failure {
    Failure(
      .schemaChange, "the source has changed a table (\(kind.rawValue)) that is only a part of \"\(table)\"",
      at: "table \"\(source)\"",
      hint: "delete its rows at the target by hand, and leave the change out: `only` before `route`")
  }

  // MARK: Rows

  /// Of rows, names are all that changes. Whose name is whose is decided in the order of the log.
  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    defer { moves.removeAll(keepingCapacity: true) }
    forgetClaims(schemas.count)
    var next = 0
    for part in draft.transactions {
      let first = next
      for change in draft.changes[part.range] {
        if change.operation == .schema {
          try move(moves[next])
          next += 1
          forgetClaims(schemas.count)
        } else if !isClaimed[Int(change.schema)] {
          let index = Int(change.schema)
          try claim(draft.schemas[index].name, for: schemas[index].name, of: draft.accounts.origins[index])
          isClaimed[index] = true
        }
      }
      try checkTruncations(moves[first..<next], isSnapshot: part.isSnapshot)
    }
  }

  private func forgetClaims(_ count: Int) {
    isClaimed.removeAll(keepingCapacity: true)
    isClaimed.append(contentsOf: repeatElement(false, count: count))
  }

  private func move(_ move: Move) throws(Failure) {
    // Another table may come to have the name, also within the same statement.
    if move.kind == .drop || move.kind == .rename, !move.isOfPart { owners[move.table] = nil }
    if let claim = move.claim { try self.claim(claim.name, claim.owner) }
  }

  /// A snapshot that begins anew empties all tables of the source in one transaction: then a merged one is empty, too, when
  /// all parts of it that are known are among them. Any other truncation is one of a part.
  private func checkTruncations(_ moves: ArraySlice<Move>, isSnapshot: Bool) throws(Failure) {
    for move in moves where move.kind == .truncate && move.isOfPart {
      let emptied = Set(moves.lazy.filter { $0.kind == .truncate && $0.table == move.table }.map(\.incoming))
      let isWhole = owners[move.table]?.allSatisfy { emptied.contains($0.table) } ?? true
      guard isSnapshot, hasOneSource, isWhole else {
        throw refusal(move.kind, move.source, move.table)
      }
    }
  }
}
