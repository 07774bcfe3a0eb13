package import Change
import Glibc

/// Programs started without a shell, in a session of their own, so that a Ctrl-C at the terminal is not theirs.
package enum ChildProcess {
  /// POSIX_SPAWN_SETSID of spawn.h, which the headers show only to GNU sources.
  private static let newSession: Int32 = 0x80

  /// Starts a program; its output goes to the end of the file at `log`, its input comes from `input` or is empty.
  package static func start(_ arguments: [String], input: Int32? = nil, log: String = "/dev/null") throws(Failure)
    -> Int32
  {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Descriptors of this process that lack close-on-exec must not live on in a server.
    for descriptor in Int32(3)..<1024 { posix_spawn_file_actions_addclose(&actions, descriptor) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var noSignals = sigset_t()
    sigemptyset(&noSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    posix_spawnattr_setflags(&attributes, Int16(newSession | Int32(POSIX_SPAWN_SETSIGMASK)))
    var list: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for argument in list { free(argument) } }
    var pid: pid_t = 0
    let result = posix_spawnp(&pid, path(of: arguments[0]), &actions, &attributes, &list, environ)
    guard result == 0 else {
      throw Failure(
        .inputOutput, "cannot start \"\(arguments[0])\"", hint: "install the program that is missing",
        cause: String(cString: strerror(result)))
    }
    return pid
  }

  /// Where a program lies. Servers stand in folders that only root's PATH has on Debian: they are looked for there, too.
  private static func path(of program: String) -> String {
    let search = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    let folders = search.split(separator: ":").map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin"]
    if program.contains("/") { return program }
    return folders.lazy.map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 } ?? program
  }

  /// Runs a program to its end; anything but exit status 0 is a failure with the last lines of its output.
  package static func run(_ arguments: [String], log: String = "/dev/null") throws(Failure) {
    let status = wait(try start(arguments, log: log))
    guard status == 0 else {
      throw Failure(.inputOutput, "\"\(arguments[0])\" failed with status \(status)", cause: tail(of: log))
    }
  }

  /// Waits for the end of a child and returns its raw status.
  @discardableResult
  package static func wait(_ pid: Int32) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status
  }

  /// The last 2000 bytes of a file; empty when there is none.
  package static func tail(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    fseek(file, max(0, ftell(file) - 2000), SEEK_SET)
    var bytes = [UInt8](repeating: 0, count: 2000)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
