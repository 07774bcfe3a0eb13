extension MariaDBSinkSettings {
  /// What is a mode of every statement that writes rows.
  static let rowModes = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"

  /// How a session that writes rows is set up: every value is stored as it is, or refused; what is no date on any calendar
  /// is a value like others; numbers of rows are the source's; a text is escaped with backslashes.
  var rowCommands: [String] {
    [
      "SET SESSION sql_mode = 'STRICT_ALL_TABLES,\(MariaDBSinkSettings.rowModes)'",
      "SET SESSION foreign_key_checks = \(foreignKeys ? 1 : 0)",
      "SET SESSION time_zone = '+00:00'",
      // Writers that share keys must not meet in the gaps between them.
      "SET SESSION TRANSACTION ISOLATION LEVEL \(workers > 1 ? "READ COMMITTED" : "REPEATABLE READ")",
      "SET SESSION autocommit = 1",
      "SET SESSION wait_timeout = 2147483",
      "SET SESSION innodb_lock_wait_timeout = \(max(1, lockWaitSeconds))",
      "SET SESSION lock_wait_timeout = \(max(1, lockWaitSeconds))",
    ]
  }
}
