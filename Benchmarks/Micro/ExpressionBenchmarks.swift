import Benchmark
import Change
import Expressions

private let rowCount = 100_000

/// One thread evaluates one expression over batches: conditions, and values that a computed column has.
func addExpressionBenchmarks() {
  let words = (0..<100).map { "'status \($0)'" }.joined(separator: ", ")
  let numbers = (0..<1000).map { "\($0 * 7)" }.joined(separator: ", ")
  let conditions = [
    ("decimal", "amount > 100.00"), ("text", "status <> 'draft'"), ("two", "status <> 'draft' and amount >= 10"),
    ("in 2 texts", "status in ('paid', 'sent')"), ("in 101 texts", "status in (\(words), 'paid')"),
    ("in 1,000 numbers", "customer in (\(numbers))"), ("like", "status like 'p%'"),
    ("regexp", "status regexp '^p.*d$'"), ("time", "ordered >= timestamp '2026-01-01 00:30:00'"),
  ]
  for (name, text) in conditions {
    addExpressionBenchmark("expression where \(name)", text) { evaluator, batch, changes, _, _ in
      var results: [Bool] = []
      try evaluator.test(batch, changes, into: &results)
      blackHole(results)
    }
  }
  let values = [
    ("decimal", "amount * 1.19"), ("integer", "customer % 100 + 1"),
    ("case", "case when amount > 100 then 'large' when amount > 10 then 'middle' else 'small' end"),
    ("concat", "concat(status, '-', id)"), ("date", "date_trunc('minute', ordered)"), ("sha256", "sha256(status)"),
  ]
  for (name, text) in values {
    addExpressionBenchmark("expression value \(name)", text) { evaluator, batch, changes, scratch, cells in
      scratch.removeAll()
      try evaluator.values(batch, changes, scratch: scratch, into: &cells)
      blackHole(cells)
    }
  }
}

private func addExpressionBenchmark(
  _ name: String, _ text: String,
  _ evaluate:
    @escaping @Sendable (ExpressionEvaluator, Batch, [UInt32], ScratchArena, inout [Cell]) throws -> Void
) {
  Benchmark(name) { benchmark in
    let batches = OrderRows.batches(rowCount)
    let changes = batches.map { Array(0..<UInt32($0.changes.count)) }
    let evaluator = ExpressionEvaluator(try Expression.parse(text).compiled(for: OrderRows.schema))
    let scratch = ScratchArena()
    var cells: [Cell] = []
    try benchmark.measure(rowCount) {
      for (batch, indexes) in zip(batches, changes) { try evaluate(evaluator, batch, indexes, scratch, &cells) }
    }
  }
}
