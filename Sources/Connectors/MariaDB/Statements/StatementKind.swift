internal import Change

/// Whether a logged statement changes rows.
enum StatementKind: Hashable {
  case data
  case other

  init(_ statement: SQLTokens) {
    // MariaDB's SET STATEMENT … FOR is logged with a statement of any kind behind it.
    var statement = statement
    if statement.isWord("SET"), statement.isWord("STATEMENT", ahead: 1) {
      statement.skipSetStatement()
      guard !statement.isAtEnd else {
        self = .data
        return
      }
    }
    guard let token = statement.current else {
      self = .other
      return
    }
    // A statement that begins with a parenthesis or with anything strange is taken for data: passing over it could lose some.
    guard token.kind == .word else {
      self = .data
      return
    }
    self = StatementKind.harmless.contains(token.text.uppercased()) ? .other : .data
  }

  /// Statements that change no rows of tables, as far as a log that is written in rows holds them.
  private static let harmless: Set<String> = [
    "ALTER", "ANALYZE", "BACKUP", "BINLOG", "CACHE", "CHECK", "CHECKSUM", "CREATE", "DEALLOCATE", "DROP", "EXPLAIN",
    "FLUSH",
    "GRANT", "INSTALL", "KILL", "LOCK", "OPTIMIZE", "PREPARE", "RENAME", "REPAIR", "RESET", "RESTART", "REVOKE", "SET",
    "SHOW", "SHUTDOWN", "START", "STOP", "TRUNCATE", "UNINSTALL", "UNLOCK", "USE", "ROLLBACK", "COMMIT", "RELEASE",
  ]
}
