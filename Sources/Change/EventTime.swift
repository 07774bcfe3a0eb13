/// When a change happened: microseconds since 1970-01-01T00:00:00Z, with leap seconds left out as in POSIX.
public struct EventTime: Comparable, Hashable, Sendable, BitwiseCopyable {
  public var microseconds: Int64

  @inlinable public init(microseconds: Int64) { self.microseconds = microseconds }
  @inlinable public init(seconds: UInt32) { microseconds = Int64(seconds) * 1_000_000 }

  /// Before everything: what a source promises when it has read nothing.
  @inlinable public static var distantPast: EventTime { EventTime(microseconds: .min) }

  @inlinable public static func < (left: EventTime, right: EventTime) -> Bool {
    left.microseconds < right.microseconds
  }
}
