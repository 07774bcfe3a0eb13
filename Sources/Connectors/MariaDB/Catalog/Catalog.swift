internal import Change
internal import MariaDBClient

/// The definitions of a server's tables, versioned by the place of the log from which each holds.
///
/// Known definitions come from memory. A table that is not known, or that a statement of the log may have changed, is
/// asked for over a connection of its own; whether the answer is the definition of that place, or of a later one, is
/// decided by the table map that follows.
/// *Thread*: the decoder's. *Errors*: `hints` cannot throw; `failure` holds what went wrong until the reader asks.
final class Catalog: SchemaProvider {
  struct Version: Hashable {
    /// From here on; nil: from the beginning.
    var place: LogPlace?
    var hints: TableHints
  }

  private(set) var tables: [TableName: [Version]] = [:]
  // Asked for behind each event.
  @exclusivity(unchecked) private(set) var failure: Failure?
  private(set) var isChanged = false
  /// Where the decoder stands.
  var place = LogPlace(file: "", offset: 0)
  /// Tables whose definition was asked for since the last statement that may have changed one.
  private var fresh: Set<TableName> = []
  private var sawDefinition = false
  private let ask: (TableName) throws(Failure) -> TableHints?

  /// Versions of one table that are kept.
  private static let versionLimit = 16

  init(ask: @escaping (TableName) throws(Failure) -> TableHints?) { self.ask = ask }

  /// Takes over what was stored, or what was just read of all tables.
  func load(_ tables: [TableName: [Version]]) { self.tables = tables }

  func insert(_ hints: TableHints, for table: TableName, at place: LogPlace?) {
    var versions = tables[table] ?? []
    if versions.last?.hints == hints { return }
    versions.append(Version(place: place, hints: hints))
    if versions.count > Catalog.versionLimit { versions.removeFirst() }
    tables[table] = versions
    isChanged = true
  }

  func hints(for table: TableName) -> TableHints? {
    if !sawDefinition || fresh.contains(table), let known = known(table) { return known }
    do throws(Failure) {
      let asked = try ask(table)
      fresh.insert(table)
      if let asked { insert(asked, for: table, at: place) }
      return asked ?? known(table)
    } catch {
      failure = error
      return known(table)
    }
  }

  /// The newest definition that holds here; for a place before all of them, the oldest.
  private func known(_ table: TableName) -> TableHints? {
    guard let versions = tables[table] else { return nil }
    let holds = versions.last { version in version.place.map { place.isAtOrAfter($0) } ?? true }
    return (holds ?? versions.first)?.hints
  }

  /// A statement of the log may have changed any definition.
  func definitionsMayHaveChanged() {
    sawDefinition = true
    fresh.removeAll()
  }

  func takeFailure() -> Failure? {
    guard failure != nil else { return nil }
    defer { failure = nil }
    return failure
  }

  func markSaved() { isChanged = false }
}
