import Glibc
import Synchronization

/// Named places on each side of every durable step, at which a test can kill the process.
///
/// `FRESHET_FAILPOINT=files.before_rename:3` kills the process, as `kill -9` does, when that place is reached for the
/// third time; without `:3`, for the first. Without the variable a place costs one comparison.
package enum Failpoint {
  private static let armed: (name: String, hit: Int)? = {
    guard let setting = unsafe getenv("FRESHET_FAILPOINT") else { return nil }
    let parts = unsafe String(cString: setting).split(separator: ":", maxSplits: 1)
    guard let name = parts.first else { return nil }
    return (String(name), parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
  }()

  private static let hits = Atomic<Int>(0)

  package static func hit(_ name: StaticString) {
    guard let armed, armed.name == name.description else { return }
    if hits.add(1, ordering: .relaxed).newValue == armed.hit { kill(getpid(), SIGKILL) }
  }
}
