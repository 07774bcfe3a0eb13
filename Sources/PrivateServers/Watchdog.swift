import Change
import Glibc

/// Cleans up after this process when it dies, however it dies: kills the server whose id stands in a file, and removes
/// the directory.
///
/// It is a shell that waits at the end of a pipe; the kernel closes the other end with this process.
final class Watchdog: Sendable {
  private let pipeEnd: Int32
  private let pid: pid_t

  private static let script = """
    trap '' INT TERM HUP
    while read -r line; do :; done
    [ -s "$1" ] && kill -KILL "$(cat "$1")" 2>/dev/null
    rm -rf -- "$2"; sleep 0.2; rm -rf -- "$2"
    """

  init(pidFile: String, directory: String) throws(Failure) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw Failure(.inputOutput, "cannot make a pipe", cause: String(cString: strerror(errno)))
    }
    // Children started here close every descriptor from 3 on; this is for those that others start.
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    pipeEnd = ends[1]
    defer { close(ends[0]) }
    do throws(Failure) {
      pid = try ChildProcess.start(["sh", "-c", Self.script, "watchdog", pidFile, directory], input: ends[0])
    } catch {
      close(ends[1])
      throw error
    }
  }

  /// Lets it do its work now, and waits for it.
  func release() {
    close(pipeEnd)
    ChildProcess.wait(pid)
  }
}
