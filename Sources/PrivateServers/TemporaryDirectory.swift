package import Change
import Glibc

/// A fresh directory that only this user can enter, removed with all that is in it when the object goes.
package final class TemporaryDirectory: Sendable {
  package let path: String

  package init(prefix: String = "freshet") throws(Failure) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/\(prefix)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Failure(
        .inputOutput, "cannot make a temporary directory", at: parent, cause: String(cString: strerror(errno)))
    }
    path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  deinit {
    // A leftover in the temporary directory harms nobody; there is nobody to tell here.
    _ = try? ChildProcess.run(["rm", "-rf", "--", path])
  }

  package func appending(_ name: String) -> String { "\(path)/\(name)" }
}
