import Change
import Expressions

/// Gives columns other types, in their places and under their names: an expression's own cast, for each of them.
struct Cast: Verb {
  let name = "cast"
  let summary = "Gives columns other types."
  let options = [
    Option("table", .list(.string), isRequired: true, "Globs of schema.table."),
    Option(
      "columns", .anything, isRequired: true,
      "A block: the name of a column, and its type as in an expression's cast, for example decimal(12,2)."),
    MissingColumns.option,
  ]

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    var columns: [ComputedColumn] = []
    let hint = "columns: { amount: \"decimal(12,2)\", note: bigint }"
    for entry in block.columnTypes("columns", hint: hint, &problems) {
      let value = Expression.quotedName(entry.key)
      guard let expression = problems.value(try Expression.cast(of: value, to: entry.value)) else { continue }
      columns.append(
        ComputedColumn(
          name: entry.key, expression: expression, place: entry.value.place.description, isMade: true))
    }
    let tables = TransformTables(block, &problems)
    return CastDefinition(tables: tables, columns: columns, missing: MissingColumns(block, tables))
  }
}

private struct CastDefinition: TransformDefinition {
  let tables: TransformTables
  let columns: [ComputedColumn]
  let missing: MissingColumns

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    let warnings = MissingColumnWarnings(verb: "cast", missing, context.logger)
    return ComputeTransform("cast", tables, context.badRowPolicy, warnings) { schema throws(Failure) in
      var found: [ComputedColumn] = []
      for column in columns {
        if try warnings.column(column.name, of: schema, at: column.place) != nil { found.append(column) }
      }
      return ComputedColumns(columns: found)
    }
  }
}

extension OptionBlock {
  /// The entries of a block of names and types; none where it is no such block.
  func columnTypes(_ option: String, hint: String, _ problems: inout BlockProblems) -> [OptionNode.Entry] {
    guard let node = node(option), case .map(let entries) = node.content, !entries.isEmpty else {
      problems.note(
        Failure(
          .configuration, "\"\(option)\" must be a block of names and types", at: place(of: option), hint: hint))
      return []
    }
    var names: Set<String> = []
    for entry in entries where !names.insert(entry.key.lowercased()).inserted {
      problems.note(
        Failure(.configuration, "\(NearestName.quoted(entry.key)) is written twice", at: entry.keyPlace))
    }
    return entries
  }
}

extension Expression {
  /// A column's name as expressions quote it.
  static func quotedName(_ name: String) -> String { "`\(name.replacing("`", with: "``"))`" }

  /// The cast of a value, as it is written, to a type that a pipeline file names.
  static func cast(of value: String, to type: OptionNode) throws(Failure) -> Expression {
    let place = type.place.description
    guard let text = type.text else {
      throw Failure(.configuration, "a type is expected here, not \(type.described)", at: place)
    }
    do throws(Failure) {
      let expression = try Expression.parse("cast(\(value) as \(text))")
      // A text could close the cast and go on.
      if case .cast = expression.form { return expression }
    } catch {
      var failure = error
      failure.place = place
      throw failure
    }
    throw Failure(.configuration, "\(NearestName.quoted(text)) is no type", at: place)
  }
}

extension ColumnType {
  /// Whether two values that differ in a column of type `old` differ as well when they are cast to this type, or have no result.
  func keepsApart(valuesOf old: ColumnType) -> Bool {
    switch (old, self) {
    case (.boolean, .integer), (.integer, .integer), (.year, .integer), (.bit, .integer): true
    case (.boolean, .decimal), (.integer, .decimal), (.year, .decimal), (.bit, .decimal): true
    case (.decimal(_, let scale, _), .decimal(_, let newScale, _)): newScale >= scale
    case (.date, .date), (.date, .timestamp): true
    case (.time(let fraction), .time(let newFraction)): newFraction >= fraction
    case (.timestamp(let fraction), .timestamp(let newFraction)): newFraction >= fraction
    case (_, .text(let length)): old.plainTextLength.map { length == 0 || length >= $0 } ?? false
    default: false
    }
  }

  /// How long the text of a value can be at most; nil for types of which different values may have the same.
  private var plainTextLength: Int? {
    switch self {
    case .integer, .year, .bit: 20
    // A sign, a point, and a zero before it.
    case .decimal(let precision, _, _): precision + 3
    case .date: 10
    case .time(let fraction): 10 + (fraction > 0 ? fraction + 1 : 0)
    case .timestamp(let fraction): 19 + (fraction > 0 ? fraction + 1 : 0)
    case .uuid: 36
    default: nil
    }
  }
}
