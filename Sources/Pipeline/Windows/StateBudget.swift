import Change
import Glibc

/// How much memory the state of a pipeline's windows may take together; what is more lies in files of the state directory.
///
/// *Memory*: between two settlings, what one row or one result touches. *Thread*: one at a time.
final class StateBudget {
  private struct Member {
    let id: ObjectIdentifier
    // A memory leaves when it goes.
    unowned let memory: StateMemory
  }

  /// Bytes that may be in memory.
  let limit: Int
  private let directory: String
  let pageShift: Int
  @exclusivity(unchecked) private(set) var resident = 0
  /// Bytes of the state that are not pages, and stay in memory.
  @exclusivity(unchecked) var fixed = 0 {
    didSet { if failure == nil { allowed = max(limit - fixed, limit / 4) } }
  }
  /// Bytes of pages that may be in memory.
  @exclusivity(unchecked) private var allowed: Int
  private var members: [Member] = []
  private var next = 0
  private var failure: Failure?

  /// - Parameter directory: where the files lie; it must be there when they are needed.
  init(limit: Int = .max, directory: String = "") {
    self.limit = limit
    allowed = limit
    self.directory = directory
    pageShift = Int(sysconf(Int32(_SC_PAGESIZE))).trailingZeroBitCount
  }

  @inline(__always) func change(by bytes: Int) { resident += bytes }

  func add(_ memory: StateMemory) { members.append(Member(id: ObjectIdentifier(memory), memory: memory)) }

  func remove(_ id: ObjectIdentifier, bytes: Int) {
    members.removeAll { $0.id == id }
    resident -= bytes
  }

  /// Gives pages back until the state fits. Pointers into it are good no more.
  /// - Throws: `.diskFull` and others when a file cannot be written; `.limit` when the state is larger than it can be.
  @inline(__always) func settle() throws(Failure) { if resident > allowed { try relieve() } }

  /// As `settle`, where a failure can wait for the next one.
  @inline(__always) func settleLater() {
    guard resident > allowed, failure == nil else { return }
    do throws(Failure) { try relieve() } catch { fail(error) }
  }

  /// Whether so many bytes more are too many.
  func isExceeded(by bytes: Int) -> Bool { allowed - resident < bytes }

  /// Lets pages of a memory go already when it grows.
  func pageFromNowOn(_ memory: StateMemory) {
    do throws(Failure) { try memory.beginPaging() } catch { fail(error) }
  }

  /// The next settling throws this failure.
  func fail(_ failure: Failure) {
    self.failure = self.failure ?? failure
    allowed = -1
  }

  @inline(never) private func relieve() throws(Failure) {
    if let failure { throw failure }
    // A memory that is smaller than this stays where it is.
    let least = min(1 << 18, limit / 32)
    for member in members {
      if member.memory.count > StateMemory.limit {
        throw StateMemory.tooLarge
      }
      if member.memory.count > least { try member.memory.beginPaging() }
    }
    // Three quarters, so that there is a while until the next time.
    let target = allowed - allowed / 4
    for age in StateMemory.Age.allCases {
      for _ in members.indices where resident > target {
        next = (next + 1) % members.count
        try members[next].memory.evict(resident - target, age)
      }
    }
    for member in members { member.memory.countAges() }
  }

  /// A file without a name.
  func openFile() throws(Failure) -> Int32 {
    let path = directory + "/spilled"
    let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw fault("cannot create a file for") }
    guard unlink(path) == 0 else {
      let failure = fault("cannot create a file for")
      close(file)
      throw failure
    }
    return file
  }

  func fault(_ attempt: String) -> Failure {
    .systemCall(
      "\(attempt) what does not fit the memory of the windows' state", at: directory,
      whenFull: "make room, raise `limits: { memory: … }`, or keep less")
  }
}
