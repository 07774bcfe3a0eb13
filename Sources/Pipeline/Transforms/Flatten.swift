import Change
import Expressions

/// Makes columns of the fields of a JSON document, where its column was.
///
/// What is no field is NULL, and so is a field that is JSON's null. A value that is no object has no fields: its row is a bad one.
struct Flatten: Verb {
  let name = "flatten"
  let summary = "Makes columns of the fields of a JSON column."
  let options = [
    Option("table", .list(.string), isRequired: true, "Globs of schema.table."),
    Option("column", .string, isRequired: true, "The column with the documents, JSON or text."),
    Option(
      "fields", .anything, isRequired: true,
      "A block: the path of a field, its names with dots between them, and its type as in an expression's cast, or json."
    ),
    Option("prefix", .string, "What the names of the new columns begin with; by default the column's name and _."),
    Option("keep", .boolean, default: "false", "Whether the column with the documents stays."),
    MissingColumns.option,
  ]

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    // One that is missing was told.
    let column = block.string("column") ?? "?"
    let prefix = block.string("prefix") ?? "\(column)_"
    var fields: [ComputedColumn] = []
    var taken: Set<String> = []
    for entry in block.columnTypes("fields", hint: "fields: { city: text, geo.lat: double }", &problems) {
      let names = entry.key.split(separator: ".", omittingEmptySubsequences: false)
      guard !names.contains(where: \.isEmpty), !entry.key.contains("\"") else {
        problems.note(
          Failure(
            .configuration, "\(NearestName.quoted(entry.key)) is not the path of a field", at: entry.keyPlace,
            hint: "names with dots between them; `compute` takes any other path"))
        continue
      }
      let name = prefix + names.joined(separator: "_")
      if !taken.insert(name.lowercased()).inserted {
        problems.note(
          Failure(
            .configuration, "two fields would get the name \(NearestName.quoted(name))", at: entry.keyPlace))
      }
      guard let expression = problems.value(try Flatten.field(names, of: column, entry.value)) else { continue }
      fields.append(
        ComputedColumn(name: name, expression: expression, place: entry.value.place.description, isMade: true))
    }
    let tables = TransformTables(block, &problems)
    guard let notObjects = problems.value(try Flatten.notObjects(column, at: block.place(of: "column"))) else {
      return nil
    }
    return FlattenDefinition(
      tables: tables, column: column, columnPlace: block.place(of: "column"), fields: fields,
      notObjects: notObjects, keeps: block.boolean("keep") ?? false,
      missing: MissingColumns(block, tables))
  }

  private static func field(
    _ names: [Substring], of column: String, _ type: OptionNode
  ) throws(Failure) -> Expression {
    let path = "$" + names.map { ".\"\($0.replacing("'", with: "''"))\"" }.joined()
    // JSON's null is told apart from the text "null" by its quotes.
    let value = "nullif(\(Expression.quotedName(column)) -> '\(path)', 'null')"
    if type.text?.lowercased() == "json" { return try Expression.parse(value) }
    return try Expression.cast(of: "\(value) ->> '$'", to: type)
  }

  private static func notObjects(_ column: String, at place: String) throws(Failure) -> RefusedRows {
    let name = Expression.quotedName(column)
    return RefusedRows(
      condition: try Expression.parse(
        "\(name) is not null and coalesce(\(name) -> '$', '') not like '{%' and coalesce(\(name) -> '$', '') <> 'null'"),
      message: "a value of column \"\(column)\" is no JSON object, and `flatten` is to make columns of its fields",
      place: place)
  }
}

