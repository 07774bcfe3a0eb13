import Change

/// Chooses a table's columns, their names and their order. What a table is known by, its key, stays.
struct Project: Verb {
  let name = "project"
  let summary = "Chooses a table's columns, their names and their order."
  let options = [
    Option("table", .list(.string), isRequired: true, "Globs of schema.table."),
    Option("include", .list(.string), "The columns that stay; the key must be among them."),
    Option("exclude", .list(.string), "The columns that go; not together with include."),
    Option("rename", .anything, "A block: the name of a column, and its new one."),
    Option("order", .list(.string), "Columns, by their new names, that come first, in this order."),
    MissingColumns.option,
  ]

  func definition(_ block: OptionBlock) throws(Failure) -> any TransformDefinition {
    if block.has("include"), block.has("exclude") {
      throw Failure(
        .configuration, "\"include\" and \"exclude\" exclude each other", at: block.place(of: "exclude"))
    }
    let names = { (option: String) in block.has(option) ? block.strings(option).map(\.text) : nil }
    return ProjectDefinition(
      tables: TransformTables(block), include: names("include"), exclude: names("exclude") ?? [],
      rename: try Project.renames(block), order: names("order") ?? [], missing: MissingColumns(block))
  }

  private static func renames(_ block: OptionBlock) throws(Failure) -> [(old: String, new: String)] {
    guard let node = block.node("rename") else { return [] }
    guard case .map(let entries) = node.content else {
      throw Failure(
        .configuration, "\"rename\" must be a block of names, not \(node.described)", at: node.place,
        hint: "rename: { old: new }")
    }
    var renames: [(old: String, new: String)] = []
    for entry in entries {
      guard let new = entry.value.text, !new.isEmpty, !renames.contains(where: { $0.old == entry.key }) else {
        throw Failure(
          .configuration, "the new name of \(NearestName.quoted(entry.key)) must be one text", at: entry.value.place)
      }
      renames.append((entry.key, new))
    }
    return renames
  }
}

private struct ProjectDefinition: TransformDefinition {
  let tables: TransformTables
  let include: [String]?
  let exclude: [String]
  let rename: [(old: String, new: String)]
  let order: [String]
  let missing: MissingColumns

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    ProjectTransform(self, MissingColumnWarnings(verb: "project", missing, tables, context.logger))
  }

  /// The columns of the result as indexes of the old ones, with their names.
  func columns(
    of schema: TableSchema, _ warnings: MissingColumnWarnings
  ) throws(Failure) -> [(index: Int, name: String)] {
    let place = "table \"\(schema.name)\""
    var kept: [Int] = []
    if let include {
      for name in include {
        if let index = try warnings.column(name, of: schema), !kept.contains(index) { kept.append(index) }
      }
    } else {
      var excluded: Set<Int> = []
      for name in exclude { if let index = try warnings.column(name, of: schema) { excluded.insert(index) } }
      kept = schema.columns.indices.filter { !excluded.contains($0) }
    }
    if let lost = schema.key.first(where: { !kept.contains($0) }) {
      throw Failure(
        .configuration, "`project` leaves out column \"\(schema.columns[lost].name)\", which is part of the key",
        at: place, hint: "without it nothing tells the table's rows apart: keep it, or hide its values with `mask`")
    }
    var columns = kept.map { (index: $0, name: schema.columns[$0].name) }
    for (old, new) in rename {
      guard let index = try warnings.column(old, of: schema) else { continue }
      guard let number = columns.firstIndex(where: { $0.index == index }) else {
        throw Failure(.configuration, "`project` renames column \"\(old)\", which it leaves out", at: place)
      }
      columns[number].name = new
    }
    var seen: Set<String> = []
    for column in columns where !seen.insert(column.name.lowercased()).inserted {
      throw Failure(.configuration, "`project` gives two columns the name \"\(column.name)\"", at: place)
    }
    return try ordered(columns, place, warnings)
  }

  private func ordered(
    _ columns: [(index: Int, name: String)], _ place: String, _ warnings: MissingColumnWarnings
  ) throws(Failure) -> [(index: Int, name: String)] {
    var rest = columns
    var first: [(index: Int, name: String)] = []
    for name in order {
      if let number = rest.firstIndex(where: { $0.name.lowercased() == name.lowercased() }) {
        first.append(rest.remove(at: number))
      } else if !first.contains(where: { $0.name.lowercased() == name.lowercased() }) {
        try warnings.isMissing(name, at: place)
      }
    }
    return first + rest
  }
}

private final class ProjectTransform: Transform {
  private let definition: ProjectDefinition
  private let warnings: MissingColumnWarnings
  private var plans = SchemaPlans<Projection?>()
  private var projections: [Projection?] = []
  private let gatherer = RowGatherer()

  init(_ definition: ProjectDefinition, _ warnings: MissingColumnWarnings) {
    self.definition = definition
    self.warnings = warnings
  }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    try projection(schema)?.target ?? schema
  }

  private func projection(_ schema: TableSchema) throws(Failure) -> Projection? {
    try plans.plan(for: schema) { schema throws(Failure) in
      guard definition.tables.includes(schema.name) else { return nil }
      let columns = try definition.columns(of: schema, warnings)
      if columns.enumerated().allSatisfy({ $0 == $1.index && schema.columns[$0].name == $1.name }),
        columns.count == schema.columns.count
      {
        return nil
      }
      return Projection(schema, columns)
    }
  }

  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    var projected = try reshaped(change, origin: origin)
    guard projected.isReshaped(from: change) else { return projected }
    // It names columns that are left out, or are called something else here: from a renaming of such a one the sinks would
    // take the wrong column for gone.
    projected.statement = ""
    if !definition.rename.isEmpty { projected.words = StatementWords("") }
    return projected
  }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    projections.removeAll(keepingCapacity: true)
    var moves = false
    var gathers = false
    for (index, schema) in schemas.enumerated() {
      // A schema that no row has is as it was.
      let projection = draft.schemas[index] === schema ? nil : try projection(schema)
      projections.append(projection)
      if let projection { if let run = projection.run { moves = moves || run > 0 } else { gathers = true } }
    }
    if gathers {
      gatherer.gather(draft, projections, widths: schemas.map(\.columns.count))
    } else if moves {
      move(draft)
    }
  }

  /// Rows begin at a later cell; no cell is touched.
  private func move(_ draft: BatchDraft) {
    let offsets = projections.map { UInt32($0?.run ?? 0) }
    for index in draft.changes.indices where draft.changes[index].operation != .schema {
      let offset = offsets[Int(draft.changes[index].schema)]
      if draft.changes[index].hasBefore { draft.changes[index].before += offset }
      if draft.changes[index].hasAfter { draft.changes[index].after += offset }
    }
  }
}
