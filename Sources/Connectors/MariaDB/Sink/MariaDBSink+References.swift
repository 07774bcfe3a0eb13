import Change
import MariaDBClient
import Pipeline
import SQLRendering

/// When the foreign keys that the target declares are enforced.
///
/// A snapshot brings its tables in any order, and the log's changes that an interrupted one is taken up with meet tables of
/// which a part is there: until it is complete the server does not look at references and carries out no cascade. They are
/// looked at all together, in the transaction whose checkpoint says that the snapshot is complete. What a cascade of the
/// source has done meanwhile to rows that were read before is not in the log: such a row is found then.
extension MariaDBSink {
  /// Chooses for a batch, all of it a snapshot's or none. What is held until here is applied under the choice before.
  func chooseReferences(for batch: Batch, isSnapshot: Bool) async throws {
    guard settings.foreignKeys, isSnapshot == checksReferences else { return }
    if isSnapshot {
      try await applyAll()
      try checkReferences(false)
    } else if try await context.isInsideSnapshot(batch.position) != true {
      try await applyAll()
      try beginReferences()
    }
  }

  /// Goes on as the stored checkpoint says.
  func chooseReferences(at position: Position?) async throws {
    checksReferences = true
    guard settings.foreignKeys, let position, try await context.isInsideSnapshot(position) == true else { return }
    try checkReferences(false)
  }

  /// Whether a position is the first that has the whole snapshot behind it.
  func completesSnapshot(at position: Position) async throws -> Bool {
    if checksReferences { return false }
    return try await context.isInsideSnapshot(position) == false
  }

  private func checkReferences(_ isEnforced: Bool) throws {
    // Tables at which foreign keys begin or end are written by the first writer alone.
    let writer = try opened()
    try writer.answered { () throws(MariaDBError) in
      try writer.runScript("SET SESSION foreign_key_checks = \(isEnforced ? 1 : 0)")
    }
    checksReferences = isEnforced
  }

  /// Looks at all references, in the open transaction, and has each looked at from now on.
  func beginReferences() throws {
    if let broken = try brokenReference() {
      throw Failure(
        .badValue, "\(broken), and the snapshot is complete", at: try opened().connection.place,
        hint:
          "capture the referenced tables too, or set `foreign_keys: false`; where the snapshot was interrupted while "
          + "the source carried out cascades, take it again")
    }
    try checkReferences(true)
  }

  private struct Reference {
    var child: TableName
    var parent: TableName
    var name: String
    var columns: [(own: String, other: String)] = []
  }

  private func brokenReference() throws(Failure) -> String? {
    for reference in try references() {
      var (present, equal): ([String], [String]) = ([], [])
      for (own, other) in reference.columns {
        let own = "c.\(try SQLDialect.mariadb.quoted(own))"
        present.append("\(own) IS NOT NULL")
        equal.append("p.\(try SQLDialect.mariadb.quoted(other)) = \(own)")
      }
      let broken = try opened().connection.query(
        "SELECT 1 FROM \(TargetText.name(reference.child)) AS c WHERE \(present.joined(separator: " AND ")) AND NOT EXISTS "
          + "(SELECT 1 FROM \(TargetText.name(reference.parent)) AS p WHERE \(equal.joined(separator: " AND "))) LIMIT 1"
      )
      guard broken.isEmpty else {
        return "a row of \"\(reference.child)\" references a row of \"\(reference.parent)\" that is not there"
      }
    }
    return nil
  }

  /// The foreign keys that begin at tables of this sink.
  private func references() throws(Failure) -> [Reference] {
    guard let targets else { return [] }
    let own = try targets.claimed()
    var references: [Reference] = []
    for row in try opened().connection.query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, "
        + "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL "
        + "ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION")
    {
      let texts = row.map { $0 ?? "" }
      let child = TableName(namespace: texts[0], table: texts[1])
      guard own.contains(targets.server.folded(child)) else { continue }
      if references.last?.child != child || references.last?.name != texts[2] {
        let parent = TableName(namespace: texts[4], table: texts[5])
        references.append(Reference(child: child, parent: parent, name: texts[2]))
      }
      references[references.count - 1].columns.append((texts[3], texts[6]))
    }
    return references
  }
}
