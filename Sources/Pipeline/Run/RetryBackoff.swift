/// How long to wait before the next attempt: exponential with full jitter, so that many pipelines do not come back at once
/// (Marc Brooker, "Exponential Backoff and Jitter", 2015).
struct RetryBackoff {
  /// Nanoseconds.
  static let base: UInt64 = 250_000_000
  static let cap: UInt64 = 30_000_000_000
  /// Attempts at once, without a pause, before a conflict counts as something that takes time.
  static let immediateAttempts = 3

  private var failures = 0

  /// The pause before the next attempt in nanoseconds. Progress since the last failure starts the series anew.
  mutating func pause(after remedy: RetryRemedy, hadProgress: Bool, random: (Range<UInt64>) -> UInt64) -> UInt64 {
    if hadProgress { failures = 0 }
    failures += 1
    if remedy == .now, failures <= RetryBackoff.immediateAttempts { return 0 }
    let ceiling = min(RetryBackoff.cap, RetryBackoff.base << UInt64(min(failures - 1, 16)))
    return random(ceiling / 4..<ceiling)
  }
}

enum RetryRemedy { case now, later }
