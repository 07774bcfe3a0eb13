/// How several sources are brought into one order (`order:`).
package struct OrderSettings: Hashable, Sendable {
  /// What happens to a transaction whose commit time was promised not to come any more.
  package enum LatePolicy: String, CaseIterable, Sendable {
    /// It goes on with a commit time behind the promise.
    case emit
    /// Its rows do not go on: what is told of them goes to the tables of what was set aside.
    case quarantine
    /// The pipeline stops before it.
    case stop
  }

  /// What happens to a row that has the key of a row of another source.
  package enum SharedKeyPolicy: String, CaseIterable, Sendable {
    /// The pipeline stops before it.
    case stop
    /// It takes the other's place.
    case last
  }

  /// Nanoseconds of silence after which a source does not hold the others back any more; nil: it always does.
  package var idleAfter: UInt64?
  package var late: LatePolicy
  package var sharedKeys: SharedKeyPolicy

  package static let defaultIdleAfter: UInt64 = 5_000_000_000

  package init(
    idleAfter: UInt64? = OrderSettings.defaultIdleAfter, late: LatePolicy = .emit,
    sharedKeys: SharedKeyPolicy = .stop
  ) {
    self.idleAfter = idleAfter
    self.late = late
    self.sharedKeys = sharedKeys
  }
}
