import Change
import MessageDigest

/// Hides values, in rows before and after a change alike: by a keyed hash, by what is left of them, or altogether.
///
/// A hash keeps what is equal equal and what is different different: keys and joins still work. It tells nothing without the
/// secret; with it, whoever can guess a value can check the guess.
struct Mask: Verb {
  let name = "mask"
  let summary = "Hides the values of columns."
  let options = [
    Option("table", .list(.string), isRequired: true, "Globs of schema.table."),
    Option(
      "columns", .anything, isRequired: true,
      "A block: the name of a column, and hash, last4, redact, null or { truncate: N }."),
    Option("secret", .string, "The key of hash, at least 16 bytes: HMAC-SHA-256 in hexadecimal digits."),
    MissingColumns.option,
  ]

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    let tables = TransformTables(block, &problems)
    guard let node = block.node("columns"), case .map(let entries) = node.content, !entries.isEmpty else {
      problems.note(
        Failure(
          .configuration, "\"columns\" must be a block of columns and what to do with them",
          at: block.place(of: "columns"), hint: "columns: { email: hash, card: last4 }"))
      return nil
    }
    var rules: [MaskRule] = []
    var names: Set<String> = []
    for entry in entries {
      if !names.insert(entry.key.lowercased()).inserted {
        problems.note(
          Failure(
            .configuration, "column \(NearestName.quoted(entry.key)) is masked twice in one block",
            at: entry.keyPlace))
      }
      guard let action = problems.value(try MaskAction(entry.value)) else { continue }
      rules.append(MaskRule(column: entry.key, action: action, place: entry.keyPlace.description))
    }
    let secret = block.string("secret").map { Secret($0) }
    if rules.contains(where: { $0.action == .hash }), (secret?.reveal().utf8.count ?? 0) < 16 {
      problems.note(
        Failure(
          .configuration, "`hash` needs a \"secret\" of at least 16 bytes", at: block.place(of: "secret"),
          hint: "secret: \"${MASK_SECRET}\"; whoever has it can check guesses, so keep it out of the file"))
    }
    return MaskDefinition(
      tables: tables, rules: rules, secret: secret ?? Secret(""), missing: MissingColumns(block, tables))
  }
}

struct MaskRule: Sendable {
  let column: String
  let action: MaskAction
  /// Of the column's name.
  let place: String
}

/// What is left of a value. NULL stays NULL under each of them.
enum MaskAction: Hashable, Sendable {
  /// The hexadecimal digits of its HMAC-SHA-256.
  case hash
  /// `***` and the last four characters; of a shorter one, `***`.
  case last4
  /// `***`.
  case redact
  /// NULL.
  case null
  /// Its first characters, or bytes.
  case truncate(Int)

  static let names = ["hash", "last4", "redact", "null", "truncate"]

  init(_ node: OptionNode) throws(Failure) {
    switch node.content {
    case .scalar("hash", _): self = .hash
    case .scalar("last4", _): self = .last4
    case .scalar("redact", _): self = .redact
    case .scalar("null", _), .empty: self = .null
    case .map(let entries) where entries.count == 1 && entries[0].key == "truncate":
      guard let length = entries[0].value.text.flatMap({ Int($0) }), (0...65_535).contains(length) else {
        throw Failure(
          .configuration, "\"truncate\" must be an integer from 0 to 65535", at: entries[0].value.place)
      }
      self = .truncate(length)
    default:
      let near = node.text.map { NearestName.suggestion(for: $0, in: MaskAction.names) } ?? ""
      throw Failure(
        .configuration, "\(node.described) is no way to mask a column\(near)", at: node.place,
        hint: "hash, last4, redact, null, or { truncate: N }")
    }
  }
}

private struct MaskDefinition: TransformDefinition {
  let tables: TransformTables
  let rules: [MaskRule]
  let secret: Secret
  let missing: MissingColumns

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    MaskTransform(
      tables: tables, rules: rules, hash: KeyedHash(key: Array(secret.reveal().utf8)),
      warnings: MissingColumnWarnings(verb: "mask", missing, context.logger))
  }
}

private final class MaskTransform: Transform {
  private let tables: TransformTables
  private let rules: [MaskRule]
  private let hash: KeyedHash
  private let warnings: MissingColumnWarnings
  private var plans = SchemaPlans<MaskPlan?>()
  private var waiting = WaitingHashes()

  init(tables: TransformTables, rules: [MaskRule], hash: KeyedHash, warnings: MissingColumnWarnings) {
    self.tables = tables
    self.rules = rules
    self.hash = hash
    self.warnings = warnings
  }

