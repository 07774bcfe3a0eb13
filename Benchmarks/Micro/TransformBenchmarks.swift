import Benchmark
import Change
import Logging
import Pipeline

private let rowCount = 100_000

/// One thread takes batches through one transform each, then through a chain of three. Nobody else holds the batches, as
/// in a pipeline; they are made outside of what is measured.
func addTransformBenchmarks() {
  let table = ("table", text("bench.a"))
  let secret = ("secret", text("0123456789abcdef"))
  let only = Step("only", [("operations", list("insert", "update"))])
  let route = Step("route", [("from", text("bench.(.*)")), ("to", text("copy.$1"))])
  let cases: [(name: String, steps: [Step])] = [
    ("only", [only]),
    ("route", [route]),
    ("project run", [Step("project", [table, ("exclude", list("at", "status"))])]),
    ("project gather", [Step("project", [table, ("exclude", list("n")), ("order", list("amount"))])]),
    ("mask last4", [Step("mask", [table, ("columns", map([("b", text("last4"))]))])]),
    ("mask hash", [Step("mask", [table, ("columns", map([("status", text("hash"))])), secret])]),
    (
      "chain",
      [
        Step("mask", [table, ("columns", map([("status", text("hash")), ("b", text("last4"))])), secret]),
        Step("project", [table, ("exclude", list("n"))]), route,
      ]
    ),
  ]
  addStageBenchmark(secret)
  for (name, steps) in cases {
    addTransformBenchmark("transform \(name) A", steps) { ShopRows().insertBatches(rowCount) }
    addTransformBenchmark("transform \(name) B", steps) { ShopRows().mixtureBatches(rowCount) }
  }
}

/// The table of the stage benchmarks through a filter that leaves out a quarter of it, a computed column and a hash.
private func addStageBenchmark(_ secret: (String, OptionNode)) {
  let orders = ("table", text("shop.orders"))
  let filter = Step("filter", [orders, ("where", text("status <> 'draft'"))])
  let compute = Step("compute", [orders, ("columns", map([("gross", text("amount * 1.19"))]))])
  let mask = Step("mask", [orders, ("columns", map([("customer", text("hash"))])), secret])
  addTransformBenchmark("transform filter", [filter], count: 500_000) { OrderRows.batches(500_000) }
  addTransformBenchmark("transform compute", [compute], count: 500_000) { OrderRows.batches(500_000) }
  addTransformBenchmark("transform filter, compute, mask", [filter, compute, mask], count: 500_000) {
    OrderRows.batches(500_000)
  }
}

private func addTransformBenchmark(
  _ name: String, _ steps: [Step], count: Int = rowCount, _ make: @escaping @Sendable () -> [Batch]
) {
  Benchmark(name) { benchmark in
    let context = TransformContext(badRowPolicy: .stop, hasOneSource: true, logger: Logger(label: "benchmark"))
    let chain = try TransformChain(try steps.map { try $0.definition() }, context)
    var batches = make()
    try benchmark.measure(count) {
      while let batch = batches.popLast() { blackHole(try chain.apply(to: batch)) }
    }
  }
}

/// A verb with its block, as a pipeline file has it.
private struct Step: Sendable {
  private let verb: String
  private let block: OptionNode

  init(_ verb: String, _ entries: [(String, OptionNode)]) {
    self.verb = verb
    block = map(entries)
  }

  func definition() throws -> any TransformDefinition {
    guard let verb = Verbs.all.first(where: { $0.name == verb }) else { throw Failure(.usage, "no verb \(verb)") }
    let options = OptionBlock(block, options: verb.options)
    return try read(options) { verb.definition(options, &$0) }
  }
}

/// What a block of a pipeline file says.
func read<Definition>(_ block: OptionBlock, _ definition: (inout BlockProblems) -> Definition?) throws -> Definition {
  var problems = BlockProblems(block)
  guard let read = definition(&problems), problems.isEmpty else {
    throw problems.failures.first ?? Failure(.internal, "a definition is missing, and nothing tells why")
  }
  return read
}

private let place = Place(file: "benchmark", line: 0, column: 0)

private func text(_ text: String) -> OptionNode { OptionNode(.scalar(text, isPlain: true), at: place) }

private func list(_ texts: String...) -> OptionNode { OptionNode(.list(texts.map(text)), at: place) }

private func map(_ entries: [(String, OptionNode)]) -> OptionNode {
  OptionNode(.map(entries.map { OptionNode.Entry(key: $0.0, keyPlace: place, value: $0.1) }), at: place)
}
