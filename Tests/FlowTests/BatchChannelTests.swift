import Change
import Flow
import Testing

/// A batch whose rows carry `number`, with about `bytes` bytes of arena.
func makeBatch(_ number: Int, bytes: Int = 16, rows: Int = 1) -> Batch {
  Batch(
    arena: [UInt8](repeating: 7, count: bytes), cells: [],
    changes: (0..<rows).map { _ in
      RowChange(operation: .insert, schema: 0, time: EventTime(microseconds: 0), logOffset: UInt64(number))
    }, transactions: [], schemas: [], schemaChanges: [],
    position: Position(text: "\(number)", token: "\(number)"), logBytes: bytes, readAt: 1)
}

func numbers(_ reception: BatchChannel.Reception) -> [Int] { reception.batches.compactMap { Int($0.position.text) } }

/// Returns once `condition` holds; the test's time limit ends a wait for something that never comes.
func eventually(_ condition: () -> Bool) async throws {
  while !condition() { try await Task.sleep(nanoseconds: 200_000) }
}

@Suite(.timeLimit(.minutes(1))) struct BatchChannelTests {
  /// Of two equal batches one may be some bytes larger: an array takes what the allocator gives.
  let size = makeBatch(0).byteCount

  @Test func receivingTakesEverythingThatIsQueuedInItsOrder() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size * 10)
    let batches = (1...5).map { makeBatch($0) }
    for batch in batches { try await channel.send(batch) }
    #expect(channel.gauges.batches == 5)
    #expect(channel.gauges.rows == 5)
    #expect(channel.gauges.bytes == batches.reduce(0) { $0 + $1.byteCount })
    let reception = try await channel.receiveAll()
    #expect(numbers(reception) == [1, 2, 3, 4, 5])
    #expect(!reception.isLast)
    #expect(channel.gauges.bytes == 0 && channel.gauges.rows == 0 && channel.gauges.batches == 0)
    #expect(try channel.takeAll() == nil)
  }

  @Test func onlyTheReceiverHoldsABatchThatWasQueued() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    try await channel.send(makeBatch(1))
    // This one waits for its turn.
    let sender = Task { try await channel.send(makeBatch(2)) }
    for number in 1...2 {
      var reception = try await channel.receiveAll()
      #expect(numbers(reception) == [number])
      // A `let` or `#require` would hold it as well.
      let isAlone = reception.batches.withUnsafeMutableBufferPointer { isKnownUniquelyReferenced(&$0[0]) }
      #expect(isAlone)
    }
    try await sender.value
  }

  @Test func queuedBytesNeverExceedTheLimit() async throws {
    let limit = size * 7 / 2
    let channel = BatchChannel(name: "test", byteLimit: limit)
    let sent = Shared(0)
    try await withThrowingTaskGroup { group in
      group.addTask {
        for number in 1...100 {
          try await channel.send(makeBatch(number))
          sent.withLock { $0 += 1 }
        }
        channel.finish()
      }
      try await eventually { channel.gauges.batches == 3 }
      try await Task.sleep(nanoseconds: 5_000_000)
      #expect(sent.value == 3)
      var received: [Int] = []
      while true {
        #expect(channel.gauges.bytes <= limit)
        let reception = try await channel.receiveAll()
        #expect(reception.batches.count <= 3)
        received += numbers(reception)
        if reception.isLast { break }
      }
      #expect(received == Array(1...100))
      #expect(channel.gauges.blockedNanoseconds > 0)
      try await group.waitForAll()
    }
  }

  @Test func queuedRowsNeverExceedTheLimit() async throws {
    let channel = BatchChannel(name: "test", byteLimit: 1 << 20, rowLimit: 10)
    try await channel.send(makeBatch(1, rows: 6))
    let sender = Task { try await channel.send(makeBatch(2, rows: 5)) }
    try await Task.sleep(nanoseconds: 5_000_000)
    #expect(channel.gauges.rows == 6)
    #expect(try await numbers(channel.receiveAll()) == [1])
    try await sender.value
    #expect(try await numbers(channel.receiveAll()) == [2])
  }

  @Test func aBatchLargerThanTheLimitIsAdmittedAlone() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size * 2)
    try await channel.send(makeBatch(1))
    let sender = Task {
      try await channel.send(makeBatch(2, bytes: size * 100))
      try await channel.send(makeBatch(3))
    }
    try await Task.sleep(nanoseconds: 5_000_000)
    #expect(channel.gauges.batches == 1)
    #expect(try await numbers(channel.receiveAll()) == [1])
    try await eventually { channel.gauges.batches == 1 }
    #expect(try await numbers(channel.receiveAll()) == [2])
    try await sender.value
    #expect(try await numbers(channel.receiveAll()) == [3])
  }

  @Test func waitingSendersAreAdmittedInTheOrderInWhichTheyCame() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    try await channel.send(makeBatch(0))
    var senders: [Task<Void, any Error>] = []
    for number in 1...8 {
      senders.append(Task { try await channel.send(makeBatch(number, bytes: number % 3 == 0 ? size * 4 : 16)) })
      // Long enough that each stands in line before the next comes.
      try await Task.sleep(nanoseconds: 3_000_000)
    }
    var received: [Int] = []
    while received.count < 9 {
      received += try await numbers(channel.receiveAll())
      if received.count == 3 {
        // A newcomer does not overtake those who wait.
        senders.append(Task { try await channel.send(makeBatch(9)) })
        try await Task.sleep(nanoseconds: 3_000_000)
      }
    }
    received += try await numbers(channel.receiveAll())
    #expect(received == Array(0...9))
    for sender in senders { try await sender.value }
  }

  @Test func watermarksCoalesceAndOvertakeNothingThatWasSentBefore() async throws {
    let channel = BatchChannel(name: "test", byteLimit: 1 << 20)
    channel.advance(to: EventTime(microseconds: 5))
    channel.advance(to: EventTime(microseconds: 9))
    channel.advance(to: EventTime(microseconds: 7))
    let first = try await channel.receiveAll()
    #expect(first.batches.isEmpty)
    #expect(first.watermark == EventTime(microseconds: 9))
    #expect(try channel.takeAll() == nil)
    try await channel.send(makeBatch(1))
    channel.advance(to: EventTime(microseconds: 10))
    try await channel.send(makeBatch(2))
    let second = try await channel.receiveAll()
    #expect(numbers(second) == [1, 2])
    #expect(second.watermark == EventTime(microseconds: 10))
  }

  @Test func aWatermarkPassesAFullChannel() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    try await channel.send(makeBatch(1))
    let sender = Task { try await channel.send(makeBatch(2)) }
    try await Task.sleep(nanoseconds: 2_000_000)
    channel.advance(to: EventTime(microseconds: 3))
    #expect(try await channel.receiveAll().watermark == EventTime(microseconds: 3))
    try await sender.value
  }

  @Test func aReceiverWaitsNoLongerThanItSays() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    #expect(try await channel.receiveAll(within: 1_000_000) == nil)
    let receiver = Task { try await channel.receiveAll(within: 60_000_000_000) }
    let plain = Task {
      _ = try await receiver.value
      return try await numbers(channel.receiveAll())
    }
    try await Task.sleep(nanoseconds: 2_000_000)
    try await channel.send(makeBatch(1))
    #expect(try await receiver.value.map { numbers($0) } == [1])
    try await channel.send(makeBatch(2))
    #expect(try await plain.value == [2])
    try await channel.send(makeBatch(3))
    #expect(try await channel.receiveAll(within: 0).map { numbers($0) } == [3])
    channel.finish()
    #expect(try await channel.receiveAll(within: 60_000_000_000)?.isLast == true)
  }

  @Test func aWatermarkWakesTheReceiver() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    let receiver = Task { try await channel.receiveAll().watermark }
    try await Task.sleep(nanoseconds: 2_000_000)
    channel.advance(to: EventTime(microseconds: 3))
    #expect(try await receiver.value == EventTime(microseconds: 3))
  }

  @Test func aCancelledSenderHasQueuedNothingAndBlocksNobody() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    try await channel.send(makeBatch(1))
    let cancelled = Task { try await channel.send(makeBatch(2)) }
    try await Task.sleep(nanoseconds: 3_000_000)
    let patient = Task { try await channel.send(makeBatch(3)) }
    try await Task.sleep(nanoseconds: 3_000_000)
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    #expect(try await numbers(channel.receiveAll()) == [1])
    try await patient.value
    #expect(try await numbers(channel.receiveAll()) == [3])
    try await channel.send(makeBatch(4))
    #expect(try await numbers(channel.receiveAll()) == [4])
  }

  @Test func aSenderThatIsCancelledAfterItWasWokenLetsTheNextOneIn() async throws {
    for _ in 0..<200 {
      let channel = BatchChannel(name: "test", byteLimit: size)
      try await channel.send(makeBatch(1))
      let first = Task { try await channel.send(makeBatch(2)) }
      let second = Task { try await channel.send(makeBatch(3)) }
      await Task.yield()
      _ = try await channel.receiveAll()
      first.cancel()
      var received: [Int] = []
      while !received.contains(3) { received += try await numbers(channel.receiveAll()) }
      try await second.value
      let wasSent = await (try? first.value) != nil  // The outcome may be either; the queue must agree with it.
      received += try channel.takeAll().map(numbers) ?? []
      #expect(received.contains(2) == wasSent)
    }
  }

  @Test func aCancelledReceiverHasTakenNothing() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    let receiver = Task { try await channel.receiveAll() }
    try await Task.sleep(nanoseconds: 2_000_000)
    receiver.cancel()
    await #expect(throws: CancellationError.self) { try await receiver.value }
    try await channel.send(makeBatch(1))
    #expect(try await numbers(channel.receiveAll()) == [1])
  }

  @Test func finishLetsTheReceiverDrain() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size * 4)
    try await channel.send(makeBatch(1))
    channel.finish()
    channel.finish()
    let last = try await channel.receiveAll()
    #expect(numbers(last) == [1])
    #expect(last.isLast)
    await #expect(throws: ChannelFinished.self) { try await channel.send(makeBatch(2)) }
  }

  @Test func finishWakesAReceiverThatWaits() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    let receiver = Task { try await channel.receiveAll().isLast }
    try await Task.sleep(nanoseconds: 2_000_000)
    channel.finish()
    #expect(try await receiver.value)
  }

  @Test func failWakesBothEndsAndDropsWhatIsQueued() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size)
    try await channel.send(makeBatch(1))
    let sender = Task { try await channel.send(makeBatch(2)) }
    try await Task.sleep(nanoseconds: 2_000_000)
    channel.fail(Failure(.unreachable, "gone"))
    await #expect(throws: Failure.self) { try await sender.value }
    await #expect(throws: Failure.self) { try await channel.receiveAll() }
    #expect(channel.gauges.bytes == 0)

    let idle = BatchChannel(name: "test", byteLimit: size)
    let receiver = Task { try await idle.receiveAll() }
    try await Task.sleep(nanoseconds: 2_000_000)
    idle.fail(Failure(.unreachable, "gone"))
    await #expect(throws: Failure.self) { try await receiver.value }
  }

  @Test func severalSendersLoseAndRepeatNothingAndKeepTheirOwnOrder() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size * 7)
    let producers = 4
    let each = 5000
    try await withThrowingTaskGroup { group in
      for producer in 0..<producers {
        group.addTask {
          for index in 0..<each { try await channel.send(makeBatch(producer * each + index)) }
        }
      }
      var next = [Int](repeating: 0, count: producers)
      var count = 0
      while count < producers * each {
        for number in try await numbers(channel.receiveAll()) {
          #expect(number % each == next[number / each])
          next[number / each] += 1
          count += 1
        }
      }
      try await group.waitForAll()
    }
    #expect(channel.gauges.batches == 0)
  }

  @Test func aHundredThousandBatchesPassInOrder() async throws {
    let channel = BatchChannel(name: "test", byteLimit: size * 64)
    let batch = makeBatch(1)
    try await withThrowingTaskGroup { group in
      group.addTask {
        for time in 1...100_000 {
          try await channel.send(batch)
          channel.advance(to: EventTime(microseconds: Int64(time)))
        }
        channel.finish()
      }
      var count = 0
      while true {
        let reception = try await channel.receiveAll()
        count += reception.batches.count
        // The batch of a watermark was sent before it, so it is here.
        #expect(reception.watermark == .distantPast || reception.watermark.microseconds <= Int64(count))
        if reception.isLast { break }
      }
      #expect(count == 100_000)
      try await group.waitForAll()
    }
  }
}
