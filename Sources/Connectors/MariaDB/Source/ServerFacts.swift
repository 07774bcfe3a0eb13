internal import Change
internal import MariaDBClient

/// What a server says about itself and its binary log, and what of it stands in the way.
struct ServerFacts: Sendable {
  var isMariaDB: Bool
  var version: String
  var identity: ServerIdentity
  private var variables: [String: String]

  init(_ connection: MariaDBConnection) throws(Failure) {
    isMariaDB = connection.isMariaDB
    version = connection.serverVersion
    variables = [:]
    let names = [
      "server_id", "server_uuid", "log_bin", "binlog_format", "binlog_row_image", "binlog_row_metadata",
      "binlog_checksum", "gtid_mode", "hostname", "log_bin_basename",
    ].map(SQLText.literal).joined(separator: ", ")
    for row in try connection.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN (\(names))") {
      if let name = row[0], let value = row[1] { variables[name] = value }
    }
    identity = ServerIdentity(
      id: variables["server_id"].flatMap { UInt32($0) } ?? 0, uuid: isMariaDB ? "" : variables["server_uuid"] ?? "")
  }

  /// One line for people.
  var description: String { "\(isMariaDB ? "MariaDB" : "MySQL") \(version), server_id \(identity.id)" }

  /// The system as others name it.
  var kind: String { isMariaDB ? "mariadb" : "mysql" }

  /// What the log's files are called without their number.
  var logFileBase: String { variables["log_bin_basename"]?.split(separator: "/").last.map(String.init) ?? "" }

  /// Whether transactions have GTIDs: always at MariaDB.
  var hasGTIDs: Bool { isMariaDB || variables["gtid_mode"] == "ON" }

  /// - Throws: `.serverSetting` for a setting with which the log does not hold all changes as rows.
  func check(at place: String) throws(Failure) {
    guard isOn("log_bin") else {
      throw Failure(
        .serverSetting, "the server writes no binary log (log_bin is off)", at: place,
        hint: "start the server with --log-bin --binlog-format=ROW --binlog-row-metadata=FULL")
    }
    if let format = variables["binlog_format"], format.uppercased() != "ROW" {
      throw Failure(
        .serverSetting, "the server logs statements instead of rows (binlog_format is \(format))", at: place,
        hint: "SET GLOBAL binlog_format=ROW; then let all clients reconnect")
    }
  }

  /// What works, but not as well as it could.
  var warnings: [String] {
    var warnings: [String] = []
    if let image = variables["binlog_row_image"]?.uppercased(), image == "MINIMAL" || image == "NOBLOB" {
      warnings.append(
        "binlog_row_image is \(image): unchanged columns are absent from updates; SET GLOBAL binlog_row_image=FULL gives whole rows"
      )
    }
    let metadata = variables["binlog_row_metadata"]?.uppercased() ?? "not known to this server"
    if metadata != "FULL" {
      warnings.append(
        "binlog_row_metadata is \(metadata): names and keys come from information_schema; SET GLOBAL binlog_row_metadata=FULL puts them into the log"
      )
    }
    return warnings
  }

  /// The checksums that the server writes: they are asked for and verified.
  var checksum: String { variables["binlog_checksum"] ?? "NONE" }

  private func isOn(_ name: String) -> Bool { ["ON", "1"].contains(variables[name]?.uppercased() ?? "") }
}
