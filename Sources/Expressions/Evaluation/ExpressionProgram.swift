package import Change
import PatternMatching

/// An expression that is checked against one table's schema and compiled: immutable, to be shared by evaluators.
package final class ExpressionProgram: Sendable {
  struct Instruction: Sendable {
    enum Kind: Sendable {
      case load(column: Int, image: Expression.Image)
      case field(Expression.ChangeField)
      case apply(Opcode)
    }

    var kind: Kind
    /// Registers. `third` is the one before the first for operations with fewer operands.
    var result: UInt16
    var first: UInt16 = 0
    var second: UInt16 = 0
    var third: UInt16 = 0
    var immediate = 0
    /// Operands of an operation with any number of them: a range of `operands`.
    var operandStart: Int32 = 0
    var operandCount: Int32 = 0
    /// Index into the table of the resource's kind.
    var resource: Int32 = 0
    /// Index into `places`.
    var place: Int32 = 0
  }

  struct Parts: Sendable {
    var instructions: [Instruction] = []
    var operands: [UInt16] = []
    /// Registers that hold constants; slices point into `constantBytes`.
    var constants: [(register: UInt16, cell: Cell)] = []
    var constantBytes: [UInt8] = []
    var patterns: [Pattern] = []
    var paths: [JSONPath] = []
    var sets: [MemberSet] = []
    var formats: [[UInt8]] = []
    var places: [SourcePlace] = []
    var registerCount = 0
    var result: UInt16 = 0
  }

  let parts: Parts
  /// What the expression gives.
  package let type: ValueType
  /// The columns that it reads, as indexes into the schema's columns, ascending.
  package let columns: [Int]
  /// Whether it reads `old.…`.
  package let readsBefore: Bool
  /// Whether it reads what a change knows of itself (`change.…`), beyond the names of its table.
  package let readsChange: Bool
  /// For messages: what the text is called, for example `pipeline.yaml:12:9`.
  package let name: String

  init(_ parts: Parts, type: ValueType, name: String) {
    self.parts = parts
    self.type = type
    self.name = name
    var columns: Set<Int> = []
    var readsBefore = false
    for instruction in parts.instructions {
      guard case .load(let column, let image) = instruction.kind else { continue }
      columns.insert(column)
      if image == .before { readsBefore = true }
    }
    readsChange = parts.instructions.contains { if case .field = $0.kind { true } else { false } }
    self.columns = columns.sorted()
    self.readsBefore = readsBefore
  }
}

extension Expression {
  /// The expression over the rows of one table, with the type of its results.
  ///
  /// Errors: `.configuration` with the place in the text, behind `name` where one is given.
  package func compiled(for schema: TableSchema, in name: String = "") throws(Failure) -> ExpressionProgram {
    do throws(Failure) {
      let checker = Checker(schema: schema)
      return try ExpressionCompiler.program(of: try checker.finished(try checker.check(self)), name: name)
    } catch {
      throw error.behind(name)
    }
  }

  /// The expression as a condition: its results are true, false or NULL.
  package func compiledAsCondition(
    for schema: TableSchema, in name: String = ""
  ) throws(Failure) -> ExpressionProgram {
    do throws(Failure) {
      return try ExpressionCompiler.program(of: try Checker(schema: schema).condition(self), name: name)
    } catch {
      throw error.behind(name)
    }
  }
}
