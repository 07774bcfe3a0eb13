import Change
import Flow

/// Takes every batch from the order stage through the transforms to every sink's channel, on a thread of its own.
///
/// *Ordering*: batches leave in the order in which they came; a watermark leaves right behind the batches that came before
/// it. *Back-pressure*: a full channel of a sink suspends the stage, and so, through `input`, the source. *End*: it finishes
/// and fails with its neighbours, in both directions.
struct TransformStage: Sendable {
  let input: BatchChannel
  let outputs: [BatchChannel]
  let definitions: [any TransformDefinition]
  let context: TransformContext
  let meter: TransformMeter

  /// - Parameter check: whether the transforms suit the tables that there are, before any row passes.
  func run(check: () async throws -> Void) async throws {
    do {
      try await check()
      meter.begin()
      let chain = try TransformChain(definitions, context)
      while try await pass(chain) {}
      for output in outputs { output.finish() }
    } catch {
      input.fail(error)
      for output in outputs { output.fail(error) }
      throw error
    }
  }

  /// Passes on what has come; returns whether more can come.
  private func pass(_ chain: TransformChain) async throws -> Bool {
    var reception = try await input.receiveAll()
    reception.batches.reverse()
    while let batch = try transformLast(of: &reception.batches, chain) {
      let sent = MonotonicTime.now()
      try await outputs.send(consume batch)
      meter.add(blocked: MonotonicTime.now() &- sent, processor: ProcessUsage.threadNanoseconds())
    }
    for output in outputs { output.advance(to: reception.watermark) }
    return !reception.isLast
  }

  /// The only reference to the batch goes into the chain, which can then change it in place.
  private func transformLast(of batches: inout [Batch], _ chain: TransformChain) throws(Failure) -> Batch? {
    guard let batch = batches.popLast() else { return nil }
    return try chain.apply(to: consume batch)
  }
}