private struct FlattenDefinition: TransformDefinition {
  let tables: TransformTables
  let column: String
  let columnPlace: String
  let fields: [ComputedColumn]
  let notObjects: RefusedRows
  let keeps: Bool
  let missing: MissingColumns

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    FlattenTransform(self, MissingColumnWarnings(verb: "flatten", missing, context.logger), context.badRowPolicy)
  }

  func computed(_ schema: TableSchema, _ warnings: MissingColumnWarnings) throws(Failure) -> ComputedColumns {
    guard let index = try warnings.column(column, of: schema, at: columnPlace) else {
      return ComputedColumns(columns: [])
    }
    guard keeps || !schema.key.contains(index) else {
      throw Failure(
        .configuration,
        "`flatten` leaves out column \"\(column)\", which is part of the key of table \"\(schema.name)\"",
        at: columnPlace, hint: "keep: true")
    }
    for field in fields where schema.column(named: field.name) != nil {
      throw Failure(
        .configuration, "`flatten` makes column \"\(field.name)\", which table \"\(schema.name)\" has already",
        at: field.place, hint: "give the new columns names of their own with `prefix`")
    }
    return ComputedColumns(columns: fields, refused: notObjects)
  }

  /// The columns of the result as indexes of those that are there when the fields were computed: behind all others.
  func columns(of schema: TableSchema, width: Int) -> [(index: Int, name: String)] {
    var order = Array(0..<width)
    if let index = schema.column(named: column) {
      order.insert(contentsOf: width..<schema.columns.count, at: index + 1)
      if !keeps { order.remove(at: index) }
    }
    return order.map { ($0, schema.columns[$0].name) }
  }
}

/// Computes the fields at the end of the rows, and puts them where the document was.
private final class FlattenTransform: Transform {
  private struct Plan {
    let computed: TableSchema
    let projection: Projection
  }

  private let definition: FlattenDefinition
  private let compute: ComputeTransform
  private var plans = SchemaPlans<Plan?>()
  private let gatherer = RowGatherer()

  init(_ definition: FlattenDefinition, _ warnings: MissingColumnWarnings, _ badRows: BadRowPolicy) {
    self.definition = definition
    compute = ComputeTransform("flatten", definition.tables, badRows, warnings) { schema throws(Failure) in
      try definition.computed(schema, warnings)
    }
  }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema {
    try plan(schema, origin)?.projection.target ?? schema
  }

  func checkNames() throws(Failure) { try compute.checkNames() }

  private func plan(_ schema: TableSchema, _ origin: TableName) throws(Failure) -> Plan? {
    try plans.plan(for: schema) { schema throws(Failure) in
      let computed = try compute.schema(for: schema, origin: origin)
      guard computed !== schema else { return nil }
      return Plan(
        computed: computed,
        projection: Projection(computed, definition.columns(of: computed, width: schema.columns.count)))
    }
  }

  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    if let before = change.before, let after = change.after, definition.tables.includes(after.name) {
      try refuseLoss(before, after)
    }
    // What it says of the rows that are there.
    _ = try compute.change(change, origin: origin)
    var flattened = try reshaped(change, origin: origin)
    // It names a column that is not there.
    if flattened.isReshaped(from: change) { flattened.statement = "" }
    return flattened
  }

  /// A document that is gone, while another column came, may have been renamed: its rows would lose it.
  private func refuseLoss(_ before: TableSchema, _ after: TableSchema) throws(Failure) {
    let names = Set(before.columns.map { $0.name.lowercased() })
    guard before.column(named: definition.column) != nil, after.column(named: definition.column) == nil,
      after.columns.contains(where: { !names.contains($0.name.lowercased()) })
    else { return }
    throw Failure(
      .schemaChange,
      "the source has taken column \"\(definition.column)\" away, of which `flatten` makes others, and has added another",
      at: "table \"\(after.name)\"", hint: "change the target and the `flatten` block by hand to the same shape")
  }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    var projections: [Projection?] = []
    var widths: [Int] = []
    for (index, schema) in schemas.enumerated() {
      let plan = draft.schemas[index] === schema ? nil : try plan(schema, draft.accounts.origins[index])
      projections.append(plan?.projection)
      widths.append((plan?.computed ?? schema).columns.count)
    }
    guard projections.contains(where: { $0 != nil }) else { return }
    try compute.apply(to: draft, from: schemas)
    gatherer.gather(draft, projections, widths: widths)
  }
}
