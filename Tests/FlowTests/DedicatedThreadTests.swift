import Flow
import Glibc
import Synchronization
import Testing

/// What several tasks write together.
final class Shared<Value: Sendable>: Sendable {
  private let state: Mutex<Value>

  init(_ value: Value) { state = Mutex(value) }

  var value: Value { state.withLock { $0 } }

  func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    state.withLock { value in body(&value) }
  }
}

func threadID() -> Int { Int(pthread_self()) }

@Suite(.timeLimit(.minutes(1))) struct DedicatedThreadTests {
  @Test func everyJobOfATaskRunsOnTheThread() async throws {
    let thread = DedicatedThread(name: "test")
    defer { thread.stop() }
    let ids = await Task(executorPreference: thread) {
      var ids: Set<Int> = []
      for _ in 0..<100 {
        ids.insert(threadID())
        await Task.yield()
        try? await Task.sleep(nanoseconds: 1000)  // Not cancelled; it only has to suspend.
      }
      return ids
    }.value
    #expect(ids.count == 1)
    #expect(!ids.contains(threadID()))
  }

  @Test func tasksStartInTheOrderInWhichTheyWereEnqueued() async throws {
    let thread = DedicatedThread(name: "test")
    defer { thread.stop() }
    let order = Shared<[Int]>([])
    var tasks: [Task<Void, Never>] = []
    for number in 0..<1000 {
      tasks.append(Task(executorPreference: thread) { order.withLock { $0.append(number) } })
    }
    for task in tasks { await task.value }
    #expect(order.value == Array(0..<1000))
  }

  @Test func stopLosesNoTask() async throws {
    for _ in 0..<50 {
      let thread = DedicatedThread(name: "test")
      let count = Shared(0)
      await withTaskGroup { group in
        for _ in 0..<20 {
          group.addTask(executorPreference: thread) {
            await Task.yield()
            count.withLock { $0 += 1 }
          }
        }
        thread.stop()
        thread.stop()
        for _ in 0..<20 {
          group.addTask(executorPreference: thread) {
            await Task.yield()
            count.withLock { $0 += 1 }
          }
        }
      }
      #expect(count.value == 40)
    }
  }

  @Test func aTaskThatComesAfterTheEndRunsOnAThreadOfItsOwn() async throws {
    let thread = DedicatedThread(name: "test")
    thread.stop()
    try await Task.sleep(nanoseconds: 20_000_000)
    let lock = Shared(0)
    // Enqueued under a lock that the job takes, too: on the caller's thread this would never end.
    let task = lock.withLock { _ in Task(executorPreference: thread) { lock.withLock { $0 += 1 } } }
    await task.value
    #expect(lock.value == 1)
  }

  @Test func theThreadCarriesItsName() async throws {
    let thread = DedicatedThread(name: "deliver.a-long-name")
    defer { thread.stop() }
    let name = await Task(executorPreference: thread) {
      let file = open("/proc/thread-self/comm", O_RDONLY)
      defer { close(file) }
      var bytes = [UInt8](repeating: 0, count: 64)
      let count = read(file, &bytes, bytes.count)
      return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }.value
    #expect(name == "deliver.a-long-\n")
  }

  @Test func aBlockedThreadHoldsNobodyElseUp() async throws {
    let thread = DedicatedThread(name: "test")
    defer { thread.stop() }
    let mustBlock = Shared(true)
    let blocked = Task(executorPreference: thread) {
      while mustBlock.value { usleep(1000) }
    }
    let sum = await withTaskGroup { group in
      for number in 1...100 { group.addTask { number } }
      return await group.reduce(0, +)
    }
    #expect(sum == 5050)
    mustBlock.withLock { $0 = false }
    await blocked.value
  }
}
