package import Change
package import Logging

/// One verb of a pipeline's `transforms:` at work: changes schemas, and the rows that have them, on their way to the sinks.
///
/// A transform is made for one attempt, used by one thread, and thrown away; what it remembers, it can make again from the
/// schemas that come.
///
/// *Ordering*: the changes that stay are in log order; none moves to another transaction. *Transactions*: every part stays,
/// also one that has no changes left, with its marks and times: positions and checkpoints move although nothing is written.
/// *Accounting*: what is left out is dropped through the draft, which counts it as filtered for every sink, under the
/// table's name at the source. *Determinism*: the same changes give the same result, however they are cut into batches: after
/// a crash they come again. *Cost*: per row a few loads and stores; no allocation, reference count, existential or String.
/// Schemas are rare: work on them may take its time.
package protocol Transform: AnyObject {
  /// What a table looks like behind this transform; the same object where nothing changes. The same schema always gives the
  /// same one. `plan` calls this with every table, before any row comes.
  /// - Parameter origin: the table's name at the source.
  /// - Throws: `.configuration` when the verb does not suit the table, or a column is missing.
  func schema(for schema: TableSchema, origin: TableName) throws(Failure) -> TableSchema

  /// Everything that can be told at once of what `schema(for:origin:)` refuses; empty where it refuses nothing.
  func problems(of schema: TableSchema, origin: TableName) -> [Failure]

  /// Once `schema(for:origin:)` was asked for all tables that there are.
  /// - Throws: `.configuration` when a column is named that none of them has.
  func checkNames() throws(Failure)

  /// A table's name behind this transform.
  func name(for table: TableName) -> TableName

  /// Notes that a table has this name behind the transform. `plan` calls this with every table; while changes flow, the
  /// transform itself does it, in the order of the log.
  /// - Parameters:
  ///   - table: its name in front of the transform, which tables that were merged before have in common.
  ///   - origin: its name at the source.
  /// - Throws: `.configuration` when another table has the name, and must not share it.
  func claim(_ name: TableName, for table: TableName, of origin: TableName) throws(Failure)

  /// Whether the verb hides values of a table that has this name in front of it. What earlier transforms set aside of such a
  /// table then goes without values.
  func hides(_ table: TableName) -> Bool

  /// Whether the verb leaves deletions or truncations of a table out that has this name in front of it.
  func leavesOutDeletions(_ table: TableName) -> Bool

  /// What a schema change is behind this transform; nil: the sinks are not told, and it counts as filtered. It comes before
  /// every row of its batch.
  /// - Parameter origin: the table's name at the source, behind the change.
  func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange?

  /// Changes the rows of a batch.
  /// - Parameters:
  ///   - draft: the batch; its schemas are already those behind this transform.
  ///   - schemas: the schemas before it, by the same indexes: those that the cells have.
  func apply(to draft: BatchDraft, from schemas: [TableSchema]) throws(Failure)
}

extension Transform {
  package func problems(of schema: TableSchema, origin: TableName) -> [Failure] {
    do {
      _ = try self.schema(for: schema, origin: origin)
      return []
    } catch {
      return [error]
    }
  }

  package func checkNames() throws(Failure) {}

  package func name(for table: TableName) -> TableName { table }

  package func claim(_ name: TableName, for table: TableName, of origin: TableName) throws(Failure) {}

  package func hides(_ table: TableName) -> Bool { false }

  package func leavesOutDeletions(_ table: TableName) -> Bool { false }

  package func change(_ change: SchemaChange, origin: TableName) throws(Failure) -> SchemaChange? {
    try reshaped(change, origin: origin)
  }

  /// The change with this transform's schemas and names.
  /// - Parameter hiding: the columns whose values the transform replaces.
  /// - Throws: `.schemaChange` when a generated column was added that the sinks get as a plain one: its values in the rows
  ///   that were there are not in the log.
  package func reshaped(
    _ change: SchemaChange, origin: TableName, hiding isHidden: (String) -> Bool = { _ in false }
  ) throws(Failure) -> SchemaChange {
    let source = change
    var change = change
    change.table = name(for: change.table)
    if let after = change.after { change.after = try schema(for: after, origin: origin) }
    try source.refuseLostValues(change.after, isHidden)
    // What the table was before may be what the verb refuses; then no row of it has passed, and the sinks look for themselves.
    if let before = change.before {
      do { change.before = try schema(for: before, origin: origin) } catch { change.before = nil }
    }
    return change
  }
}

extension SchemaChange {
  /// - Parameter reshaped: what a transform has made of the schema behind the change.
  fileprivate func refuseLostValues(_ reshaped: TableSchema?, _ isHidden: (String) -> Bool) throws(Failure) {
    guard let before, let after, let reshaped, after !== reshaped else { return }
    for column in after.columns where column.generation != .no && before.column(named: column.name) == nil {
      guard !isHidden(column.name), let place = reshaped.column(named: column.name),
        reshaped.columns[place].generation == .no
      else { continue }
      throw Failure(
        .schemaChange, "the values of the generated column \"\(column.name)\", which was added, are not in the log",
        at: "table \"\(after.name)\"",
        hint: "leave the column out with `project`, hide it with `mask`, or take a new snapshot of the table")
    }
  }

  /// Whether a transform has made other schemas of the change's.
  func isReshaped(from change: SchemaChange) -> Bool { before !== change.before || after !== change.after }
}

/// A verb that a pipeline file may use: one file in `Transforms`, one line in `Verbs.all`.
package protocol Verb: Sendable {
  /// The key of the verb's block.
  var name: String { get }
  /// One sentence for `freshet transforms`.
  var summary: String { get }
  var options: [Option] { get }

  /// Reads a block to its end.
  /// - Parameter problems: gets everything that is wrong with it; it has what is wrong with the keys and the types already.
  /// - Returns: nil when a value is missing, which `problems` tells. With any problem it is used by nobody.
  func definition(_ block: OptionBlock, _ problems: inout BlockProblems) -> (any TransformDefinition)?
}

/// A checked block of `transforms:`; makes as many transforms as there are attempts.
package protocol TransformDefinition: Sendable {
  /// Which tables the block is about.
  var tables: TransformTables { get }
  /// Whether tables are behind it that only the rows name.
  var makesTables: Bool { get }

  func makeTransform(_ context: TransformContext) throws(Failure) -> any Transform
}

extension TransformDefinition {
  package var makesTables: Bool { false }
}

/// What a pipeline gives the transforms that it makes.
package struct TransformContext: Sendable {
  package var badRowPolicy: BadRowPolicy
  /// Whether all tables come from one source; of several, each knows only its own.
  package var hasOneSource: Bool
  package var logger: Logger

  package init(badRowPolicy: BadRowPolicy, hasOneSource: Bool, logger: Logger) {
    self.badRowPolicy = badRowPolicy
    self.hasOneSource = hasOneSource
    self.logger = logger
  }
}
