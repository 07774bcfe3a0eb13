import Change
import PatternMatching

/// One step of a checked expression: what to do with which operands, and what comes of it.
struct CheckedNode: Sendable {
  enum Action: Sendable {
    case constant(Constant)
    case load(column: Int, image: Expression.Image)
    case field(Expression.ChangeField)
    case apply(Opcode)
  }

  /// What an operation needs besides its operands, prepared once.
  enum Resource: Sendable {
    case pattern(Pattern)
    case path(JSONPath)
    case members(MemberSet)
    case bytes([UInt8])
  }

  var action: Action
  var operands: [CheckedNode] = []
  /// A parameter of the operation; each `Opcode` says which.
  var immediate = 0
  var resource: Resource?
  var type: ValueType
  var place: SourcePlace

  var constant: Constant? {
    if case .constant(let constant) = action { constant } else { nil }
  }
}

/// A value that is known when the expression is compiled. A slice points into `bytes`.
struct Constant: Sendable {
  var cell: Cell
  var bytes: [UInt8] = []

  static let null = Constant(cell: .null)

  static func slice(_ tag: Cell.Tag, _ bytes: some Sequence<UInt8>, scale: Int = 0) -> Constant {
    let bytes = Array(bytes)
    return Constant(cell: .slice(tag, offset: 0, length: bytes.count, scale: UInt8(scale)), bytes: bytes)
  }
}
