import Change
import Foundation
import MariaDBClient
import PrivateServers
import Testing

/// Kills the program on each side of a definition at the target, which no transaction holds together with the checkpoint.
@Suite(.serialized) struct MirrorSchemaChangeKillTests {
  private static let changes = [
    "ALTER TABLE shop.t ADD added INT NOT NULL DEFAULT 3 FIRST, ADD KEY (added)",
    "ALTER TABLE shop.t RENAME COLUMN n TO m, RENAME COLUMN m TO n", "ALTER TABLE shop.t MODIFY v VARCHAR(3)",
    "ALTER TABLE shop.t DROP COLUMN added", "TRUNCATE TABLE shop.t", "RENAME TABLE shop.t TO shop.u, shop.u TO shop.t",
    "DROP TABLE shop.other",
  ]

  @Test(arguments: ["begun", "run", "done"])
  func aSchemaChangeIsCarriedOutOnceWhereverTheProgramIsKilled(moment: String) throws {
    let server = try PrivateMariaDB()
    let target = try PrivateMariaDB(options: ["log_bin": nil, "server_id": "2"])
    let source = try server.client()
    let copy = try target.client()
    try source.execute("SET sql_mode = ''")
    try source.execute("CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    try source.execute(
      "CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20) DEFAULT 'x', n INT, m INT, KEY (v))")
    try source.execute("CREATE TABLE shop.other (id INT PRIMARY KEY)")
    try source.execute("INSERT INTO shop.t (v, n, m) SELECT CONCAT('row ', seq), seq, -seq FROM shop.seq_1_to_300")
    try source.execute("INSERT INTO shop.other VALUES (1)")
    let directory = try TemporaryDirectory(prefix: "freshet-schema-kills")
    let pipeline = try PipelineText.write(
      server, tables: "shop.*", in: directory, sinks: ["{ name: copy, type: mariadb, url: \"\(target.url())\" }"])
    func run(failpoint: String? = nil) throws -> Int32 {
      try FreshetProcess(
        ["run", pipeline, "--until", "now"], log: directory.appending("run.log"), failpoint: failpoint
      ).wait()
    }
    #expect(try run() == 0)
    for change in Self.changes {
      try source.execute("INSERT INTO shop.t (v) VALUES ('a')")
      try source.execute(change)
      try source.execute("INSERT INTO shop.t (v) VALUES ('b')")
      #expect(try run(failpoint: "mariadb.schema_change_\(moment)") == -SIGKILL, "\(change) was not reached")
      #expect(try run() == 0, "\(change)")
      for question in ["SHOW COLUMNS FROM shop.t", "CHECKSUM TABLE shop.t EXTENDED", "SHOW TABLES IN shop"] {
        let expected = try source.query(question)
        #expect(try copy.query(question) == expected, "\(question) after \(change)")
      }
    }
  }
}
