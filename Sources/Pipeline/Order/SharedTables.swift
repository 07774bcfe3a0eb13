import Change
import Foundation
import Glibc

/// Which sources bring rows of each table of the targets, so that none empties what others have brought.
///
/// A source counts from its first row on, in the one order: after a restart the changes of others that came before that row
/// come again, and were right. *Durability*: a pair of table and source is in the state directory, one line of JSON each, with
/// the time of that row, before it goes on.
/// *Thread*: one at a time.
final class SharedTables {
  private let directory: String
  private let path: String
  private let names: [String]
  private let chain: TransformChain
  /// Where the tables are noted that several sources bring; nil: nobody asks.
  private let merged: MergedTables?
  /// The commit time of each source's first row.
  private var owners: [TableName: [String: EventTime]] = [:]
  /// The schemas that each source has shown last, by identity.
  private var seen: [Set<ObjectIdentifier>]
  /// Keeps what `seen` names: one of each table.
  private var schemas: [[TableName: TableSchema]]

  /// - Parameters:
  ///   - names: of the sources.
  ///   - merged: where the tables are noted that several sources bring; nil: nobody asks.
  init(directory: String, names: [String], chain: TransformChain, merged: MergedTables?) throws(Failure) {
    self.directory = directory
    path = "\(directory)/merged-tables"
    self.names = names
    self.chain = chain
    self.merged = merged
    seen = Array(repeating: [], count: names.count)
    schemas = Array(repeating: [:], count: names.count)
    try read()
    for (table, sources) in owners where sources.count > 1 { merged?.insert(table) }
  }

  /// Notes what parts of a batch of a source hold, right before they go on: in the order of all sources.
  /// - Returns: whether everything in the batch is known, so that its other parts need not be noted.
  /// - Throws: `.schemaChange` when they would take away rows that others have brought.
  func note(_ batch: Batch, parts: Range<Int>, of source: Int) throws(Failure) -> Bool {
    let unseen = batch.schemas.map { !seen[source].contains(ObjectIdentifier($0)) }
    guard unseen.contains(true) || !batch.schemaChanges.isEmpty else { return true }
    for part in batch.transactions[parts] {
      for change in batch.changes[part.range] {
        if change.operation == .schema {
          try check(batch.schemaChanges[Int(change.row)], of: source, at: part.commitTime)
        } else if unseen[Int(change.schema)] {
          // What a snapshot reads has no time: it may have been there before anything else.
          try note(
            batch.schemas[Int(change.schema)], of: source, at: part.isSnapshot ? .distantPast : part.commitTime)
        }
      }
    }
    return false
  }

  private func note(_ schema: TableSchema, of source: Int, at time: EventTime) throws(Failure) {
    guard seen[source].insert(ObjectIdentifier(schema)).inserted else { return }
    if let old = schemas[source].updateValue(schema, forKey: schema.name) { seen[source].remove(ObjectIdentifier(old)) }
    let table = chain.name(for: schema.name)
    if chain.leavesOutDeletions(schema.name) { merged?.leaveUnwatched(table) }
    if let known = owners[table]?[names[source]], known <= time { return }
    owners[table, default: [:]][names[source]] = time
    try append(table, names[source], time)
    if owners[table, default: [:]].count > 1 { merged?.insert(table) }
  }

  /// Whether the first row of a source comes before a change of another one.
  private func comes(_ first: (name: String, time: EventTime), before change: (source: Int, time: EventTime)) -> Bool {
    guard first.time == change.time, let place = names.firstIndex(of: first.name) else {
      return first.time <= change.time
    }
    return place < change.source
  }

  private func check(_ change: SchemaChange, of source: Int, at time: EventTime) throws(Failure) {
    guard [.drop, .truncate, .rename].contains(change.kind) else { return }
    let table = chain.name(for: change.table)
    let others = (owners[table] ?? [:]).filter { name, first in
      name != names[source] && comes((name, first), before: (source, time))
    }
    guard let other = others.keys.min() else { return }
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
          throw Failure.systemCall("cannot cut the list of merged tables", at: path)
        }
      }
      for line in bytes.split(separator: UInt8(ascii: "\n")) {
        let parts = try JSONDecoder().decode([String].self, from: Data(line))
        guard parts.count == 4, let time = Int64(parts[3]) else {
          throw Failure(
            .corruptState, "the list of merged tables has a line that makes no sense", at: path,
            hint: "put the file back, or reset the pipeline's sinks")
        }
        let table = TableName(namespace: parts[0], table: parts[1])
        let known = owners[table]?[parts[2]] ?? EventTime(microseconds: .max)
        owners[table, default: [:]][parts[2]] = min(known, EventTime(microseconds: time))
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.corruptState, "the list of merged tables cannot be read", at: path, cause: "\(error)")
    }
  }

  private func append(_ table: TableName, _ source: String, _ time: EventTime) throws(Failure) {
    do {
      let parts = [table.namespace, table.table, source, "\(time.microseconds)"]
      let line = try JSONEncoder().encode(parts) + Data("\n".utf8)
      // Made when it is missing, for this user only; the handle below tells when that did not work.
      let descriptor = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
      if descriptor >= 0 { close(descriptor) }
      // A run before this one may have made it and died.
      try DurableDirectory.sync(directory)
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      defer { file.closeFile() }
      try file.seekToEnd()
      try file.write(contentsOf: line)
      try file.synchronize()
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.inputOutput, "cannot note which sources bring a table", at: path, cause: "\(error)")
    }
  }
}
