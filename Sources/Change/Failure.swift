/// Why something stopped, told to a person: what was attempted, where, and what to do about it.
///
/// Never holds row values or credentials. Log it once, where it is handled.
public struct Failure: Error, Sendable, CustomStringConvertible {
  public var code: Code
  /// Lower case; what was attempted and what came of it, names in quotes.
  public var message: String
  /// What a person can do; empty when the message says it all.
  public var hint: String
  /// Where: `pipeline.yaml:3:7`, `binlog.000004:1234`, `table "shop.orders"`; empty when there is no place.
  public var place: String
  /// The error of another library behind this one, as it describes itself.
  public var cause: String

  public init(_ code: Code, _ message: String, at place: String = "", hint: String = "", cause: String = "") {
    self.code = code
    self.message = message
    self.place = place
    self.hint = hint
    self.cause = cause
  }

  public var description: String {
    var text = place.isEmpty ? "" : "\(place): "
    text += "\(message) [\(code.rawValue)]"
    if !cause.isEmpty { text += "\n  cause: \(cause)" }
    if !hint.isEmpty { text += "\n  hint: \(hint)" }
    return text
  }

  /// The same failure with a place, unless it has one.
  public func at(_ place: String) -> Failure {
    var failure = self
    if failure.place.isEmpty { failure.place = place }
    return failure
  }
}

extension Failure {
  /// The stable, documented name of a kind of failure. What follows from it stands in one table: `remedy` and `exitStatus`.
  public enum Code: String, Sendable, CaseIterable {
    case usage
    case configuration
    /// A server does not answer, or a connection broke.
    case unreachable
    /// A server answers, but asks to come back: it is starting, shutting down or out of connections.
    case busy
    /// A deadlock, a lock that was not granted in time, a serialization failure.
    case conflict
    case authentication
    /// A grant or a file permission is missing.
    case permission
    /// A server's setting makes capture impossible.
    case serverSetting
    /// The wanted start position is no longer, or was never, in the log.
    case positionLost
    /// Another server, another log or another source than the one that the checkpoint was made from.
    case identity
    /// Bytes of a log that cannot be what a server wrote.
    case corruptLog
    /// A part of the log that this version cannot carry, and must not skip.
    case unsupportedLog
    /// The log's columns and the known schema do not agree.
    case schemaMismatch
    /// A schema change that the pipeline's policy does not let pass, or that cannot be carried out at the target.
    case schemaChange
    /// A value that the target cannot hold exactly.
    case badValue
    /// The target's table has another shape than the changes need.
    case targetShape
    /// Another writer with a higher epoch has taken over.
    case fenced
    /// Stored state (checkpoint, manifest, state directory) is damaged or from a newer version.
    case corruptState
    case diskFull
    case inputOutput
    /// Something exceeds a stated limit.
    case limit
    /// A defect of ours.
    case `internal`
  }

  public enum Remedy: Sendable {
    /// The same attempt can succeed at once.
    case retryNow
    /// It can succeed after a while, with backoff.
    case retryLater
    /// A person must act; then the pipeline goes on from its checkpoint.
    case person
    /// No retry can ever help; what is running is wrong.
    case never
  }
}

extension Failure.Code {
  /// The one table from failure to consequence: whether to try again, and the exit status (sysexits.h) when nobody does.
  private var consequence: (remedy: Failure.Remedy, exitStatus: Int32) {
    switch self {
    case .usage: (.never, 64)
    case .configuration: (.never, 78)
    case .unreachable: (.retryLater, 69)
    case .busy: (.retryLater, 75)
    case .conflict: (.retryNow, 75)
    case .authentication: (.person, 77)
    case .permission: (.person, 77)
    case .serverSetting: (.person, 78)
    case .positionLost: (.person, 65)
    case .identity: (.person, 65)
    case .corruptLog: (.person, 65)
    case .unsupportedLog: (.person, 65)
    case .schemaMismatch: (.person, 65)
    case .schemaChange: (.person, 65)
    case .badValue: (.person, 65)
    case .targetShape: (.person, 65)
    case .fenced: (.person, 75)
    case .corruptState: (.person, 65)
    case .diskFull: (.person, 74)
    case .inputOutput: (.person, 74)
    case .limit: (.person, 65)
    case .internal: (.never, 70)
    }
  }

  public var remedy: Failure.Remedy { consequence.remedy }
  public var exitStatus: Int32 { consequence.exitStatus }
}
