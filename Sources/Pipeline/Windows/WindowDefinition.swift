package import Change
package import Expressions

/// One entry of `windows:`, checked: which changes are grouped, by what, and when the results are told.
///
/// Times are microseconds.
package struct WindowDefinition: Sendable {
  package enum Kind: Hashable, Sendable {
    case tumbling(size: Int64)
    /// A window of `size` begins at each multiple of `every`.
    case hopping(size: Int64, every: Int64)
    /// Windows that begin at each multiple of `size` and end at each multiple of `every` in it.
    case cumulative(size: Int64, every: Int64)
    /// Changes of a group that follow each other closer than `gap`.
    case session(gap: Int64)
  }

  /// How often the result of a window is told before it is complete.
  package enum Early: Hashable, Sendable {
    case every(Int64)
    case changes(Int)
  }

  /// How often the result is told after it was complete, when it changes once more.
  package enum Late: Hashable, Sendable {
    case each
    case every(Int64)
  }

  package enum Accumulation: String, CaseIterable, Sendable { case accumulating, discarding, retracting }

  /// What happens to a change that comes when its window is gone.
  package enum TooLate: Hashable, Sendable {
    case table(TableName)
    /// It is told beside the table of the rows that it is one of.
    case quarantine
    case stop
  }

  package var name: String
  package var from: TableName
  /// The column; nil: the time of the commit.
  package var eventTime: String?
  package var maximumDelay: Int64 = 0
  package var idleAfter: Int64?
  package var kind: Kind
  package var offset: Int64 = 0
  package var groupBy: [String]
  package var aggregates: [Aggregate]
  package var early: Early?
  package var late = Late.each
  package var allowedLateness: Int64 = 0
  package var accumulation = Accumulation.accumulating
  package var tooLate: TooLate
  /// The table of the results.
  package var table: TableName
  /// The rows of `from` are not delivered.
  package var replaces = false
  /// What is read of the rows of `from` is kept, for a log that does not hold the row before a change.
  package var remembers = false
  /// What is told apart by it: a stored state fits the definition that it was made by.
  package var fingerprint: String
  /// `file:line:column`.
  package var place: String
  /// The same of options, by name, and of each column of `group_by`, by `group_by` and its name.
  var optionPlaces: [String: String] = [:]

  /// Where an option is written; where the window is, when it is not.
  func place(of option: String) -> String { optionPlaces[option] ?? place }
}

/// One result column of a window: a function over the rows of a group.
package struct Aggregate: Sendable {
  package enum Function: String, CaseIterable, Sendable {
    case count, distinct, sum, avg, min, max, first, last, stddev, percentile

    /// Whether it computes with numbers only.
    var needsNumbers: Bool { [.sum, .avg, .stddev, .percentile].contains(self) }
    /// Whether what is taken back in another window than it was added in leaves a number that says something: a difference.
    var addsUp: Bool { [.count, .sum].contains(self) }
    /// Whether it goes by the times of the values.
    var ordersByTime: Bool { self == .first || self == .last }
  }

  package var name: String
  package var function: Function
  /// Nil for `count()`.
  package var argument: Expression?
  /// Of a percentile, from 0 to 1.
  package var fraction = 0.0
  package var place: String
}
