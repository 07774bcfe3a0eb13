package import Change
import PatternMatching

/// A row for which an expression has no result.
package struct RowProblem: Sendable, BitwiseCopyable {
  /// Index into the changes of the call.
  package let row: Int
  let reason: EvaluationProblem
  let place: Int

  /// Whether the change does not hold what the expression needs, and there is nothing wrong with the row.
  package var isAbsent: Bool { reason == .absent }
}

/// Runs a program over many rows at once: each instruction over a run of rows, then the next.
///
/// Nothing is allocated, retained or released for a row or a value. A branch that is not taken is computed as well; what
/// fails there is marked in its register and forgotten with it.
///
/// *Thread*: one at a time; it is not `Sendable`.
package final class ExpressionEvaluator {
  /// Which image of a change plain columns mean.
  package enum Image: Sendable {
    /// The row after the change, or the row that was deleted.
    case row
    /// The row before an update or a delete. A change without one has NULL in every column.
    case before
  }

  /// Rows that one instruction works on: their registers stay in the nearest cache.
  static let width = 256

  package let program: ExpressionProgram
  /// Whether a row without a result is noted in `problems`, and does not end the call. Its result is false, or `absent`.
  package var notesProblems = false
  /// The rows of the last call that have no result, ascending.
  package private(set) var problems: [RowProblem] = []
  /// After a failure, the index into `changes` of the row that has no result.
  package private(set) var failedRow: Int?

  let registers: UnsafeMutablePointer<Cell>
  /// For each row of the run, the first cell of the images; `RowChange.noCells` where there is none.
  let rows: UnsafeMutablePointer<UInt32>
  let others: UnsafeMutablePointer<UInt32>
  let before: UnsafeMutablePointer<UInt32>
  let powers: UnsafeMutablePointer<Int64>
  let matchers: [Matcher]
  private let ownScratch = ScratchArena(capacity: 4 << 10)

  // What is lent for one call, and the rows of one run.
  @exclusivity(unchecked) var cells = UnsafePointer<Cell>(bitPattern: 16)!  // never read: a call replaces it
  @exclusivity(unchecked) var arena = UnsafePointer<UInt8>(bitPattern: 16)!  // never read: a call replaces it
  @exclusivity(unchecked) var arenaCount = 0
  /// Unmanaged, because a reference would be counted with each use; the caller holds it.
  @exclusivity(unchecked) private var scratch: Unmanaged<ScratchArena>
  /// Where the scratch memory begins; moves when that grows.
  @exclusivity(unchecked) private(set) var scratchBase: UnsafePointer<UInt8>
  @exclusivity(unchecked) var count = 0

  package init(_ program: ExpressionProgram) {
    self.program = program
    let width = ExpressionEvaluator.width
    registers = .allocate(capacity: max(1, program.parts.registerCount) * width)
    registers.initialize(repeating: .null, count: max(1, program.parts.registerCount) * width)
    rows = .allocate(capacity: width)
    others = .allocate(capacity: width)
    before = .allocate(capacity: width)
    powers = .allocate(capacity: 19)
    var power: Int64 = 1
    for exponent in 0..<19 {
      powers[exponent] = power
      if exponent < 18 { power *= 10 }
    }
    matchers = program.parts.patterns.map(Matcher.init)
    scratch = .passUnretained(ownScratch)
    scratchBase = UnsafePointer(ownScratch.base)
  }

  deinit {
    registers.deallocate()
    rows.deallocate()
    others.deallocate()
    before.deallocate()
    powers.deallocate()
  }

  /// Writes for each of `changes` whether the condition is true there; false where it is false or NULL.
  ///
  /// - Parameter changes: indexes into `batch.changes`, ascending, all of the program's schema.
  /// - Throws: `.badValue` or `.limit` for a row without a result; `failedRow` says which. Never the row's values.
  package func test(
    _ batch: Batch, _ changes: [UInt32], image: Image = .row, into results: inout [Bool]
  ) throws(Failure) {
    ownScratch.removeAll()
    if results.count != changes.count { results = [Bool](repeating: false, count: changes.count) }
    try results.withUnsafeMutableBufferPointer { (results) throws(Failure) in
      try run(batch, changes, image, ownScratch, keepsTexts: false) { (run, first) in
        for index in run.indices { results[first + index] = run[index].tag == .boolean && run[index].payload != 0 }
      }
    }
  }

  /// Writes the expression's value for each of `changes`.
  ///
  /// Slices lie in the batch's arena or behind it, in `scratch` (see `ScratchArena`), until that is emptied.
  /// - Parameter changes: indexes into `batch.changes`, ascending, all of the program's schema.
  /// - Throws: `.badValue` or `.limit` for a row without a result; `failedRow` says which. Never the row's values.
  package func values(
    _ batch: Batch, _ changes: [UInt32], image: Image = .row, scratch: ScratchArena, into results: inout [Cell]
  ) throws(Failure) {
    results.removeAll(keepingCapacity: true)
    results.reserveCapacity(changes.count)
    try run(batch, changes, image, scratch, keepsTexts: true) { (run, _) in results.append(contentsOf: run) }
    for problem in problems { results[problem.row] = .absent }
  }

  private func run(
    _ batch: Batch, _ changes: [UInt32], _ image: Image, _ scratch: ScratchArena, keepsTexts: Bool,
    _ take: (UnsafeBufferPointer<Cell>, Int) -> Void
  ) throws(Failure) {
    failedRow = nil
    problems.removeAll(keepingCapacity: true)
    borrow(scratch)
    defer { borrow(ownScratch) }
    try batch.cells.withUnsafeBufferPointer { (cells) throws(Failure) in
      try batch.arena.withUnsafeBufferPointer { (arena) throws(Failure) in
        if let base = cells.baseAddress { self.cells = base }
        if let base = arena.baseAddress { self.arena = base }
        arenaCount = arena.count
        try loadConstants(min(changes.count, ExpressionEvaluator.width))
        let mark = scratch.count
        var first = 0
        while first < changes.count {
          count = min(ExpressionEvaluator.width, changes.count - first)
          place(batch, changes, first, image)
          execute(batch, changes, first)
          let results = register(program.parts.result)
          try check(results, first)
          take(UnsafeBufferPointer(start: results, count: count), first)
          if !keepsTexts { scratch.rewind(to: mark) }
          first += count
        }
      }
    }
  }

  private func borrow(_ scratch: ScratchArena) {
    self.scratch = .passUnretained(scratch)
    scratchBase = UnsafePointer(scratch.base)
  }

  // MARK: The scratch memory

  /// Room for `length` bytes; nil beyond the limit. Moves what was there: take operands' bytes afterwards.
  func reserve(_ length: Int) -> UnsafeMutablePointer<UInt8>? {
    scratch._withUnsafeGuaranteedRef { scratch in
      let memory = scratch.reserve(length)
      scratchBase = UnsafePointer(scratch.base)
      return memory
    }
  }

  /// Makes reserved bytes part of the content and returns their offset behind the batch's arena.
  func commit(_ length: Int) -> Int { arenaCount + scratch._withUnsafeGuaranteedRef { $0.commit(length) } }

  /// What was committed so far.
  var scratchCount: Int { scratch._withUnsafeGuaranteedRef { $0.count } }

  func rewindScratch(to mark: Int) { scratch._withUnsafeGuaranteedRef { $0.rewind(to: mark) } }

  @inline(__always) func register(_ index: UInt16) -> UnsafeMutablePointer<Cell> {
    registers + Int(index) * ExpressionEvaluator.width
  }

  /// Fills the registers of constants; a slice is copied to the scratch memory once for a call.
  private func loadConstants(_ count: Int) throws(Failure) {
    let bytes = program.parts.constantBytes
    guard let memory = reserve(bytes.count) else {
      throw Failure(.limit, "the texts of expressions take more than \(ScratchArena.byteLimit) bytes")
    }
    for index in bytes.indices { memory[index] = bytes[index] }
    let offset = commit(bytes.count)
    for (register, constant) in program.parts.constants {
      let cell =
        constant.isSlice
        ? Cell.slice(constant.tag, offset: constant.offset + offset, length: constant.length, scale: constant.scale)
        : constant
      self.register(register).update(repeating: cell, count: count)
    }
  }

  /// Where the images of a run's rows begin.
  private func place(_ batch: Batch, _ changes: [UInt32], _ first: Int, _ image: Image) {
    batch.changes.withUnsafeBufferPointer { all in
      changes.withUnsafeBufferPointer { changes in
        let isBefore = image == .before
        for index in 0..<count {
          let change = all[Int(changes[first + index])]
          before[index] = change.before
          rows[index] = change.hasAfter && !isBefore ? change.after : change.before
          others[index] = isBefore ? RowChange.noCells : change.before
        }
      }
    }
  }

  private func check(_ results: UnsafePointer<Cell>, _ first: Int) throws(Failure) {
    for index in 0..<count where results[index].isProblem {
      let problem = RowProblem(
        row: first + index, reason: results[index].problem, place: results[index].problemPlace)
      guard notesProblems else {
        failedRow = problem.row
        throw failure(of: problem)
      }
      problems.append(problem)
    }
  }

  /// Why a row has no result. Never the row's values.
  package func failure(of problem: RowProblem) -> Failure {
    let places = program.parts.places
    return Failure(
      problem.reason.code, "an expression has no result for a row: \(problem.reason.message)",
      at: problem.place < places.count ? "\(places[problem.place])" : "", hint: problem.reason.hint
    ).behind(program.name)
  }

  /// The value of a node whose operands are constants; nil when it has none, which is then found out row by row.
  static func constant(_ node: CheckedNode) throws(Failure) -> Constant? {
    let evaluator = ExpressionEvaluator(try ExpressionCompiler.program(of: node))
    let scratch = ScratchArena(capacity: 256)
    evaluator.borrow(scratch)
    evaluator.count = 1
    evaluator.arenaCount = 0
    try evaluator.loadConstants(1)
    for instruction in evaluator.program.parts.instructions {
      guard case .apply(let opcode) = instruction.kind else { return nil }
      evaluator.apply(opcode, instruction)
    }
    let cell = evaluator.register(evaluator.program.parts.result)[0]
    guard !cell.isProblem else { return nil }
    guard cell.isSlice else { return Constant(cell: cell) }
    return withExtendedLifetime(scratch) {
      .slice(cell.tag, evaluator.bytes(of: cell), scale: Int(cell.scale))
    }
  }
}
