import DequeModule
import Glibc
import Synchronization

/// One thread for work that blocks in C: a connection's reads, a database's commits. Tasks prefer it by
/// `addTask(executorPreference:)`; everything between two suspensions runs on this thread and on no other.
///
/// *Thread*: jobs run one at a time, in the order in which they were enqueued. *End*: `stop` lets the jobs that are queued
/// run and then ends the thread; a job enqueued later starts it again for as long as there are jobs, so no task is ever lost.
package final class DedicatedThread: TaskExecutor {
  private struct State {
    var jobs: Deque<UnownedJob> = []
    var isStopped = false
    /// The thread has seen that it is stopped and has nothing to do; it touches no job any more.
    var hasEnded = false
  }

  private let state = Mutex(State())
  private let wakeUp: Semaphore
  package let name: String

  /// - Parameter name: shown by `ps` and debuggers; Linux keeps its first 15 bytes.
  package init(name: String) {
    self.name = name
    wakeUp = Semaphore()
    start()
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let unowned = UnownedJob(job)
    let mustStart = state.withLock { state in
      state.jobs.append(unowned)
      defer { state.hasEnded = false }
      // Under the lock: once the job can run its task can end, and with it whatever else holds this object.
      if !state.hasEnded { wakeUp.signal() }
      return state.hasEnded
    }
    // Nobody runs the job before.
    if mustStart { start() }
  }

  /// Ends the thread once the queued jobs have run. Does not wait for it. May be called more than once.
  package func stop() {
    state.withLock { $0.isStopped = true }
    wakeUp.signal()
  }

  private func start() {
    let context = Unmanaged.passRetained(self)
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let status = unsafe pthread_create(
      &thread, &attributes,
      { raw in
        // The retain of `start` is given back here, when the thread ends.
        guard let raw = unsafe raw else { return nil }
        let thread = unsafe Unmanaged<DedicatedThread>.fromOpaque(raw).takeRetainedValue()
        thread.announceName()
        thread.run()
        return nil
      }, unsafe context.toOpaque())
    unsafe pthread_attr_destroy(&attributes)
    precondition(status == 0, "the system gives a thread")
  }

  /// Names the calling thread for `ps`, `top` and profilers; where /proc is missing the thread stays nameless.
  private func announceName() {
    let file = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = unsafe write(file, bytes, bytes.count)
    close(file)
  }

  private func run() {
    let executor = asUnownedTaskExecutor()
    while true {
      let next = state.withLock { state in
        let job = state.jobs.popFirst()
        state.hasEnded = job == nil && state.isStopped
        return (job: job, hasEnded: state.hasEnded)
      }
      if let job = next.job {
        job.runSynchronously(on: executor)
      } else if next.hasEnded {
        return
      } else {
        wakeUp.wait()
      }
    }
  }
}

/// A counting semaphore of the operating system. Signals are never lost; a wait may return early and finds nothing then.
private final class Semaphore: Sendable {
  /// `sem_t` is made to be shared between threads; it is initialised before and destroyed after every use.
  private nonisolated(unsafe) let storage: UnsafeMutablePointer<sem_t>

  init() {
    unsafe storage = .allocate(capacity: 1)
    unsafe sem_init(storage, 0, 0)
  }

  deinit {
    unsafe sem_destroy(storage)
    unsafe storage.deallocate()
  }

  func signal() { unsafe sem_post(storage) }
  func wait() { unsafe sem_wait(storage) }
}
