import Synchronization

/// Rows per second between two looks.
final class RateMeter: Sendable {
  private let last = Mutex((rows: UInt64(0), seconds: 0.0))

  /// - Parameter seconds: since the run began.
  func rate(rows: UInt64, seconds: Double) -> Double {
    last.withLock { last in
      defer { last = (rows, seconds) }
      return Double(rows &- last.rows) / max(seconds - last.seconds, 0.001)
    }
  }
}
