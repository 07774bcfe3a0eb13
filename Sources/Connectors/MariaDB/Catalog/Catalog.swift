internal import Change
internal import MariaDBClient

/// The definitions of a server's tables, versioned by the place of the log from which each holds.
///
/// Known definitions come from memory: from a snapshot, or from the log's own statements. A table that is not known, or
/// that a statement changed in a way that was not understood, is asked for over a connection of its own. The answer is
/// of now, not of the place: where the log has no names it is taken only when the table was not changed since.
/// *Thread*: the decoder's. *Errors*: `hints` cannot throw; `failure` holds what went wrong until the reader asks.
final class Catalog: SchemaProvider {
  struct Version: Hashable {
    /// From here on; nil: from the beginning.
    var place: LogPlace?
    /// Without columns: not known.
    var hints: TableHints
  }

  /// What the server answers.
  struct Answer {
    var hints: TableHints
    /// When the definition came to be, in seconds since 1970; nil: the server does not tell.
    var changed: UInt32?
  }

  private(set) var tables: [TableName: [Version]] = [:]
  // Asked for behind each event.
  @exclusivity(unchecked) private(set) var failure: Failure?
  private(set) var isChanged = false
  /// Tells where the decoder stands: behind the last transaction, and behind the event at hand. Asked only when a
  /// definition is.
  var locate: () -> (place: LogPlace, eventEnd: LogPlace) = {
    (LogPlace(file: "", offset: 0), LogPlace(file: "", offset: 0))
  }
  private var place: LogPlace { locate().place }
  /// When the event at hand was logged, in seconds since 1970. Set for each event.
  @exclusivity(unchecked) var eventTime: UInt32 = 0
  private let ask: (TableName) throws(Failure) -> Answer?

  /// Versions of one table that are kept.
  private static let versionLimit = 16

  init(ask: @escaping (TableName) throws(Failure) -> Answer?) { self.ask = ask }

  /// Takes over what was stored, or what was just read of all tables.
  func load(_ tables: [TableName: [Version]]) { self.tables = tables }

  /// Enters what holds from `place` on, instead of what was said of the same place before.
  func insert(_ hints: TableHints, for table: TableName, at place: LogPlace?) {
    var versions = tables[table] ?? []
    versions.removeAll { $0.place == place }
    // Log that is read again brings versions from before the newest.
    let index = place.flatMap { place in versions.firstIndex { $0.place.map { !place.isAtOrAfter($0) } ?? false } }
    let end = index ?? versions.count
    if end == 0 || versions[end - 1].hints != hints {
      versions.insert(Version(place: place, hints: hints), at: end)
      if versions.count > Catalog.versionLimit { versions.removeFirst() }
    }
    guard versions != tables[table] else { return }
    tables[table] = versions
    isChanged = true
  }

  func hints(for table: TableName, logHasNames: Bool) -> TableHints? {
    if let known = known(table) { return known }
    do throws(Failure) {
      guard let answer = try ask(table) else { return nil }
      if !logHasNames, let changed = answer.changed, changed > eventTime {
        throw Failure(
          .schemaMismatch,
          "table \"\(table)\" was changed after rows that the log holds without column names, and how it was is not known",
          hint: "SET GLOBAL binlog_row_metadata=FULL at the server, and take a new snapshot")
      }
      insert(answer.hints, for: table, at: place)
      return answer.hints
    } catch {
      failure = error
      return nil
    }
  }

  /// One that is not remembered from before here was there when it is older than the event, and has not changed since.
  func earlierHints(for table: TableName) -> TableHints? {
    if let holds = holding(table), !holds.hints.columns.isEmpty { return holds.hints }
    do throws(Failure) {
      guard let answer = try ask(table), let changed = answer.changed, changed < eventTime else { return nil }
      insert(answer.hints, for: table, at: place)
      return answer.hints
    } catch {
      failure = error
      return nil
    }
  }

  func rememberedHints(for table: TableName) -> TableHints? { known(table) }

  func rememberedTables(in database: String) -> [TableName] {
    tables.keys.filter { $0.namespace == database && known($0) != nil }.sorted()
  }

  func remember(_ hints: TableHints, for table: TableName) {
    if known(table) != hints { insert(hints, for: table, at: place) }
  }

  /// From behind the statement on: a restart right before it reads it again, and must find what held there.
  func define(_ table: TableName, as hints: TableHints) { insert(hints, for: table, at: locate().eventEnd) }

  func rememberedCharset(of database: String) -> String? { holding(Catalog.entry(of: database))?.hints.charset }

  func defineDatabase(_ database: String, charset: String?) {
    insert(TableHints(columns: [], charset: charset), for: Catalog.entry(of: database), at: locate().eventEnd)
  }

  /// A database is kept as a table without a name, which no table has.
  private static func entry(of database: String) -> TableName { TableName(namespace: database, table: "") }

  /// A version without columns is kept, so that a restart does not take an older one for what holds.
  func forget(_ table: TableName) {
    if known(table) != nil { insert(TableHints(columns: []), for: table, at: locate().eventEnd) }
  }

  /// The newest definition that holds here; for a place before all of them, the oldest.
  private func known(_ table: TableName) -> TableHints? {
    guard let hints = (holding(table) ?? tables[table]?.first)?.hints, !hints.columns.isEmpty else { return nil }
    return hints
  }

  private func holding(_ table: TableName) -> Version? {
    tables[table]?.last { version in version.place.map { place.isAtOrAfter($0) } ?? true }
  }

  /// - Throws: what `hints` could not tell.
  func checkFailure() throws(Failure) {
    guard let failure else { return }
    self.failure = nil
    throw failure
  }

  func markSaved() { isChanged = false }
}
