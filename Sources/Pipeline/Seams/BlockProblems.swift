package import Change

/// What is wrong with a block of a pipeline file: it is read to its end whatever is found, so that a person sees all of it at
/// once.
package struct BlockProblems {
  package private(set) var failures: [Failure]
  /// Of options that cannot be read: what is found there follows from that.
  private var places: Set<String>

  /// Begins with what is wrong with the block's keys and the types of its values.
  package init(_ block: OptionBlock) {
    failures = block.problems
    places = Set(failures.map(\.place))
  }

  package var isEmpty: Bool { failures.isEmpty }

  /// Notes that an option cannot be read.
  package mutating func noteUnreadable(_ failure: Failure) {
    note(failure)
    places.insert(failure.place)
  }

  /// Notes a failure, unless it is about an option that cannot be read. A person mends a few and looks again: more than 100
  /// would only bury them.
  package mutating func note(_ failure: Failure) {
    if failures.count < 100, !places.contains(failure.place) { failures.append(failure) }
  }

  /// What the value is; nil when there is none, and then why is noted.
  package mutating func value<Value>(_ value: @autoclosure () throws(Failure) -> Value) -> Value? {
    do throws(Failure) {
      return try value()
    } catch {
      note(error)
      return nil
    }
  }

  /// What is made of a value that may be missing.
  package mutating func value<Written, Value>(
    _ written: Written?, _ make: (Written) throws(Failure) -> Value
  ) -> Value? {
    guard let written else { return nil }
    return value(try make(written))
  }
}
