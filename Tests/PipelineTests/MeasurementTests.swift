import Change
import MemoryConnector
import Testing

@testable import Pipeline

@Suite struct MeasurementTests {
  @Test func percentilesAreThoseOfWhatWasRecorded() throws {
    let meter = LagMeter()
    #expect(meter.summary == nil)
    meter.record(5, count: 0)
    #expect(meter.summary == nil)
    meter.record(1000, count: 98)
    meter.record(50_000, count: 1)
    meter.record(2_000_000, count: 1)
    let summary = try #require(meter.summary)
    #expect(abs(summary.p50 - 1) < 0.01)
    #expect(abs(summary.p99 - 50) < 0.1)
    #expect(abs(summary.max - 2000) < 2)
    #expect(summary.newest == 2000)
    meter.record(.max, count: 1)
    #expect(meter.summary != nil)
  }

  @Test func aLogOfWholeSecondsShowsTheDelayThatAPreciseCommitShowedLast() {
    let delay = SourceDelay()
    let coarse = batch(at: 5_000_000)
    delay.learn(from: coarse, wallClock: 5_900_000)
    #expect(delay.delay(of: coarse, readAt: 5_900_000) == 0)
    delay.learn(from: batch(at: 5_000_500), wallClock: 5_001_700)
    #expect(delay.delay(of: coarse, readAt: 5_900_000) == 1200)
    // A commit that was only held from going back says nothing: the fraction is that of the commit before.
    delay.learn(from: batch(at: 5_000_500), wallClock: 5_800_000)
    #expect(delay.delay(of: coarse, readAt: 5_900_000) == 1200)
    // Whole seconds cannot hide a lag of minutes.
    #expect(delay.delay(of: coarse, readAt: 125_000_000) == 120_000_000)
    // The source's clock runs ahead of ours.
    delay.learn(from: batch(at: 9_000_001), wallClock: 8_000_000)
    #expect(delay.delay(of: batch(at: 9_000_001), readAt: 8_000_000) == 0)
    #expect(delay.delay(of: batch(at: 5_000_500, isSnapshot: true), readAt: 9_000_000) == nil)
  }

  private func batch(at time: Int64, isSnapshot: Bool = false) -> Batch {
    let builder = BatchBuilder(byteLimit: 1024)
    builder.begin(commitTime: EventTime(microseconds: time), mark: LogMark(), identifier: "", isSnapshot: isSnapshot)
    builder.end(mark: LogMark())
    return builder.take(position: Position(text: "", token: ""))
  }

  @Test func pausesGrowWithFailuresUpToTheCapAndStartAnewAfterProgress() {
    var backoff = RetryBackoff()
    let longest: (Range<UInt64>) -> UInt64 = { $0.upperBound }
    var pauses: [UInt64] = []
    for _ in 0..<100 { pauses.append(backoff.pause(after: .later, hadProgress: false, random: longest)) }
    #expect(pauses[0] == RetryBackoff.base)
    #expect(pauses[1] == RetryBackoff.base * 2)
    #expect(pauses.last == RetryBackoff.cap)
    #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(backoff.pause(after: .later, hadProgress: true, random: longest) == RetryBackoff.base)
  }

  @Test func aConflictIsRetriedAtOnceAFewTimes() {
    var backoff = RetryBackoff()
    let pauses = (0..<5).map { _ in backoff.pause(after: .now, hadProgress: false) { $0.lowerBound } }
    #expect(pauses.prefix(RetryBackoff.immediateAttempts).allSatisfy { $0 == 0 })
    #expect(pauses.dropFirst(RetryBackoff.immediateAttempts).allSatisfy { $0 > 0 })
  }

  @Test(.timeLimit(.minutes(1))) func aRendezvousLetsEverybodyWhoWaitsGoOn() async throws {
    for _ in 0..<100 {
      let rendezvous = Rendezvous<Int?>(count: 2)
      let waiting = (0..<4).map { _ in Task { try await rendezvous.all() } }
      let cancelled = Task { try await rendezvous.all() }
      await Task.yield()
      cancelled.cancel()
      rendezvous.arrive(1, with: nil)
      rendezvous.arrive(0, with: 7)
      for task in waiting { #expect(try await task.value == [7, nil]) }
      await #expect(throws: CancellationError.self) { try await cancelled.value }
    }
  }
}
