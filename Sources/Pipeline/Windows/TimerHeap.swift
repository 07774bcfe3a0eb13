/// Timers of sessions, the earliest first: a binary heap. *Thread*: one at a time.
///
/// *Determinism*: those of one instant come by their rows' times and their groups, whatever their numbers are in this run.
final class TimerHeap {
  typealias Timer = SessionWindows.Timer
  private static let size = MemoryLayout<Timer>.stride

  private let memory: StateMemory
  private let pages: StatePages
  private let groups: GroupIndex
  @exclusivity(unchecked) private(set) var count = 0
  /// How many there were when each was last seen to be there once.
  @exclusivity(unchecked) private var distinct = 1 << 12

  init(_ budget: StateBudget, _ groups: GroupIndex) {
    self.groups = groups
    memory = StateMemory(budget)
    pages = memory.pages
  }

  var byteCount: Int { count * TimerHeap.size }
  var first: Timer? { count == 0 ? nil : self[0] }

  subscript(index: Int) -> Timer {
    @inline(__always) get { pages.read(index * TimerHeap.size, TimerHeap.size).load(as: Timer.self) }
    @inline(__always) set {
      pages.write(index * TimerHeap.size, TimerHeap.size).storeBytes(of: newValue, as: Timer.self)
    }
  }

  func push(_ timer: Timer) {
    memory.extend(to: (count + 1) * TimerHeap.size)
    var index = count
    count += 1
    while index > 0 {
      let parent = (index - 1) / 2
      let other = self[parent]
      guard comes(timer, before: other) else { break }
      self[index] = other
      index = parent
    }
    self[index] = timer
  }

  @inline(__always) private func comes(_ timer: Timer, before other: Timer) -> Bool {
    timer.at == other.at ? comesAtOnce(timer, before: other) : timer.at < other.at
  }

  private func comesAtOnce(_ timer: Timer, before other: Timer) -> Bool {
    if timer.time != other.time { return timer.time < other.time }
    if timer.hash != other.hash { return timer.hash < other.hash }
    return timer.group != other.group && groups.comes(timer.group, before: other.group)
  }

  func pop() {
    count -= 1
    guard count > 0 else { return }
    let timer = self[count]
    var index = 0
    while true {
      var least = 2 * index + 1
      guard least < count else { break }
      if least + 1 < count, comes(self[least + 1], before: self[least]) { least += 1 }
      let other = self[least]
      guard comes(other, before: timer) else { break }
      self[index] = other
      index = least
    }
    self[index] = timer
  }

  /// Leaves out timers that are there twice, when there may be many: rows that change set theirs again. One that lies in files
  /// keeps them.
  /// - Parameter body: is called for each that went.
  func removeDuplicates(_ body: (Timer) -> Void) {
    guard count >= 2 * distinct, !memory.isPaged else { return }
    let start = pages.write(0, count * TimerHeap.size).assumingMemoryBound(to: Timer.self)
    var timers = UnsafeMutableBufferPointer(start: start, count: count)
    // In order, they are a heap again.
    timers.sort { comes($0, before: $1) }
    var kept = 1
    for timer in timers[1...] {
      let last = timers[kept - 1]
      if timer.at == last.at, timer.group == last.group, timer.time == last.time {
        body(timer)
      } else {
        timers[kept] = timer
        kept += 1
      }
    }
    count = kept
    distinct = max(1 << 12, kept)
  }
}
