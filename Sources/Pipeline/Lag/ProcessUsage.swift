import Glibc

/// What this process and thread have used, as the kernel counts it.
package enum ProcessUsage {
  /// Processor time of all threads, user and system, in seconds.
  package static func processorSeconds() -> Double {
    let usage = resources()
    let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// The largest resident set so far, in bytes.
  package static func peakMemory() -> Int { resources().ru_maxrss * 1024 }

  /// Processor time of the calling thread, in nanoseconds.
  package static func threadNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  private static func resources() -> rusage {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage
  }
}
