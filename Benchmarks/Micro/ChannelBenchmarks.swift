import AsyncAlgorithms
import Benchmark
import Change
import Flow

private typealias YardstickChannel = MultiProducerSingleConsumerAsyncChannel<Batch, Never>

/// A stage on each side of a channel, each on its own thread, as in a pipeline.
private struct Stages {
  private let sending = DedicatedThread(name: "sending")
  private let receiving = DedicatedThread(name: "receiving")

  /// Runs both to their end.
  func run(
    send: @escaping @Sendable () async throws -> Void, receive: @escaping @Sendable () async throws -> Int
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(executorPreference: sending) { try await send() }
      group.addTask(executorPreference: receiving) {
        let received = try await receive()
        precondition(received == batchCount, "a channel hands on what it was given")
      }
      try await group.waitForAll()
    }
  }
}

private let batchCount = 100_000

/// How many batches a channel holds.
private enum Room: Int, CaseIterable {
  case roomy = 4096
  case full = 8

  var name: String { self == .roomy ? "with room" : "under back-pressure" }
}

func addChannelBenchmarks() {
  let stages = Stages()
  let batch = smallBatch()
  for room in Room.allCases {
    let bytes = batch.byteCount * room.rawValue
    // How often a side must wait, and so allocate, is the scheduler's choice: the threshold is a coarse bound.
    var configuration = Benchmark.defaultConfiguration
    configuration.thresholds = [.allocations: BenchmarkThresholds(absolute: [.p90: 400])]
    Benchmark("channel \(room.name) - BatchChannel", configuration: configuration) { benchmark in
      try await benchmark.measure(batchCount) {
        let channel = BatchChannel(name: "measured", byteLimit: bytes)
        try await stages.run {
          for _ in 0..<batchCount { try await channel.send(batch) }
          channel.finish()
        } receive: {
          try await drain(channel)
        }
      }
    }
    Benchmark("channel \(room.name) - MultiProducerSingleConsumerAsyncChannel") { benchmark in
      try await benchmark.measure(batchCount) { try await runYardstick(stages, batch, byteLimit: bytes) }
    }
  }
}

private func drain(_ channel: BatchChannel) async throws -> Int {
  var received = 0
  while true {
    let reception = try await channel.receiveAll()
    received += reception.batches.count
    if reception.isLast { return received }
  }
}

/// The same work through the yardstick, bounded by the same weights. It receives one element at a time.
private func runYardstick(_ stages: Stages, _ batch: Batch, byteLimit: Int) async throws {
  var channelAndSource = YardstickChannel.makeChannel(
    backpressureStrategy: .watermark(low: byteLimit / 2, high: byteLimit) { $0.byteCount })
  let channel = Handover(channelAndSource.takeChannel())
  let source = Handover(channelAndSource.source)
  try await stages.run {
    var source = source.take()
    for _ in 0..<batchCount { try await source.send(batch) }
    source.finish()
  } receive: {
    var channel = channel.take()
    var received = 0
    while await channel.next() != nil { received += 1 }
    return received
  }
}

/// Carries a value that cannot be copied into the one task that takes it.
private final class Handover<Value: ~Copyable>: @unchecked Sendable {
  // Filled before the task starts, and taken by that task alone: two threads never see it at once.
  private var value: Value?

  init(_ value: consuming sending Value) { self.value = consume value }

  func take() -> Value {
    guard let value = value.take() else { preconditionFailure("a value is taken once") }
    return value
  }
}

/// One row: what a quiet source sends, so that the channel's own costs show.
private func smallBatch() -> Batch {
  let shop = ShopRows()
  let builder = BatchBuilder(byteLimit: 1024)
  shop.appendInserts(of: 0..<1, to: builder)
  return builder.take(position: shop.position)
}
