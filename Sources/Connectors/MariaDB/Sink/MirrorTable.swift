import Change
import Pipeline
import SQLRendering

/// A table of the target with what waits to be written to it.
final class MirrorTable {
  let target: TargetTable
  /// What its rows are of the source's changes.
  let mode: TargetMode
  /// The columns that are written, in the source's order.
  let columns: [WrittenColumn]
  let keyColumns: [WrittenColumn]
  /// What waits to be applied; nil for a table whose changes are applied one by one.
  let net: NetChange?
  /// `INSERT INTO … (…) VALUES `, and what makes an upsert of it.
  let insertHead: String
  let upsertTail: String
  let deleteHead: String
  /// The statements with a parameter for each value.
  let insertText: String
  let deleteText: String
  /// Set when rows of several sources come to the table.
  var sharing: MergedTables? { didSet { net?.sharing = sharing } }
  /// Whether several writers may each apply some of the keys: no two keys of the source can meet at the target.
  var isShareable: Bool
  /// Whether only the columns that an update has changed may be stored.
  let storesChangedColumns: Bool

  var schema: TableSchema { target.schema }

  init(_ target: TargetTable, segment: Segment, direct: Bool, mode: TargetMode = .mirror) {
    self.target = target
    self.mode = mode
    let schema = target.schema
    let columns = target.columns.map { WrittenColumn($0, of: schema) }
    self.columns = columns
    keyColumns = target.keyColumns.map { WrittenColumn($0, of: schema) }
    storesChangedColumns =
      mode.kind == .mirror && !target.hasOtherUniqueKeys && !target.hasTriggers && !target.computesColumns
    net =
      schema.key.isEmpty || direct
      ? nil
      : NetChange(
        schema: schema, segment: segment, tellsChanges: storesChangedColumns,
        mark: mode.kind == .softDelete ? schema.columns.count - 1 : nil)
    let names = columns.map(\.name).joined(separator: ",")
    insertHead = "INSERT INTO \(target.quotedName) (\(names)) VALUES "
    let key = Set(schema.key)
    var others = columns.filter { !key.contains($0.index) }
    // A row that is all key stays as it is.
    if others.isEmpty { others = Array(columns.prefix(1)) }
    // The key, too: where the target takes two spellings for one key, the row gets the source's.
    let set = (others + columns.filter { key.contains($0.index) && ($0.form == .text || $0.updatesItself) })
    upsertTail =
      " ON DUPLICATE KEY UPDATE " + set.map { "\($0.name)=VALUES(\($0.name))" }.joined(separator: ",")
    deleteHead = "DELETE FROM \(target.quotedName) WHERE "
    insertText = insertHead + "(" + columns.map { _ in "?" }.joined(separator: ",") + ")"
    deleteText = deleteHead + keyColumns.map { "\($0.name)=?" }.joined(separator: " AND ")
    isShareable =
      net != nil && mode.kind != .history && !target.hasOtherUniqueKeys && !target.hasForeignKeys && !target.hasTriggers
      && !target.takesKeysForEqual && !keyColumns.contains { $0.form == .float || $0.form == .double }
  }

  /// What became of the changes that were carried out one by one since the last `takeDirect`.
  private var directOutcome = Outcome()

  func addDirect(_ outcome: Outcome) { directOutcome += outcome }

  func takeDirect() -> Outcome {
    defer { directOutcome = Outcome() }
    return directOutcome
  }

  /// What became of the changes in `net`, all of which were applied, or put aside.
  func outcome(of net: NetChange, quarantined: UInt64) -> Outcome {
    var outcome = Outcome()
    for entry in net.entries {
      if entry.isOwn { outcome.delivered += 1 }
      outcome.superseded += UInt64(entry.count) - (entry.isOwn ? 1 : 0)
    }
    outcome.delivered -= quarantined
    outcome.quarantined = quarantined
    return outcome
  }
}
