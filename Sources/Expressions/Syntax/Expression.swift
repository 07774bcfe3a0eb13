/// An expression as it was written: a tree in which each node knows its place.
package struct Expression: Sendable {
  package let form: Form
  /// Where the node's operator, name or literal stands.
  package let place: SourcePlace
  /// How many nodes lie above each other at most, this one included.
  let depth: Int

  package enum Image: Sendable { case row, before }

  package indirect enum Form: Sendable {
    case literal(Literal)
    case column(name: String, image: Image)
    case field(ChangeField)
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    case truth(Expression, TruthTest, isNegated: Bool)
    case like(Expression, pattern: Expression, escape: Expression?, isNegated: Bool)
    case regexp(Expression, pattern: Expression, isNegated: Bool)
    case between(Expression, low: Expression, high: Expression, isNegated: Bool)
    case member(Expression, of: [Expression], isNegated: Bool)
    case choice(subject: Expression?, branches: [Branch], otherwise: Expression?)
    case cast(Expression, to: CastTarget, isLenient: Bool)
    case call(name: String, arguments: [Expression])
    case interval(Expression, unit: TimeUnit)
    case path(Expression, path: String, asText: Bool)
  }

  package struct Branch: Sendable {
    let condition: Expression
    let value: Expression
  }

  package enum Literal: Sendable {
    case null
    case boolean(Bool)
    /// Digits, with a decimal point where `isDecimal`.
    case number(String, isDecimal: Bool)
    case float(Double)
    case text(String)
    case date(String)
    case time(String)
    case timestamp(String)
  }

  package enum UnaryOperator: Sendable { case negate, not }

  package enum BinaryOperator: String, Sendable {
    case or, xor, and
    case equal = "="
    case same = "<=>"
    case notEqual = "<>"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case divideWhole = "div"
    case remainder = "%"
  }

  package enum TruthTest: Sendable { case null, yes, no }

  /// What a change knows of itself: `change.operation`.
  package enum ChangeField: String, Sendable, CaseIterable {
    /// `insert`, `update`, `delete` or `read`.
    case operation
    case table
    case schema
    /// When the transaction was committed.
    case commitTime = "commit_time"
    /// When the statement ran.
    case time
  }

  package enum TimeUnit: String, Sendable, CaseIterable {
    case microsecond, second, minute, hour, day, week, month, quarter, year
  }

  package enum CastTarget: Hashable, Sendable {
    case signed, unsigned, float, date
    case decimal(precision: Int, scale: Int)
    case text(length: Int?)
    case time(fraction: Int)
    case timestamp(fraction: Int)
  }
}

extension Expression {
  init(_ form: Form, at place: SourcePlace, over operands: [Expression] = []) {
    self.form = form
    self.place = place
    depth = 1 + (operands.map(\.depth).max() ?? 0)
  }
}
