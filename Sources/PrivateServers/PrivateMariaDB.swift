package import Change
import Glibc
import MariaDBClient
import Synchronization

/// A MariaDB server of our own: in a fresh directory, on its own socket and port, gone with this object or this process.
///
/// It writes a ROW binary log with FULL metadata, and user `root` has no password. The first server of a version on a
/// machine takes a few seconds to make a template of the data directory; later ones copy it and start in about one.
///
/// Thread: any; `start`, `stop`, `kill` and `restart` by one at a time. They block.
package final class PrivateMariaDB: Sendable {
  /// Whether a commit waits for the disk. `kill` loses nothing either way: the kernel has the bytes.
  package enum Durability: Sendable { case none, full }

  package let directory: String
  package let socketPath: String
  package let port: UInt16
  package var logPath: String { "\(directory)/error.log" }
  package var dataDirectory: String { "\(directory)/data" }

  private let arguments: [String]
  private let watchdog: Watchdog
  private let pid = Mutex<pid_t>(0)
  private var pidFile: String { "\(directory)/watched.pid" }

  /// Makes the data directory and starts the server.
  ///
  /// - Parameter options: server options by name, with `_` or `-`, over the defaults here; nil takes a default away,
  ///   an empty text gives the option without a value.
  package init(options: [String: String?] = [:], durability: Durability = .none) throws(Failure) {
    let template = try DataDirectoryTemplate.path()
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var name = Array("\(parent)/freshet-mariadb-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else {
      throw Failure(.inputOutput, "cannot make a directory", at: parent, cause: String(cString: strerror(errno)))
    }
    let directory = name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    self.directory = directory
    socketPath = "\(directory)/s"
    port = try FreePort.find()
    arguments = Self.arguments(options, durability, directory: directory, port: port)
    watchdog = try Watchdog(pidFile: "\(directory)/watched.pid", directory: directory)
    do throws(Failure) {
      try ChildProcess.run(["cp", "-a", "--reflink=auto", template, "\(directory)/data"])
      try start()
    } catch {
      watchdog.release()
      throw error
    }
  }

  deinit {
    kill()
    watchdog.release()
  }

  private static func arguments(
    _ options: [String: String?], _ durability: Durability, directory: String, port: UInt16
  ) -> [String] {
    var settings: [String: String?] = [
      "server_id": "1", "log_bin": "binlog", "binlog_format": "ROW", "binlog_row_metadata": "FULL",
      "binlog_row_image": "FULL", "bind_address": "127.0.0.1", "skip_name_resolve": "",
      "character_set_server": "utf8mb4", "innodb_buffer_pool_size": "64M", "innodb_log_file_size": "32M",
      "innodb_doublewrite": durability == .full ? "1" : "0",
      "innodb_flush_log_at_trx_commit": durability == .full ? "1" : "2",
      "sync_binlog": durability == .full ? "1" : "0",
      "innodb_buffer_pool_dump_at_shutdown": "0", "innodb_buffer_pool_load_at_startup": "0",
      "innodb_fast_shutdown": "1", "aria_pagecache_buffer_size": "8M", "key_buffer_size": "1M",
      "performance_schema": "0", "slave_net_timeout": "60",
    ]
    for (name, value) in options { settings[name.replacing("-", with: "_")] = value }
    var arguments = [
      "mariadbd", "--no-defaults", "--datadir=\(directory)/data", "--socket=\(directory)/s", "--port=\(port)",
      "--pid-file=\(directory)/server.pid", "--log-error=\(directory)/error.log", "--tmpdir=\(directory)",
    ]
    if geteuid() == 0 { arguments.append("--user=root") }
    for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
      guard let value else { continue }
      arguments.append(value.isEmpty ? "--\(name)" : "--\(name)=\(value)")
    }
    return arguments
  }

  /// Starts the server and returns when it takes connections; does nothing when it runs.
  package func start(timeoutSeconds: Int = 60) throws(Failure) {
    guard pid.withLock({ $0 }) == 0 else { return }
    let child = try ChildProcess.start(arguments, log: "\(directory)/output.log")
    pid.withLock { $0 = child }
    writePidFile(child)
    for _ in 0..<(timeoutSeconds * 50) {
      if (try? client(connectTimeoutSeconds: 1)) != nil { return }  // not there yet: asked again below
      var status: Int32 = 0
      if waitpid(child, &status, WNOHANG) == child {
        forget()
        throw Failure(
          .inputOutput, "a private mariadbd ended while it started", at: logPath, cause: ChildProcess.tail(of: logPath))
      }
      usleep(20_000)
    }
    kill()
    throw Failure(
      .inputOutput, "a private mariadbd does not answer", at: logPath, cause: ChildProcess.tail(of: logPath))
  }

  /// Shuts the server down in order.
  package func stop() { end(with: SIGTERM) }

  /// Ends the server with SIGKILL, as a power cut of the process.
  package func kill() { end(with: SIGKILL) }

  package func restart() throws(Failure) {
    stop()
    try start()
  }

  /// Sends a signal to the server: SIGSTOP and SIGCONT freeze and thaw it.
  package func signal(_ number: Int32) {
    let child = pid.withLock { $0 }
    if child > 0 { Glibc.kill(child, number) }
  }

  package var isRunning: Bool { pid.withLock { $0 } > 0 }

  private func end(with signal: Int32) {
    let child = pid.withLock { $0 }
    guard child > 0 else { return }
    Glibc.kill(child, signal)
    ChildProcess.wait(child)
    forget()
  }

  private func forget() {
    pid.withLock { $0 = 0 }
    unlink(pidFile)
  }

  private func writePidFile(_ child: pid_t) {
    guard let file = fopen(pidFile, "w") else { return }
    fputs("\(child)\n", file)
    fclose(file)
  }
}
