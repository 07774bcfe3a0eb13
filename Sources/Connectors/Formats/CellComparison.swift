import Change
import Glibc

/// Compares values of one column within a batch.
enum CellComparison {
  /// Whether both are the same value, written the same way.
  @inline(__always)
  static func isSame(_ left: Cell, _ right: Cell, _ arena: RawSpan) -> Bool {
    guard left.tag == right.tag, left.scale == right.scale else { return false }
    if !left.isSlice || left.payload == right.payload { return left.payload == right.payload }
    return left.length == right.length && isEqual(arena.extracting(left.range), arena.extracting(right.range))
  }

  static func isEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
    if left.byteCount != right.byteCount { return false }
    return left.withUnsafeBytes { left in
      right.withUnsafeBytes { right in
        guard let one = left.baseAddress, let two = right.baseAddress else { return true }
        return memcmp(one, two, left.count) == 0
      }
    }
  }
}

extension Cell {
  /// Whether the row image holds the column, be it as NULL.
  @inline(__always)
  var isKnown: Bool { tag != .absent && tag != .unavailable }
}
