import Glibc

/// Nanoseconds of the system's monotonic clock: for spans, never for dates. It never goes back.
package enum MonotonicTime {
  package static func now() -> UInt64 {
    var time = timespec()
    // Cannot fail: the clock exists and the pointer is valid.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

/// The system's wall clock in microseconds since 1970-01-01T00:00:00Z. It may jump.
package enum WallClock {
  package static func microseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