  func hides(_ table: TableName) -> Bool { tables.includes(table) }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    try plan(schema)?.target ?? schema
  }

  func checkNames() throws(Failure) { try warnings.checkNames() }

  private func plan(_ schema: TableSchema) throws(Failure) -> MaskPlan? {
    try plans.plan(for: schema) { schema throws(Failure) in
      guard tables.includes(schema.name) else { return nil }
      var columns: [(column: MaskedColumn, place: String)] = []
      for rule in rules {
        guard let index = try warnings.column(rule.column, of: schema, at: rule.place) else { continue }
        columns.append((MaskedColumn(index: index, action: rule.action), rule.place))
      }
      return columns.isEmpty ? nil : try MaskPlan(schema, columns, hash)
    }
  }

  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    if let after = change.after {
      try refuseExposure(change, after)
      if tables.includes(after.name) {
        try refuseRenaming(change, after)
        if let before = change.before {
          try refuseLoss(before, after)
          try refuseOtherTexts(before, after)
        }
      }
    }
    var masked = try reshaped(change, origin: origin) { name in
      rules.contains { $0.column.lowercased() == name.lowercased() }
    }
    if let before = change.before, let after = change.after, let plan = try plan(after) {
      masked.after = try plan.filling(addedTo: before, in: after, change.words, hash)
    }
    // Its text may hold what is masked: a default, a condition, a comment.
    if masked.isReshaped(from: change) { masked.statement = "" }
    return masked
  }

  /// A masked column that gets a name which the block does not cover would show its values from there on.
  private func refuseRenaming(_ change: SchemaChange, _ after: TableSchema) throws(Failure) {
    func isMasked(_ name: String) -> Bool { rules.contains { $0.column.lowercased() == name.lowercased() } }
    for pair in change.words.renamedColumns where isMasked(pair.old) && !isMasked(pair.new) {
      throw Failure(
        .schemaChange, "the source has renamed column \"\(pair.old)\", which `mask` hides, to \"\(pair.new)\"",
        at: "table \"\(after.name)\"", hint: "name the new column in the `mask` block, too")
    }
  }

  /// A masked table that gets a name which the block does not cover would show its values from there on.
  private func refuseExposure(_ change: SchemaChange, _ after: TableSchema) throws(Failure) {
    let before = change.before?.name ?? change.table
    guard before != after.name, tables.includes(before), !tables.includes(after.name) else { return }
    guard rules.contains(where: { (change.before ?? after).column(named: $0.column) != nil }) else { return }
    throw Failure(
      .schemaChange, "the source has renamed table \"\(before)\", of which `mask` hides columns, to \"\(after.name)\"",
      at: "table \"\(after.name)\"", hint: "name the new table in the `mask` block, too")
  }

  /// A masked column that is gone, while another came, may have been renamed: its values would flow under the new name.
  private func refuseLoss(_ before: TableSchema, _ after: TableSchema) throws(Failure) {
    let names = Set(before.columns.map { $0.name.lowercased() })
    guard after.columns.contains(where: { !names.contains($0.name.lowercased()) }) else { return }
    for rule in rules where before.column(named: rule.column) != nil && after.column(named: rule.column) == nil {
      throw Failure(
        .schemaChange, "the source has taken column \"\(rule.column)\" away, which `mask` hides, and has added another",
        at: "table \"\(after.name)\"",
        hint: "if it was renamed, name the new column in the `mask` block; otherwise take the old one out of it")
    }
  }

  /// Rows that are at the targets keep the hashes of their old texts: where the source writes all values anew, equal ones
  /// would be different from then on, and a key would not be found.
  private func refuseOtherTexts(_ before: TableSchema, _ after: TableSchema) throws(Failure) {
    for rule in rules where rule.action == .hash {
      guard let old = before.column(named: rule.column), let new = after.column(named: rule.column),
        !after.columns[new].type.keepsTexts(of: before.columns[old].type)
      else { continue }
      throw Failure(
        .schemaChange, "column \"\(rule.column)\", which `mask` hashes, has another type, and its values other texts",
        at: "table \"\(after.name)\"", hint: "take a new snapshot of the table")
    }
  }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    var masked: [[MaskedColumn]] = []
    var isNeeded = false
    for (index, schema) in schemas.enumerated() {
      let plan = draft.schemas[index] === schema ? nil : try plan(schema)
      masked.append(plan?.columns ?? [])
      isNeeded = isNeeded || plan != nil
    }
    guard isNeeded else { return }
    var writer = MaskWriter(hash: hash)
    waiting.removeAll()
    swap(&writer.arena, &draft.arena)
    defer { swap(&writer.arena, &draft.arena) }
    try draft.cells.withUnsafeMutableBufferPointer { (cells) throws(Failure) in
      try draft.changes.withUnsafeBufferPointer { (changes) throws(Failure) in
        var first = 0
        while first < changes.count {
          // Runs of changes of one schema are the rule. A schema change is no row, and a run of its own.
          let schema = changes[first].schema
          let isRow = changes[first].operation != .schema
          var end = first + 1
          while isRow, end < changes.count, changes[end].operation != .schema, changes[end].schema == schema {
            end += 1
          }
          for column in isRow ? masked[Int(schema)] : [] {
            try writer.mask(UnsafeBufferPointer(rebasing: changes[first..<end]), column, cells, &waiting)
          }
          first = end
        }
      }
      try writer.finish(cells, &waiting)
    }
  }
}
