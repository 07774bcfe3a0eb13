import Change
import Glibc
import Synchronization

/// An initialized data directory that new servers copy: made once per server version and user of a machine.
enum DataDirectoryTemplate {
  private static let lock = Mutex(())

  /// The template's path; makes it when it is missing. Two processes may both make one; the first rename wins.
  static func path() throws(Failure) -> String {
    try lock.withLock { (_) throws(Failure) in
      let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
      let path = "\(parent)/freshet-mariadb-template-\(try version())-\(geteuid())"
      if isOurs(path) { return path }
      let draft = try TemporaryDirectory(prefix: "freshet-mariadb-draft")
      var arguments = [
        "mariadb-install-db", "--no-defaults", "--datadir=\(draft.path)/data",
        "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
        "--innodb-log-file-size=32M", "--innodb-fast-shutdown=0",
      ]
      if geteuid() == 0 { arguments.append("--user=root") }
      try ChildProcess.run(arguments, log: draft.appending("install.log"))
      guard rename(draft.appending("data"), path) == 0 || isOurs(path) else {
        throw Failure(
          .inputOutput, "cannot keep a template of a data directory", at: path, cause: String(cString: strerror(errno)))
      }
      return path
    }
  }

  /// Whether it is a directory that this user made: anybody can put one into a shared temporary directory.
  private static func isOurs(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid()
  }

  private static func version() throws(Failure) -> String {
    let directory = try TemporaryDirectory(prefix: "freshet-mariadb-version")
    let log = directory.appending("version")
    try ChildProcess.run(["mariadbd", "--no-defaults", "--version"], log: log)
    // "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
    let words = ChildProcess.tail(of: log).split(separator: " ")
    guard let index = words.firstIndex(of: "Ver"), index + 1 < words.count, !words[index + 1].contains("/") else {
      throw Failure(.inputOutput, "cannot tell the version of mariadbd", cause: ChildProcess.tail(of: log))
    }
    return String(words[index + 1])
  }
}
