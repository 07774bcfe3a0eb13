import Glibc

/// What this process and thread have used, as the kernel counts it.
package enum ProcessUsage {
  /// Processor time of all threads, user and system, in seconds.
  package static func processorSeconds() -> Double {
    let usage = resources()
    let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// The largest resident set so far, in bytes: that of the program alone. What `getrusage` tells has that of the process
  /// which became the program in it; it counts where the kernel does not tell the other (proc(5), `VmHWM`).
  package static func peakMemory() -> Int { highWaterMark() ?? resources().ru_maxrss * 1024 }

  private static func highWaterMark() -> Int? {
    let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    let line = bytes[..<count].split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "VmHWM:".utf8) }
    let digits = line?.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? []
    return Int(String(decoding: digits, as: UTF8.self)).map { $0 * 1024 }
  }

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
