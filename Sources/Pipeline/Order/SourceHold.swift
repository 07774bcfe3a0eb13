import Flow

/// Which source all others wait for, and for how long: from when nothing can leave but for it, until something leaves.
struct SourceHold {
  private let meters: [SourceMeter]
  /// The source, and when it began; nanoseconds of the monotonic clock.
  private(set) var current: (lane: Int, since: UInt64)?

  init(_ meters: [SourceMeter]) { self.meters = meters }

  /// Nothing leaves now.
  /// - Parameter holder: for whose sake; nil: there is nothing to leave.
  mutating func note(_ holder: Int?, now: UInt64) {
    if current?.lane == holder { return }
    end(now: now)
    guard let holder else { return }
    current = (holder, now)
    meters[holder].update { $0.order.holdsSince = now }
  }

  /// Something leaves, or nothing will any more. What a sink then takes for it is no wait for a source.
  @inline(__always) mutating func end() { if current != nil { end(now: MonotonicTime.now()) } }

  mutating func end(now: UInt64) {
    guard let (lane, since) = current.take() else { return }
    meters[lane].update { reading in
      reading.order.holdsSince = nil
      reading.order.heldNanoseconds += now > since ? now - since : 0
    }
  }
}
