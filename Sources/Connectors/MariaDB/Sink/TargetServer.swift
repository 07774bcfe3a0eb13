internal import Change
internal import MariaDBClient

/// What the target's server can hold, asked once a connection.
///
/// *Thread*: the connection's.
final class TargetServer {
  let connection: MariaDBConnection
  let isMariaDB: Bool
  /// `10.11.19` is 101119.
  let version: Int
  /// Whether the server takes names of tables in upper and lower case for one.
  let foldsNames: Bool
  /// Whether the server gives a TIMESTAMP that is NOT NULL and has no default a clock of its own.
  let promotesTimestamps: Bool
  private var collations: [String: Bool] = [:]
  private var references: Set<TableName>?

  init(_ connection: MariaDBConnection) throws(Failure) {
    self.connection = connection
    isMariaDB = connection.isMariaDB
    version = TargetServer.number(connection.serverVersion)
    let settings = try connection.query("SELECT @@lower_case_table_names, @@explicit_defaults_for_timestamp").first
    foldsNames = settings?.first != "0"
    promotesTimestamps = settings?.last == "0"
  }

  /// A number that grows with the version; MariaDB may begin its own with `5.5.5-`.
  static func number(_ text: String) -> Int {
    let own = text.hasPrefix("5.5.5-") ? text.dropFirst(6) : text[...]
    let parts = own.split(separator: ".", maxSplits: 2).map { part in Int(part.prefix { $0.isNumber }) ?? 0 }
    return (parts.first ?? 0) * 10_000 + (parts.dropFirst().first ?? 0) * 100 + (parts.dropFirst(2).first ?? 0)
  }

  /// One line for people.
  var description: String { "\(isMariaDB ? "MariaDB" : "MySQL") \(connection.serverVersion), \(connection.place)" }

  /// The kind of system, as sources name theirs.
  var kind: String { isMariaDB ? "mariadb" : "mysql" }

  /// The name under which two spellings of a table are one at the target.
  func folded(_ name: TableName) -> TableName {
    foldsNames ? TableName(namespace: name.namespace.lowercased(), table: name.table.lowercased()) : name
  }

  var hasUUID: Bool { isMariaDB && version >= 100_700 }
  func hasAddress(_ native: String) -> Bool { isMariaDB && version >= (native == "inet4" ? 101_000 : 100_500) }

  /// Whether the character set and the collation are there and belong together; without a collation the former alone.
  func has(charset: String, collation: String?) throws(Failure) -> Bool {
    let names = [charset, collation].compactMap(\.self)
    guard names.allSatisfy(TargetServer.isPlainName) else { return false }
    let key = names.joined(separator: " ")
    if let known = collations[key] { return known }
    let suffix = collation.map { " COLLATE \($0)" } ?? ""
    var isThere = true
    do throws(Failure) {
      _ = try connection.query("SELECT CONVERT('' USING \(charset))\(suffix)")
    } catch {
      // 1115 unknown character set, 1273 unknown collation, 1253 a collation of another character set.
      guard ["1115 ", "1273 ", "1253 "].contains(where: error.cause.hasPrefix) else { throw error }
      isThere = false
    }
    collations[key] = isThere
    return isThere
  }

  /// Whether a foreign key of any table points to this one. The server has to look through all its tables: asked once.
  func isReferenced(_ table: TableName) throws(Failure) -> Bool {
    if let references { return references.contains(table) }
    var found: Set<TableName> = []
    for row in try connection.query(
      "SELECT UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS")
    {
      if let database = row[0], let name = row[1] { found.insert(TableName(namespace: database, table: name)) }
    }
    references = found
    return found.contains(table)
  }

  /// Asks anew for foreign keys when they are needed next.
  func forgetReferences() { references = nil }

  static func isPlainName(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x5f
      }
  }

  /// What tells this server from every other: the same text at two connections is the same server.
  static func identity(of connection: MariaDBConnection) throws(Failure) -> String {
    let names = ["hostname", "port", "socket", "datadir", "server_id", "server_uuid", "server_uid"]
    var found: [String] = []
    for row in try connection.query(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN (\(names.map(SQLText.literal).joined(separator: ", ")))")
    {
      if let name = row[0], let value = row[1] { found.append("\(name)=\(value)") }
    }
    return found.sorted().joined(separator: "\n")
  }
}
