internal import Change
internal import MariaDBClient
internal import SQLRendering

/// A `mariadb` or `mysql` sink's options, read.
struct MariaDBSinkSettings: Sendable {
  /// When the indexes that are not unique come to be at a table that the sink makes.
  enum IndexCreation: String, CaseIterable, Sendable {
    /// Behind the snapshot's load, several tables at a time.
    case afterLoad = "after_load"
    case withTable = "with_table"
    case none
  }

  var url: MariaDBURL
  var tls = MariaDBTLS()
  /// What becomes of the changes.
  var mode = TargetMode.mirror
  /// The database of the sink's own tables.
  var stateDatabase = "freshet"
  var names = TargetNames()
  var createsTables = true
  /// Whether a table that already holds rows may be taken over; they stay, and only the changes of the source reach them.
  var keepsExistingRows = false
  /// Whether the foreign keys that the target declares are enforced and cascade.
  var foreignKeys = true
  var indexes = IndexCreation.afterLoad
  /// Connections that make indexes at the same time.
  var indexThreads = 2
  /// Writers that apply one group, each with its share of the keys.
  var workers = 1
  /// Seconds for which a statement waits for somebody else's lock.
  var lockWaitSeconds = 50

  init(url: MariaDBURL) { self.url = url }

  /// What a connection is for: it decides how long a silent server is waited for.
  enum Purpose { case rows, definitions }

  /// A new connection to the first server that answers.
  func connect(_ purpose: Purpose) throws(Failure) -> MariaDBConnection {
    var first: Failure?
    for address in url.addresses {
      var options = MariaDBConnectionOptions(address: address, credentials: url.credentials)
      options.tls = tls
      options.readTimeoutSeconds = readTimeoutSeconds(purpose)
      options.initCommands = purpose == .definitions ? definitionCommands : rowCommands
      options.countsFoundRows = purpose == .rows
      options.allowsScripts = purpose == .rows
      do throws(Failure) {
        return try MariaDBConnection(options)
      } catch {
        guard error.code.remedy != .person else { throw error }
        if first == nil { first = error }
      }
    }
    throw first ?? Failure(.configuration, "the url names no host")
  }

  /// How long a server that says nothing is waited for, while it works on a statement or is gone.
  func readTimeoutSeconds(_ purpose: Purpose) -> UInt32 {
    switch purpose {
    // A row without a key is searched in the whole table; a cancellation does not wait.
    case .rows: UInt32(clamping: lockWaitSeconds + 3600)
    // A table of any size may be altered.
    case .definitions: 7 * 86_400
    }
  }

  /// How a session that changes shapes is set up: names and texts mean what they say, a conversion of values gives what it
  /// gave at the source, strict there or not, dates that are on no calendar stay what they are, and no reference hinders
  /// what the source has done.
  private var definitionCommands: [String] {
    [
      "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
      "SET SESSION foreign_key_checks = 0",
      "SET SESSION time_zone = '+00:00'",
      "SET SESSION auto_increment_increment = 1, auto_increment_offset = 1",
      // It may be a month until the next one.
      "SET SESSION wait_timeout = 31536000",
      "SET SESSION lock_wait_timeout = \(max(1, lockWaitSeconds))",
    ]
  }
}
