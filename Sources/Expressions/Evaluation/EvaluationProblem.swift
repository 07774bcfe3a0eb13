import Change

/// Why a row has no result. It travels through the registers as a value, so that a branch that is not taken does no harm.
enum EvaluationProblem: UInt8, Sendable {
  case absent, overflow, badText, tooLong, patternLimit, malformed

  var message: String {
    switch self {
    case .absent: "the change does not hold this column's value"
    case .overflow: "a result is out of range"
    case .badText: "a text is not a value of the type that it is cast to"
    case .tooLong: "a text becomes too long"
    case .patternLimit: "a regular expression takes too many steps, or its text is not UTF-8"
    case .malformed: "a value is not what its column's type says"
    }
  }

  var hint: String {
    switch self {
    case .absent: "let the source log whole rows (binlog_row_image=FULL)"
    case .overflow: "cast an operand to decimal(…) or double, or exclude such rows"
    case .badText: "try_cast gives NULL instead"
    case .tooLong: "shorten it with left(…)"
    case .patternLimit: "write a pattern that backtracks less"
    case .malformed: ""
    }
  }

  var code: Failure.Code {
    switch self {
    case .tooLong, .patternLimit: .limit
    default: .badValue
    }
  }
}

extension Cell {
  /// The mark of a row without a result: where, and why. `absent` is never a result itself.
  static func problem(_ problem: EvaluationProblem, at place: Int32) -> Cell {
    Cell(.absent, UInt64(UInt32(bitPattern: place)) << 8 | UInt64(problem.rawValue))
  }

  var isProblem: Bool { tag == .absent }
  var problem: EvaluationProblem { EvaluationProblem(rawValue: UInt8(truncatingIfNeeded: payload)) ?? .malformed }
  var problemPlace: Int { Int(payload >> 8) }
}
