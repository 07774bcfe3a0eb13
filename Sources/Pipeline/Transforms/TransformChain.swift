package import Change
import Logging

/// A table behind transforms, before any row of it has come.
package struct ShapedTable {
  package internal(set) var name: TableName
  /// Nil where a transform refuses the table.
  package internal(set) var schema: TableSchema?
}

/// A pipeline's transforms in their order: a batch in, the batch that the sinks get out.
///
/// *Thread*: one at a time. *Cost*: a batch that nobody else holds is changed in place; see ``BatchDraft``.
package final class TransformChain {
  private let definitions: [any TransformDefinition]
  private let transforms: [any Transform]
  private let draft = BatchDraft()
  /// How many changes of the transaction at the end of the last batch the sinks got; meaningful while it has not ended.
  private var kept: UInt64 = 0
  /// Which of the draft's schemas its rows have.
  private var used: [Bool] = []
  private var rejections = RejectionTable()
  private let logger: Logger

  package init(_ definitions: [any TransformDefinition], _ context: TransformContext) throws(Failure) {
    logger = context.logger
    self.definitions = definitions
    var transforms: [any Transform] = []
    for definition in definitions { transforms.append(try definition.makeTransform(context)) }
    self.transforms = transforms
  }

  /// What the sinks get of a table.
  package func schema(for schema: TableSchema) throws(Failure) -> TableSchema {
    var result = schema
    for transform in transforms {
      let table = result.name
      result = try transform.schema(for: result, origin: schema.name)
      try transform.claim(result.name, for: table, of: schema.name)
    }
    return result
  }

  /// What the sinks get of the tables that there are, in their order.
  /// - Parameter areAll: whether no other tables can come.
  /// - Throws: `.configuration` for a name in a block that no table, and no column, has.
  package func schemas(for tables: [TableSchema], areAll: Bool) throws(Failure) -> [TableSchema] {
    var problems: [Failure] = []
    let planned = plan(tables, areAll: areAll, &problems)
    if let first = problems.first { throw first }
    return planned.compactMap(\.schema)
  }

  /// What the sinks get of the tables that there are, in their order, and everything that is wrong with that.
  package func plan(_ tables: [TableSchema], areAll: Bool, _ problems: inout [Failure]) -> [ShapedTable] {
    var results = tables.map { ShapedTable(name: $0.name, schema: $0) }
    var areAll = areAll
    for (definition, transform) in zip(definitions, transforms) {
      problems += TransformChain.failure {
        () throws(Failure) in try definition.tables.check(results.map(\.name), areAll: areAll, logger)
      }
      if definition.makesTables { areAll = false }
      for index in tables.indices {
        problems += lead(&results[index], through: transform, origin: tables[index].name)
      }
      // A name that only a table has that is left out is not missing.
      guard results.allSatisfy({ $0.schema != nil }) else { continue }
      problems += TransformChain.failure { () throws(Failure) in try transform.checkNames() }
    }
    return results
  }

  private func lead(_ table: inout ShapedTable, through transform: any Transform, origin: TableName) -> [Failure] {
    let name = table.name
    table.name = transform.name(for: name)
    guard let schema = table.schema else { return [] }
    var problems = transform.problems(of: schema, origin: origin)
    guard problems.isEmpty else {
      table.schema = nil
      return problems
    }
    problems += TransformChain.failure { () throws(Failure) in
      let result = try transform.schema(for: schema, origin: origin)
      table = ShapedTable(name: result.name, schema: result)
      try transform.claim(result.name, for: name, of: origin)
    }
    return problems
  }

  private static func failure(_ body: () throws(Failure) -> Void) -> [Failure] {
    do throws(Failure) {
      try body()
      return []
    } catch {
      return [error]
    }
  }

  /// What a table is called behind all transforms.
  func name(for table: TableName) -> TableName { transforms.reduce(table) { $1.name(for: $0) } }

  /// Whether deletions or truncations of a table are left out.
  func leavesOutDeletions(_ table: TableName) -> Bool {
    var name = table
    for transform in transforms {
      if transform.leavesOutDeletions(name) { return true }
      name = transform.name(for: name)
    }
    return false
  }

  package func apply(to batch: consuming Batch) throws(Failure) -> Batch {
    draft.begin(batch)
    draft.rejected.removeAll()
    swap(&draft.rejected, &draft.accounts.rejected)
    // Rows behind a renaming come under the new name.
    let origins = draft.schemaChanges.map { $0.after?.name ?? $0.table }
    for transform in transforms {
      if !origins.isEmpty { try changeSchemas(transform, origins) }
      findUsedSchemas()
      let before = draft.schemas
      for index in before.indices where used[index] {
        draft.schemas[index] = try transform.schema(for: before[index], origin: draft.accounts.origins[index])
      }
      try transform.apply(to: draft, from: before)
      if !draft.rejected.isEmpty { lead(through: transform) }
    }
    try rejections.claimNames(draft)
    if !draft.rejected.isEmpty { setAside() }
    countPreceding()
    return draft.finish()
  }

  /// What is set aside bears the name that its table gets, and not what is hidden of it.
  private func lead(through transform: any Transform) {
    for index in draft.rejected.indices {
      let table = draft.rejected[index].table
      if transform.hides(table) { draft.rejected[index].key = nil }
      draft.rejected[index].table = transform.name(for: table)
    }
  }

  private func setAside() {
    for (table, entries) in Dictionary(grouping: draft.rejected, by: \.origin) {
      logger.warning(
        "changes were set aside",
        metadata: [
          "table": "\(table)", "rows": "\(entries.count)",
          "aside": "\(entries[0].table)\(RejectionTable.suffix)", "first": "\(entries[0].failure.message)",
        ])
    }
    rejections.append(to: draft)
  }

  private func changeSchemas(_ transform: any Transform, _ origins: [TableName]) throws(Failure) {
    var isDropped = [Bool](repeating: false, count: draft.schemaChanges.count)
    for change in draft.changes where change.operation == .schema {
      let index = Int(change.row)
      if let reshaped = try transform.change(draft.schemaChanges[index], origin: origins[index]) {
        draft.schemaChanges[index] = reshaped
      } else {
        isDropped[index] = true
      }
    }
    guard isDropped.contains(true) else { return }
    draft.filter { change in change.operation != .schema || !isDropped[Int(change.row)] }
  }

  /// A schema that no row has is none of the transforms' business: a source may have left out its rows.
  private func findUsedSchemas() {
    var used = [Bool](repeating: false, count: draft.schemas.count)
    for change in draft.changes where change.operation != .schema { used[Int(change.schema)] = true }
    self.used = used
  }

  /// The sinks number the changes of a transaction: by those that they get, however it was cut into batches.
  private func countPreceding() {
    for index in draft.transactions.indices {
      if draft.transactions[index].begins { kept = 0 }
      draft.transactions[index].preceding = kept
      kept += UInt64(draft.transactions[index].count)
    }
  }
}
