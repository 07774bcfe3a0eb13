internal import Change

/// The transactions that a reader of a log has seen, in MariaDB's form (the newest of each domain) or in MySQL's
/// (intervals of numbers for each server).
package struct GTIDSet: Hashable, Sendable, CustomStringConvertible {
  /// The newest transaction of a MariaDB domain.
  package struct Newest: Hashable, Sendable {
    package var server: UInt32
    package var sequence: UInt64
  }

  package private(set) var domains: [UInt32: Newest] = [:]
  /// Sorted, without overlap and without two that touch.
  package private(set) var intervals: [GTIDSource: [ClosedRange<UInt64>]] = [:]

  package init() {}

  package var isEmpty: Bool { domains.isEmpty && intervals.isEmpty }
  package var isMySQL: Bool { !intervals.isEmpty }

  /// Whether the transaction is in the set; in a MariaDB domain everything up to the newest is.
  package func contains(_ gtid: GTID) -> Bool {
    switch gtid {
    case .mariadb(let domain, _, let sequence):
      return domains[domain].map { sequence <= $0.sequence } ?? false
    case .mysql(let source, let number):
      return intervals[source]?.contains { $0.contains(number) } ?? false
    }
  }

  /// Whether every transaction of `other` is in this set.
  package func contains(_ other: GTIDSet) -> Bool {
    for (domain, newest) in other.domains {
      guard let own = domains[domain], own.sequence >= newest.sequence else { return false }
    }
    for (source, ranges) in other.intervals {
      let own = intervals[source] ?? []
      for range in ranges
      where !own.contains(where: { $0.lowerBound <= range.lowerBound && $0.upperBound >= range.upperBound }) {
        return false
      }
    }
    return true
  }

  /// Adds a transaction. In a MariaDB domain the newest is the last one added, whatever its number.
  package mutating func insert(_ gtid: GTID) {
    switch gtid {
    case .mariadb(let domain, let server, let sequence):
      domains[domain] = Newest(server: server, sequence: sequence)
    case .mysql(let source, let number):
      insert(number...number, of: source)
    }
  }

  package mutating func insert(_ range: ClosedRange<UInt64>, of source: GTIDSource) {
    var ranges = intervals[source] ?? []
    if let last = ranges.last, last.upperBound < .max, range.lowerBound == last.upperBound + 1 {
      ranges[ranges.count - 1] = last.lowerBound...range.upperBound
      intervals[source] = ranges
      return
    }
    var merged = range
    ranges.removeAll { other in
      let touches =
        other.lowerBound <= (merged.upperBound == .max ? .max : merged.upperBound + 1)
        && merged.lowerBound <= (other.upperBound == .max ? .max : other.upperBound + 1)
      if touches {
        merged =
          min(merged.lowerBound, other.lowerBound)...max(merged.upperBound, other.upperBound)
      }
      return touches
    }
    ranges.insert(merged, at: ranges.firstIndex { $0.lowerBound > merged.lowerBound } ?? ranges.count)
    intervals[source] = ranges
  }

  package mutating func formUnion(_ other: GTIDSet) {
    for (domain, newest) in other.domains where newest.sequence >= domains[domain]?.sequence ?? 0 {
      domains[domain] = newest
    }
    for (source, ranges) in other.intervals {
      for range in ranges { insert(range, of: source) }
    }
  }

  /// `0-1-42,1-2-7`, or `uuid:1-5:7,uuid:tag:1-3`, sorted.
  package var description: String {
    var parts: [String] = domains.sorted { $0.key < $1.key }.map { "\($0.key)-\($0.value.server)-\($0.value.sequence)" }
    for (source, ranges) in intervals.sorted(by: { $0.key < $1.key }) {
      var bytes: [UInt8] = []
      source.write(to: &bytes)
      let numbers = ranges.map {
        $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
      }
      parts.append("\(String(decoding: bytes, as: UTF8.self)):\(numbers.joined(separator: ":"))")
    }
    return parts.joined(separator: ",")
  }
}
