internal import Change
internal import MariaDBClient
internal import Pipeline
internal import SQLRendering

extension MariaDBSinkSettings {
  static let declared: [Option] = [
    Option(
      "url", .url, isRequired: true,
      "Server, user and password: mariadb://user:password@host:3306/; of several hosts the first that answers."),
    Option("tls", .block(MariaDBSourceOptions.tlsOptions), "How the connection is encrypted."),
    Option(
      "mode", .choice(TargetMode.Kind.allCases.map(\.rawValue)), default: "mirror",
      "mirror: the target's rows are the source's; append: each change is a row; history: each version of a row is one; soft_delete: deleted rows stay, marked."
    ),
    Option(
      "mode_columns", .block(TargetMode.Column.options),
      "Other names for the columns that the mode adds, where the source has their names."),
    Option(
      "state_database", .string, default: "freshet",
      "The database of the sink's own tables: checkpoint, claims, quarantine; no source reads them."),
    Option(
      "table_name", .string, default: "{schema}.{table}",
      "The target's database and table for each of the source's; {schema} and {table} stand for its names. No two may share one."
    ),
    Option(
      "create_tables", .boolean, default: "true", "Create the databases and tables that the target does not have."),
    Option(
      "existing_rows", .choice(["refuse", "keep"]), default: "refuse",
      "Of a table that holds rows which this sink has not written: refuse to write to it, or keep them as if it had."),
    Option(
      "foreign_keys", .boolean, default: "true",
      "Enforce the foreign keys that the target declares, and carry out their cascades."),
    Option(
      "indexes", .choice(IndexCreation.allCases.map(\.rawValue)), default: "after_load",
      "When the source's indexes that are not unique are made: behind the snapshot's load, with each table, or never."),
    Option(
      "index_threads", .integer(1...16), default: "2", "Tables whose indexes are made at the same time behind the load."
    ),
    Option("apply", .block(applyOptions), "How groups are applied."),
    Option(
      "lock_wait_timeout", .duration, default: "50s",
      "How long a statement waits for somebody else's lock before the group is tried again."),
  ]

  private static let applyOptions: [Option] = [
    Option(
      "workers", .integer(1...16), default: "1",
      "Connections that apply a group, each with its share of the keys; with 1 a group is one transaction.")
  ]

  init(_ block: OptionBlock) throws(Failure) {
    let text = try block.require(block.string("url"), "url")
    do throws(Failure) {
      self.init(url: try MariaDBURL(text))
    } catch {
      throw error.at(block.place(of: "url"))
    }
    tls = MariaDBTLS(block.block("tls"))
    mode = try TargetMode(block)
    stateDatabase = block.string("state_database") ?? stateDatabase
    guard !stateDatabase.isEmpty, stateDatabase.unicodeScalars.count <= 64, !stateDatabase.utf8.contains(0) else {
      throw Failure(
        .configuration, "\"state_database\" is a name of 1 to 64 characters", at: block.place(of: "state_database"))
    }
    if let template = block.string("table_name") {
      do throws(Failure) {
        names = try TargetNames(template)
      } catch {
        throw error.at(block.place(of: "table_name"))
      }
    }
    createsTables = block.boolean("create_tables") ?? createsTables
    keepsExistingRows = block.string("existing_rows") == "keep"
    guard mode.kind != .history || !keepsExistingRows else {
      throw Failure(
        .configuration, "`existing_rows: keep` is not for `mode: history`", at: block.place(of: "existing_rows"),
        hint: "a history begins with the rows that this sink writes; keep older ones in another table")
    }
    foreignKeys = block.boolean("foreign_keys") ?? foreignKeys
    indexes = block.string("indexes").flatMap(IndexCreation.init) ?? indexes
    indexThreads = block.integer("index_threads") ?? indexThreads
    workers = block.block("apply")?.integer("workers") ?? workers
    if let nanoseconds = block.duration("lock_wait_timeout") {
      lockWaitSeconds = Int(clamping: max(1, nanoseconds / 1_000_000_000))
    }
  }
}
