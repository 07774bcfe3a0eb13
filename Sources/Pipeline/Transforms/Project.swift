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

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    if block.has("include"), block.has("exclude") {
      problems.note(
        Failure(
          .configuration, "\"include\" and \"exclude\" exclude each other", at: block.place(of: "exclude")))
    }
    let names = { (option: String) in block.strings(option).map { PlacedName(text: $0.text, place: "\($0.place)") } }
    let renames = Project.renames(block, &problems)
    let tables = TransformTables(block, &problems)
    return ProjectDefinition(
      tables: tables, include: block.has("include") ? names("include") : nil, exclude: names("exclude"),
      rename: renames, order: names("order"), missing: MissingColumns(block, tables), place: block.place,
      includePlace: block.place(of: "include"))
  }

  private static func renames(
    _ block: OptionBlock, _ problems: inout BlockProblems
  ) -> [(old: PlacedName, new: String)] {
    guard let node = block.node("rename") else { return [] }
    guard case .map(let entries) = node.content else {
      problems.note(
        Failure(
          .configuration, "\"rename\" must be a block of names, not \(node.described)", at: node.place,
          hint: "rename: { old: new }"))
      return []
    }
    var renames: [(old: PlacedName, new: String)] = []
    for entry in entries {
      guard let new = entry.value.text, !new.isEmpty, !renames.contains(where: { $0.old.text == entry.key }) else {
        problems.note(
          Failure(
            .configuration, "the new name of \(NearestName.quoted(entry.key)) must be one text", at: entry.value.place))
        continue
      }
      renames.append((PlacedName(text: entry.key, place: "\(entry.keyPlace)"), new))
    }
    return renames
  }
}

/// A column's name where it is written.
private struct PlacedName: Sendable {
  let text: String
  let place: String
}

private struct ProjectDefinition: TransformDefinition {
  let tables: TransformTables
  let include: [PlacedName]?
  let exclude: [PlacedName]
  let rename: [(old: PlacedName, new: String)]
  let order: [PlacedName]
  let missing: MissingColumns
  /// Of the block.
  let place: String
  let includePlace: String

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    ProjectTransform(self, MissingColumnWarnings(verb: "project", missing, context.logger))
  }

  /// The columns of the result as indexes of the old ones, with their names.
  func columns(
    of schema: TableSchema, _ warnings: MissingColumnWarnings
  ) throws(Failure) -> [(index: Int, name: String)] {
    var columns = try kept(of: schema, warnings).map { (index: $0, name: schema.columns[$0].name) }
    for (old, new) in rename {
      guard let index = try warnings.column(old.text, of: schema, at: old.place) else { continue }
      guard let number = columns.firstIndex(where: { $0.index == index }) else {
        throw Failure(
          .configuration, "`project` renames column \"\(old.text)\" of table \"\(schema.name)\", which it leaves out",
          at: old.place)
      }
      columns[number].name = new
    }
    var seen: Set<String> = []
    for column in columns where !seen.insert(column.name.lowercased()).inserted {
      let rename = rename.last { $0.new.lowercased() == column.name.lowercased() }
      throw Failure(
        .configuration, "`project` gives two columns of table \"\(schema.name)\" the name \"\(column.name)\"",
        at: rename?.old.place ?? place)
    }
    return try ordered(columns, schema.name, warnings)
  }

  private func kept(of schema: TableSchema, _ warnings: MissingColumnWarnings) throws(Failure) -> [Int] {
    var excluded: [Int: String] = [:]
    var kept: [Int] = []
    if let include {
      for name in include {
        if let index = try warnings.column(name.text, of: schema, at: name.place), !kept.contains(index) {
          kept.append(index)
        }
      }
    } else {
      for name in exclude {
        if let index = try warnings.column(name.text, of: schema, at: name.place) { excluded[index] = name.place }
      }
      kept = schema.columns.indices.filter { excluded[$0] == nil }
    }
    guard let lost = schema.key.first(where: { !kept.contains($0) }) else { return kept }
    throw Failure(
      .configuration,
      "`project` leaves out column \"\(schema.columns[lost].name)\", which is part of the key of table \"\(schema.name)\"",
      at: excluded[lost] ?? includePlace,
      hint: "without it nothing tells the table's rows apart: keep it, or hide its values with `mask`")
  }

  private func ordered(
    _ columns: [(index: Int, name: String)], _ table: TableName, _ warnings: MissingColumnWarnings
  ) throws(Failure) -> [(index: Int, name: String)] {
    var rest = columns
    var first: [(index: Int, name: String)] = []
    for name in order {
      if let number = rest.firstIndex(where: { $0.name.lowercased() == name.text.lowercased() }) {
        warnings.finds(name.place)
        first.append(rest.remove(at: number))
      } else if !first.contains(where: { $0.name.lowercased() == name.text.lowercased() }) {
        try warnings.isMissing(name.text, of: table, with: columns.map(\.name), at: name.place)
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

  func checkNames() throws(Failure) { try warnings.checkNames() }

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
