/// When a change happened: microseconds since 1970-01-01T00:00:00Z, with leap seconds left out as in POSIX.
package struct EventTime: Comparable, Hashable, Sendable, BitwiseCopyable {
  package var microseconds: Int64

  @inlinable package init(microseconds: Int64) { self.microseconds = microseconds }
  @inlinable package init(seconds: UInt32) { microseconds = Int64(seconds) * 1_000_000 }

  /// Before everything: what a source promises when it has read nothing.
  package static let distantPast = EventTime(microseconds: .min)

  @inlinable package static func < (left: EventTime, right: EventTime) -> Bool {
    left.microseconds < right.microseconds
  }
}
