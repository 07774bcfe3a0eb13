package import Change
import DequeModule
import Synchronization

/// A bounded queue of batches between two stages. When it is full its senders are suspended, and so, stage by stage, is
/// the source's socket.
///
/// *Ordering*: batches leave in the order in which `send` admitted them. *Bound*: queued bytes and rows never exceed the
/// limits, except that a batch larger than a limit is admitted alone, into an empty queue. *Watermarks* coalesce: the
/// receiver sees the newest one, with or without batches. *Cancellation*: a cancelled `send` has not queued its batch,
/// a cancelled `receiveAll` has taken nothing.
package final class BatchChannel: Sendable {
  /// What one receive returns: everything that was there.
  package struct Reception: Sendable {
    package var batches: [Batch]
    /// The newest watermark that was ever sent.
    package var watermark: EventTime
    /// Nothing will come after these batches.
    package var isLast: Bool
  }

  package struct Gauges: Sendable {
    package var bytes = 0
    package var rows = 0
    package var batches = 0
    /// Time that senders spent suspended, in nanoseconds.
    package var blockedNanoseconds: UInt64 = 0
    /// Time that the receiver spent suspended, in nanoseconds.
    package var idleNanoseconds: UInt64 = 0
  }

  private struct Sender {
    let id: UInt64
    let continuation: CheckedContinuation<Void, Never>
  }

  private enum End { case open, finished, failed(any Error) }

  private struct State {
    var queue: Deque<Batch> = []
    var gauges = Gauges()
    var watermark = EventTime.distantPast
    var deliveredWatermark = EventTime.distantPast
    var end = End.open
    var senders: Deque<Sender> = []
    var receiver: CheckedContinuation<Void, Never>?
    var nextSenderID: UInt64 = 0
    let byteLimit: Int
    let rowLimit: Int

    func hasRoom(bytes: Int, rows: Int) -> Bool {
      queue.isEmpty || (gauges.bytes + bytes <= byteLimit && gauges.rows + rows <= rowLimit)
    }
  }

  private let state: Mutex<State>
  package let name: String
  package let byteLimit: Int

  package init(name: String, byteLimit: Int, rowLimit: Int = 1_000_000) {
    precondition(byteLimit > 0 && rowLimit > 0, "a channel holds something")
    self.name = name
    self.byteLimit = byteLimit
    state = Mutex(State(byteLimit: byteLimit, rowLimit: rowLimit))
  }

  package var gauges: Gauges { state.withLock { $0.gauges } }

  /// Queues a batch; suspends while the channel is full.
  /// - Throws: `CancellationError`, or the error that the receiver closed the channel with.
  package func send(_ batch: Batch) async throws {
    let bytes = batch.byteCount
    let rows = batch.changes.count
    var blockedSince: UInt64 = 0
    while true {
      try Task.checkCancellation()
      let admitted = try state.withLock { state -> Bool in
        if case .failed(let error) = state.end { throw error }
        guard case .open = state.end else { throw ChannelFinished(name: name) }
        guard state.hasRoom(bytes: bytes, rows: rows) else { return false }
        state.queue.append(batch)
        state.gauges.bytes += bytes
        state.gauges.rows += rows
        state.gauges.batches += 1
        if blockedSince != 0 { state.gauges.blockedNanoseconds += MonotonicTime.now() &- blockedSince }
        state.receiver.take()?.resume()
        return true
      }
      if admitted { return }
      if blockedSince == 0 { blockedSince = MonotonicTime.now() }
      await waitForRoom(bytes: bytes, rows: rows)
    }
  }

  /// Announces that nothing at or below `watermark` will be sent any more. An older one than the newest is ignored. Never suspends.
  package func advance(to watermark: EventTime) {
    state.withLock { state in
      guard watermark > state.watermark else { return }
      state.watermark = watermark
      state.receiver.take()?.resume()
    }
  }

  /// Ends the channel: the receiver gets what is queued, then `isLast`.
  package func finish() { close(.finished) }

  /// Breaks the channel: what is queued is dropped; sender and receiver throw `error`.
  package func fail(_ error: any Error) { close(.failed(error)) }

  /// Takes everything that is queued; suspends while there is neither a batch nor a newer watermark nor the end.
  /// - Throws: `CancellationError`, or the error that the channel was broken with.
  package func receiveAll() async throws -> Reception {
    while true {
      try Task.checkCancellation()
      if let reception = try takeAll() { return reception }
      let since = MonotonicTime.now()
      await waitForNews()
      state.withLock { $0.gauges.idleNanoseconds += MonotonicTime.now() &- since }
    }
  }

  /// Takes everything that is queued at this moment; nil when there is nothing new.
  package func takeAll() throws -> Reception? {
    try state.withLock { state in
      if case .failed(let error) = state.end { throw error }
      let isLast = if case .finished = state.end { true } else { false }
      guard !state.queue.isEmpty || state.watermark > state.deliveredWatermark || isLast else { return nil }
      let reception = Reception(batches: Array(state.queue), watermark: state.watermark, isLast: isLast)
      state.queue.removeAll(keepingCapacity: true)
      state.deliveredWatermark = state.watermark
      state.gauges.bytes = 0
      state.gauges.rows = 0
      state.gauges.batches = 0
      for sender in state.senders { sender.continuation.resume() }
      state.senders.removeAll()
      return reception
    }
  }

  private func waitForRoom(bytes: Int, rows: Int) async {
    let id = state.withLock { state in
      state.nextSenderID += 1
      return state.nextSenderID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          guard case .open = state.end, !Task.isCancelled, !state.hasRoom(bytes: bytes, rows: rows) else {
            return false
          }
          state.senders.append(Sender(id: id, continuation: continuation))
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { state in
        guard let index = state.senders.firstIndex(where: { $0.id == id }) else { return }
        state.senders.remove(at: index).continuation.resume()
      }
    }
  }

  private func waitForNews() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          precondition(state.receiver == nil, "a channel has one receiver")
          guard case .open = state.end, !Task.isCancelled, state.queue.isEmpty,
            state.watermark <= state.deliveredWatermark
          else { return false }
          state.receiver = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.receiver.take()?.resume() }
    }
  }

  private func close(_ end: End) {
    state.withLock { state in
      guard case .open = state.end else { return }
      state.end = end
      if case .failed = end { state.queue.removeAll() }
      for sender in state.senders { sender.continuation.resume() }
      state.senders.removeAll()
      state.receiver.take()?.resume()
    }
  }
}

/// A batch was sent into a channel that had been finished: a defect of the sender.
package struct ChannelFinished: Error {
  package let name: String
}
