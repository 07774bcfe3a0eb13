package import Change
internal import MariaDBClient
package import Pipeline

extension MariaDBSourceOptions {
  package static let declared: [Option] = [
    Option(
      "url", .url,
      "Server, user and password: mariadb://user:password@host:3306/; several hosts of one history are separated by commas."
    ),
    Option("files", .list(.path), "Binary log files to read instead of a server, in their order."),
    Option("tables", .list(.string), "Tables to read, as globs over schema.table; ! excludes, the last match decides."),
    Option(
      "snapshot", .either([.choice(SnapshotMode.allCases.map(\.rawValue)), .block(snapshotOptions)]),
      default: "initial",
      "Whether and how the tables are read before their changes."),
    Option(
      "start", .either([.choice(["earliest", "latest"]), .block(startOptions)]),
      "Where to begin in the log when there is no checkpoint; no snapshot is taken then."),
    Option(
      "heartbeat", .duration, default: "1s",
      "How often an idle server tells that it is alive; three missed ones break the connection."),
    Option(
      "heartbeat_table", .string,
      "A table that the source updates itself, schema.table, for event times finer than a second."),
    Option("tls", .block(tlsOptions), "How the connection is encrypted."),
    Option(
      "server_id", .integer(1...4_294_967_295),
      "The id under which the source registers at the server; unlike that of any replica."),
  ]

  private static let snapshotOptions: [Option] = [
    Option(
      "mode", .choice(SnapshotMode.allCases.map(\.rawValue)), default: "initial",
      "initial: before the first change; never; only: then end; when_needed: also when the log was purged."),
    Option("threads", .integer(1...64), default: "4", "Connections that read chunks at the same time."),
    Option("chunk_rows", .integer(1...10_000_000), default: "50000", "Rows of a chunk of a table with a key."),
  ]

  private static let startOptions: [Option] = [
    Option("gtid", .string, "The transactions that are not wanted any more: 0-1-42, or uuid:1-42."),
    Option("file", .string, "The log file to begin in."),
    Option("offset", .integer(4...Int.max), default: "4", "The offset in that file, between two transactions."),
  ]

  static let tlsOptions: [Option] = [
    Option(
      "mode", .choice(MariaDBTLS.Mode.allCases.map(\.rawValue)),
      "Whether to encrypt, and what to check; without it: disabled on this machine, verify-identity elsewhere."
    ),
    Option("ca", .path, "Certificates of the authorities to trust."),
    Option("certificate", .path, "The client's certificate."),
    Option("key", .path, "The client's private key."),
  ]

  package init(_ block: OptionBlock) throws(Failure) {
    let files = block.strings("files").map(\.text)
    if !files.isEmpty {
      if block.has("url") {
        throw Failure(.configuration, "\"files\" and \"url\" exclude each other", at: block.place(of: "files"))
      }
      self.init(files: files)
      snapshotMode = .never
    } else {
      let text = try block.require(block.string("url"), "url")
      do throws(Failure) {
        self.init(url: try MariaDBURL(text))
      } catch {
        throw error.at(block.place(of: "url"))
      }
    }
    for (pattern, place) in block.strings("tables") {
      guard pattern.contains(where: { ".*?".contains($0) }) else {
        throw Failure(
          .configuration, "the pattern matches no table: patterns are over schema.table", at: place.description,
          hint: "all tables of a schema: SCHEMA.*")
      }
      tables.append(pattern)
    }
    try readSnapshot(block)
    try readStart(block)
    heartbeat = block.duration("heartbeat") ?? heartbeat
    guard (10_000_000...3_600_000_000_000).contains(heartbeat) else {
      throw Failure(.configuration, "\"heartbeat\" is from 10ms to 1h", at: block.place(of: "heartbeat"))
    }
    if let table = block.string("heartbeat_table") { heartbeatTable = try MariaDBSourceOptions.table(table, block) }
    tls = MariaDBTLS(block.block("tls"))
    serverId = block.integer("server_id").map { UInt32($0) }
  }

  private mutating func readSnapshot(_ block: OptionBlock) throws(Failure) {
    let nested = block.block("snapshot")
    let mode = nested?.string("mode") ?? (nested == nil ? block.string("snapshot") : nil)
    if let mode = mode.flatMap(SnapshotMode.init(rawValue:)), files.isEmpty { snapshotMode = mode }
    if !files.isEmpty, block.has("snapshot"), mode != "never" {
      throw Failure(.configuration, "log files have no snapshot", at: block.place(of: "snapshot"))
    }
    snapshotThreads = nested?.integer("threads") ?? snapshotThreads
    chunkRows = nested?.integer("chunk_rows") ?? chunkRows
  }

  private mutating func readStart(_ block: OptionBlock) throws(Failure) {
    guard let nested = block.block("start") else {
      start = block.string("start").flatMap { $0 == "earliest" ? .earliest : $0 == "latest" ? .latest : nil }
      return
    }
    if let gtid = nested.string("gtid") {
      guard !nested.has("file") else {
        throw Failure(.configuration, "\"start\" has either \"gtid\" or \"file\"", at: nested.place)
      }
      do throws(Failure) {
        start = .gtid(try GTIDSet(gtid))
      } catch {
        throw error.at(nested.place(of: "gtid"))
      }
    } else {
      let file = try nested.require(nested.string("file"), "file")
      start = .place(LogPlace(file: file, offset: UInt64(nested.integer("offset") ?? 4)))
    }
  }

  private static func table(_ text: String, _ block: OptionBlock) throws(Failure) -> TableName {
    let parts = text.split(separator: ".", maxSplits: 1)
    guard parts.count == 2 else {
      throw Failure(.configuration, "\"heartbeat_table\" is schema.table", at: block.place(of: "heartbeat_table"))
    }
    return TableName(namespace: String(parts[0]), table: String(parts[1]))
  }
}

extension MariaDBTLS {
  /// What a `tls:` block says; without one, what a connection does by itself.
  init(_ block: OptionBlock?) {
    self.init(
      mode: block?.string("mode").flatMap(MariaDBTLS.Mode.init(rawValue:)), ca: block?.string("ca"),
      certificate: block?.string("certificate"), key: block?.string("key"))
  }
}
