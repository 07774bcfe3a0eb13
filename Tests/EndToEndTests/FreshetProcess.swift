import Change
import Foundation
import PrivateServers

/// The program under test as a child process, with what it wrote in files.
final class FreshetProcess {
  let pid: Int32
  let log: String
  private var status: Int32?

  /// - Parameter failpoint: where the process shall kill itself, as `FRESHET_FAILPOINT` says it.
  init(_ arguments: [String], log: String, failpoint: String? = nil) throws {
    self.log = log
    let environment = failpoint.map { ["env", "FRESHET_FAILPOINT=\($0)"] } ?? []
    pid = try ChildProcess.start(environment + [Program.url.path] + arguments, log: log)
  }

  deinit { if status == nil { kill() } }

  func signal(_ number: Int32) { Glibc.kill(pid, number) }

  /// Ends the process at once and waits for its end.
  func kill() {
    signal(SIGKILL)
    wait()
  }

  /// Waits for the end; returns the exit status, or minus the signal.
  @discardableResult
  func wait() -> Int32 {
    if let status { return status }
    let raw = ChildProcess.wait(pid)
    let result = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
    status = result
    return result
  }

  /// Waits at most so long; nil when the process still runs.
  func wait(seconds: Double) -> Int32? {
    if let status { return status }
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      var raw: Int32 = 0
      if waitpid(pid, &raw, WNOHANG) == pid {
        let result = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
        status = result
        return result
      }
      usleep(5000)
    }
    return nil
  }

  var messages: String { ChildProcess.tail(of: log) }
}
