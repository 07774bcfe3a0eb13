/// Timers of sessions, the earliest first. A binary heap in one array.
struct TimerHeap {
  private(set) var timers: [SessionWindows.Timer] = []

  var first: SessionWindows.Timer? { timers.first }

  mutating func push(_ timer: SessionWindows.Timer) {
    timers.append(timer)
    var index = timers.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard timers[index].at < timers[parent].at else { return }
      timers.swapAt(index, parent)
      index = parent
    }
  }

  mutating func pop() {
    timers.swapAt(0, timers.count - 1)
    timers.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < timers.count && timers[child].at < timers[least].at { least = child }
      guard least != index else { return }
      timers.swapAt(index, least)
      index = least
    }
  }
}
