/// How several sources are brought into one order (`order:`).
package struct OrderSettings: Hashable, Sendable {
  /// What happens to a transaction whose commit time was promised not to come any more.
  package enum LatePolicy: String, CaseIterable, Sendable {
    /// It goes on with a commit time behind the promise.
    case emit
    /// The pipeline stops before it.
    case stop
  }

  /// Nanoseconds of silence after which a source does not hold the others back any more; nil: it always does.
  package var idleAfter: UInt64?
  package var late: LatePolicy

  package static let defaultIdleAfter: UInt64 = 5_000_000_000

  package init(idleAfter: UInt64? = OrderSettings.defaultIdleAfter, late: LatePolicy = .emit) {
    self.idleAfter = idleAfter
    self.late = late
  }
}
