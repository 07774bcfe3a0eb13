import Change
import Foundation
import Glibc

/// Which sources bring rows of each table of the targets, so that none empties what others have brought.
///
/// *Durability*: a pair of table and source is in the state directory, one line of JSON each, before its first row goes on.
/// *Thread*: one at a time.
final class SharedTables {
  private let path: String
  private let names: [String]
  private let chain: TransformChain
  /// Where the tables are noted that several sources bring; nil: nobody asks.
  private let merged: MergedTables?
  private var owners: [TableName: Set<String>] = [:]
  /// The schemas that each source has shown, by identity.
  private var seen: [Set<ObjectIdentifier>]
  /// Keeps what `seen` names.
  private var schemas: [TableSchema] = []

  /// - Parameters:
  ///   - names: of the sources.
  ///   - merged: where the tables are noted that several sources bring; nil: nobody asks.
  init(directory: String, names: [String], chain: TransformChain, merged: MergedTables?) throws(Failure) {
    path = "\(directory)/merged-tables"
    self.names = names
    self.chain = chain
    self.merged = merged
    seen = Array(repeating: [], count: names.count)
    try read()
    for (table, sources) in owners where sources.count > 1 { merged?.insert(table) }
  }

  /// Notes what parts of a batch of a source hold, right before they go on: in the order of all sources.
  /// - Throws: `.schemaChange` when they would take away rows that others have brought.
  func note(_ batch: Batch, parts: Range<Int>, of source: Int) throws(Failure) {
    let unseen = batch.schemas.map { !seen[source].contains(ObjectIdentifier($0)) }
    guard unseen.contains(true) || !batch.schemaChanges.isEmpty else { return }
    for part in batch.transactions[parts] {
      for change in batch.changes[part.range] {
        if change.operation == .schema {
          try check(batch.schemaChanges[Int(change.row)], of: source)
        } else if unseen[Int(change.schema)] {
          try note(batch.schemas[Int(change.schema)], of: source)
        }
      }
    }
  }

  private func note(_ schema: TableSchema, of source: Int) throws(Failure) {
    guard seen[source].insert(ObjectIdentifier(schema)).inserted else { return }
    schemas.append(schema)
    let table = chain.name(for: schema.name)
    guard owners[table, default: []].insert(names[source]).inserted else { return }
    try append(table, names[source])
    if owners[table, default: []].count > 1 { merged?.insert(table) }
  }

  private func check(_ change: SchemaChange, of source: Int) throws(Failure) {
    guard [.drop, .truncate, .rename].contains(change.kind) else { return }
    let table = chain.name(for: change.table)
    guard let other = owners[table]?.filter({ $0 != names[source] }).min() else { return }
    throw Failure(
      .schemaChange,
      "source \"\(names[source])\" has a \(change.kind.rawValue) of \"\(change.table)\", and \"\(table)\" has rows of \"\(other)\", too",
      at: "table \"\(table)\"",
      hint: "delete the rows instead, or give the source's table a name of its own with `route`")
  }

  private func read() throws(Failure) {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do {
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      // A line that a crash has cut was never relied on.
      let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
      if whole < bytes.count {
        bytes = bytes.prefix(whole)
        guard truncate(path, off_t(whole)) == 0 else {
          throw Failure(
            .inputOutput, "cannot cut the list of merged tables", at: path, cause: String(cString: strerror(errno)))
        }
      }
      for line in bytes.split(separator: UInt8(ascii: "\n")) {
        let parts = try JSONDecoder().decode([String].self, from: Data(line))
        guard parts.count == 3 else { continue }
        owners[TableName(namespace: parts[0], table: parts[1]), default: []].insert(parts[2])
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.corruptState, "the list of merged tables cannot be read", at: path, cause: "\(error)")
    }
  }

  private func append(_ table: TableName, _ source: String) throws(Failure) {
    do {
      let line = try JSONEncoder().encode([table.namespace, table.table, source]) + Data("\n".utf8)
      // Made when it is missing, for this user only; the handle below tells when that did not work.
      let descriptor = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
      if descriptor >= 0 { close(descriptor) }
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      defer { file.closeFile() }
      try file.seekToEnd()
      try file.write(contentsOf: line)
      try file.synchronize()
    } catch {
      throw Failure(.inputOutput, "cannot note which sources bring a table", at: path, cause: "\(error)")
    }
  }
}
