import Change

/// Lets some operations pass and leaves the others out: an archive of inserts, a copy that deletes nothing.
///
/// What changes a table's shape always passes, because the rows behind it need it; a truncation and a drop take rows away,
/// and are operations like the others.
struct Only: Verb {
  let name = "only"
  let summary = "Lets only some operations pass."
  let options = [
    Option("table", .list(.string), default: "*", "Globs of schema.table; other tables are left as they are."),
    Option(
      "operations", .list(.choice(OperationSet.names)), isRequired: true,
      "What passes: insert, update, delete, read (a snapshot's rows), truncate, drop."),
  ]

  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)? {
    let names = block.strings("operations").map(\.text)
    if names.isEmpty {
      problems.note(
        Failure(.configuration, "\"operations\" lets nothing pass", at: block.place(of: "operations")))
    }
    return OnlyDefinition(tables: TransformTables(block, &problems), operations: OperationSet(names))
  }
}

/// The operations that pass.
struct OperationSet: Sendable {
  static let names = ["insert", "update", "delete", "read", "truncate", "drop"]
  private let names: Set<String>

  init(_ names: [String]) { self.names = Set(names) }

  func contains(_ operation: Operation) -> Bool {
    switch operation {
    case .insert: names.contains("insert")
    case .update: names.contains("update")
    case .delete: names.contains("delete")
    case .read: names.contains("read")
    case .schema: true
    }
  }

  func contains(_ kind: SchemaChange.Kind) -> Bool {
    switch kind {
    case .create, .alter, .rename: true
    case .drop: names.contains("drop")
    case .truncate: names.contains("truncate")
    }
  }
}

private struct OnlyDefinition: TransformDefinition {
  let tables: TransformTables
  let operations: OperationSet

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform {
    OnlyTransform(tables: tables, operations: operations)
  }
}

private final class OnlyTransform: Transform {
  private let tables: TransformTables
  private let operations: OperationSet
  /// Whether an operation passes, by its raw value.
  private let passes: [Bool]
  /// Whether the verb is about a table, by the index of its schema.
  private var applies: [Bool] = []

  init(tables: TransformTables, operations: OperationSet) {
    self.tables = tables
    self.operations = operations
    passes = (0...Operation.schema.rawValue).map { Operation(rawValue: $0).map(operations.contains) ?? true }
  }

  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema { schema }

  func leavesOutDeletions(_ table: TableName) -> Bool {
    tables.includes(table) && !(operations.contains(.delete) && operations.contains(.truncate))
  }

  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    operations.contains(change.kind) || !tables.includes(change.table) ? change : nil
  }

  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure) {
    applies.removeAll(keepingCapacity: true)
    for schema in schemas { applies.append(tables.includes(schema.name)) }
    guard applies.contains(true) else { return }
    draft.filter { change in
      passes[Int(change.operation.rawValue)] || !applies[Int(change.schema)]
    }
  }
}
