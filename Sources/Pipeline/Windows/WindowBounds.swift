/// The arithmetic of windows that the calendar gives. A window holds its start, and not its end.
///
/// Windows begin at multiples of their period since 1970-01-01T00:00:00Z, moved by the offset.
struct WindowBounds {
  /// Times that every window has room around, in microseconds and in days.
  static let reach: ClosedRange<Int64> = -(1 << 62)...(1 << 62)
  static let reachOfDays = (-(1 << 62) / day)...((1 << 62) / day)
  static let day: Int64 = 86_400_000_000

  let size: Int64
  private let every: Int64
  private let offset: Int64
  private let isCumulative: Bool
  /// Every bound of a window is a multiple of it, moved by the offset.
  private let slice: Int64
  /// Each time lies in exactly one window.
  let isSingle: Bool

  init(_ definition: WindowDefinition) {
    offset = definition.offset
    switch definition.kind {
    case .tumbling(let size): (self.size, every, isSingle, isCumulative) = (size, size, true, false)
    case .hopping(let size, let every): (self.size, self.every, isSingle, isCumulative) = (size, every, false, false)
    case .cumulative(let size, let every): (self.size, self.every, isSingle, isCumulative) = (size, every, false, true)
    case .session(let gap): (size, every, isSingle, isCumulative) = (gap, gap, true, false)
    }
    var (divisor, rest) = (size, every)
    while rest != 0 { (divisor, rest) = (rest, divisor % rest) }
    slice = divisor
  }

  @inline(__always) static func floor(_ value: Int64, _ period: Int64) -> Int64 {
    let rest = value % period
    return value - (rest < 0 ? rest + period : rest)
  }

  /// The first multiple behind a time.
  static func multiple(of period: Int64, behind time: Int64) -> Int64 {
    // Before the first row there is no clock.
    guard time > Int64.min + period else { return .max }
    return floor(time, period) + period
  }

  static func isMultiple(_ time: Int64, of period: Int64) -> Bool { floor(time, period) == time }

  /// The end of the one window that a time lies in.
  @inline(__always) func end(of time: Int64) -> Int64 { WindowBounds.floor(time - offset, size) + offset + size }

  /// The end of the time around this one that lies in the same windows.
  @inline(__always) func sliceEnd(of time: Int64) -> Int64 { WindowBounds.floor(time - offset, slice) + offset + slice }

  func start(ofEnd end: Int64) -> Int64 {
    isCumulative ? WindowBounds.floor(end - 1 - offset, size) + offset : end - size
  }

  /// The ends of all windows that a time lies in, ascending.
  func ends(of time: Int64, into ends: inout [Int64]) {
    ends.removeAll(keepingCapacity: true)
    if isCumulative {
      let last = WindowBounds.floor(time - offset, size) + offset + size
      var end = WindowBounds.floor(time - offset, every) + offset + every
      while end <= last {
        ends.append(end)
        end += every
      }
      return
    }
    let lastStart = WindowBounds.floor(time - offset, every) + offset
    var start = lastStart
    while start - every > time - size { start -= every }
    while start <= lastStart {
      if start > time - size { ends.append(start + size) }
      start += every
    }
  }
}
