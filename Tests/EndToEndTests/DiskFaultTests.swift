import Change
import FilesConnector
import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// The k-th system call below the target fails, for every k that a run reaches: the run ends with a named failure, the
/// target holds a beginning of the log, and the next run completes it with nothing lost and nothing twice.
@Suite(.serialized, .timeLimit(.minutes(10))) struct DiskFaultTests {
  static let log = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
    path: "../../../shared/fixtures/debezium/mariadb/binlog.000001"
  ).standardizedFileURL.path

  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-fault") }

  /// Fails one call of one kind on descriptors below a directory, and says so on standard error.
  private static let shim = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <stdatomic.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    static atomic_int hits;
    static int below(int fd) {
      char link[64], path[4096];
      const char *root = getenv("FAULT_BELOW");
      snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
      ssize_t length = readlink(link, path, sizeof path - 1);
      if (!root || length <= 0) return 0;
      path[length] = 0;
      return !strncmp(path, root, strlen(root));
    }
    static int fails(const char *call, int fd) {
      const char *wanted = getenv("FAULT_CALL");
      if (!wanted || strcmp(wanted, call) || !below(fd)) return 0;
      if (atomic_fetch_add(&hits, 1) + 1 != atoi(getenv("FAULT_VISIT"))) return 0;
      static const char said[] = "fault injected\\n";
      if (write(2, said, sizeof said - 1) < 0) return 0;
      errno = atoi(getenv("FAULT_ERROR"));
      return 1;
    }
    #define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
    ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
      return fails("pwrite", fd) ? -1 : NEXT(pwrite)(fd, bytes, count, at);
    }
    ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
      return fails("pwrite", fd) ? -1 : NEXT(pwrite64)(fd, bytes, count, at);
    }
    int fsync(int fd) { return fails("fsync", fd) ? -1 : NEXT(fsync)(fd); }
    int fdatasync(int fd) { return fails("fsync", fd) ? -1 : NEXT(fdatasync)(fd); }
    int renameat(int a, const char *from, int b, const char *to) {
      return fails("renameat", a) ? -1 : NEXT(renameat)(a, from, b, to);
    }
    int close(int fd) {
      if (!fails("close", fd)) return NEXT(close)(fd);
      int error = errno;
      NEXT(close)(fd);
      errno = error;
      return -1;
    }
    """

  private func buildShim() throws -> String {
    let (source, library) = (directory.appending("shim.c"), directory.appending("shim.so"))
    try DiskFaultTests.shim.write(toFile: source, atomically: true, encoding: .utf8)
    try ChildProcess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"])
    return library
  }

  private func pipeline(_ name: String, _ sink: String) throws -> String {
    let text = """
      pipeline: \(name)
      source: { type: mariadb, files: ["\(DiskFaultTests.log)"] }
      sinks:
        - { name: copy, \(sink) }
      state: "\(directory.appending("state-\(name)"))"

      """
    let path = directory.appending("\(name).yaml")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private struct Outcome {
    var status: Int32
    var messages: String
    var wasHit: Bool { messages.contains("fault injected") }
  }

  private func run(_ pipeline: String, report: String, _ environment: [String] = []) throws -> Outcome {
    let log = directory.appending("run.log")
    _ = try? FileManager.default.removeItem(atPath: log)  // the first run has none before it
    let pid = try ChildProcess.start(
      ["env"] + environment + [Program.url.path, "run", pipeline, "--until", "now", "--report", report], log: log)
    let raw = ChildProcess.wait(pid)
    let status = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
    return Outcome(status: status, messages: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
  }

  private struct Report: Decodable {
    struct Accounting: Decodable {
      var read: UInt64
      var unaccounted: Int64
    }
    struct Sink: Decodable {
      var accounting: Accounting
      var tables: [String: Accounting]
    }
    var state: String
    var sinks: [String: Sink]
  }

  private func expectReport(_ path: String, _ state: String, _ label: String) throws {
    let report = try JSONDecoder().decode(Report.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    let sink = try #require(report.sinks["copy"])
    #expect(report.state == state, "\(label)")
    #expect(sink.accounting.unaccounted == 0, "\(label)")
    #expect(sink.tables.values.allSatisfy { $0.unaccounted == 0 }, "\(label)")
    #expect(sink.tables.values.reduce(0) { $0 + $1.read } == sink.accounting.read, "\(label)")
  }

  /// Lets every visit of a call fail in turn, and expects what the suite's comment says.
  private func failEveryVisit(
    of call: String, error: Int32, code: String?, sink: (String) -> String, content: (String) throws -> [String]
  ) throws {
    let shim = try buildShim()
    let report = directory.appending("report.json")
    let right = directory.appending("right")
    #expect(try run(try pipeline("right", sink(right)), report: report).status == 0)
    let expected = try content(right)
    #expect(expected.count > 20)
    var reached = 0
    // Each visit near the beginning, and then fewer and fewer.
    var visit = 1
    while visit < 4000 {
      let target = directory.appending("\(call)-\(visit)")
      let pipeline = try pipeline("faulty", sink(target))
      let label = "\(call) \(visit) errno \(error)"
      let outcome = try run(
        pipeline, report: report,
        [
          "LD_PRELOAD=\(shim)", "FAULT_BELOW=\(target)", "FAULT_CALL=\(call)", "FAULT_VISIT=\(visit)",
          "FAULT_ERROR=\(error)",
        ])
      guard outcome.wasHit else { break }
      reached += 1
      if let code {
        #expect(outcome.status == 74, "\(label): \(outcome.messages)")
        #expect(outcome.messages.contains("[\(code)]"), "\(label): \(outcome.messages)")
        try expectReport(report, "failed", label)
      } else {
        #expect(outcome.status == 0, "\(label): \(outcome.messages)")
      }
      let again = try run(pipeline, report: report)
      #expect(again.status == 0, "\(label): \(again.messages)")
      try expectReport(report, "finished", label)
      #expect(try content(target) == expected, "\(label)")
      visit += max(1, visit / 3)
    }
    #expect(reached >= 2, "\(call) was reached \(reached) times")
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: log), "the recorded log is not here"),
    arguments: [
      ("pwrite", ENOSPC, "diskFull"), ("pwrite", EIO, "inputOutput"), ("fsync", EIO, "inputOutput"),
      ("fsync", ENOSPC, "diskFull"), ("renameat", EIO, "inputOutput"), ("close", EIO, nil),
    ] as [(String, Int32, String?)])
  func theFilesSinkSurvivesEveryFailedCall(_ call: String, _ error: Int32, _ code: String?) throws {
    try failEveryVisit(of: call, error: error, code: code) { root in
      "type: files, path: \"\(root)\", format: json, roll: { bytes: 4KiB }"
    } content: { root in
      var lines: [String] = []
      _ = try ManifestReader(root).read { _, line in lines.append(String(decoding: line, as: UTF8.self)) }
      return lines.sorted()
    }
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: log), "the recorded log is not here"),
    arguments: [("pwrite", ENOSPC, "diskFull"), ("fsync", EIO, "inputOutput")] as [(String, Int32, String)])
  func theSQLiteSinkSurvivesEveryFailedCall(_ call: String, _ error: Int32, _ code: String) throws {
    try failEveryVisit(of: call, error: error, code: code) { path in
      "type: sqlite, path: \"\(path)\", journal_mode: delete"
    } content: { path in
      let connection = try SQLiteConnection(path: path)
      let names = try rows(
        connection, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_freshet%' ESCAPE '\\'")
      return try names.flatMap { name in try rows(connection, "SELECT '\(name)', * FROM \"\(name)\"") }.sorted()
    }
  }

  private func rows(_ connection: SQLiteConnection, _ query: String) throws -> [String] {
    let statement = try SQLiteStatement(connection, query)
    var rows: [String] = []
    while try statement.step() {
      rows.append(
        (0..<statement.columnCount).map { column in
          switch statement.storageClass(column) {
          case .null: "NULL"
          case .blob: statement.withBlob(column) { "\(Array($0))" }
          default: statement.string(column) ?? ""
          }
        }.joined(separator: "|"))
    }
    return rows
  }
}
