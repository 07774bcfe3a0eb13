package import Change
import DequeModule
import Synchronization

/// A bounded queue of batches between two stages. When it is full its senders are suspended, and so, stage by stage, is
/// the source's socket.
///
/// *Ordering*: batches leave in the order in which `send` was called, also with several senders. *Bound*: queued bytes and rows never exceed the
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

  /// A sender that waits for its turn. Its continuation is nil between being woken and looking again.
  private struct Sender {
    let id: UInt64
    let bytes: Int
    let rows: Int
    var continuation: Wakeable?
  }

  private enum End { case open, finished, failed(any Error) }

  /// Taken out of the state under its lock by whoever resumes it: so it is resumed once, and a checked continuation's own
  /// allocation and bookkeeping are spared.
  private typealias Wakeable = UnsafeContinuation<Void, Never>

  private struct State {
    var queue: [Batch] = []
    var gauges = Gauges()
    var watermark = EventTime.distantPast
    var deliveredWatermark = EventTime.distantPast
    var end = End.open
    /// In the order in which they came; only the first may be admitted.
    var senders: Deque<Sender> = []
    var receiver: Wakeable?
    /// The receiver wants to wait no longer.
    var isOverdue = false
    var nextSenderID: UInt64 = 0
    let byteLimit: Int
    let rowLimit: Int

    func hasRoom(bytes: Int, rows: Int) -> Bool {
      queue.isEmpty || (gauges.bytes + bytes <= byteLimit && gauges.rows + rows <= rowLimit)
    }

    /// The first sender, when there is room for its batch.
    mutating func wakeableSender() -> Wakeable? {
      guard !senders.isEmpty, hasRoom(bytes: senders[0].bytes, rows: senders[0].rows) else { return nil }
      return senders[0].continuation.take()
    }

    mutating func removeSender(_ id: UInt64) {
      guard id != 0, let index = senders.firstIndex(where: { $0.id == id }) else { return }
      senders.remove(at: index)
    }
  }

  private let state: Mutex<State>
  package let name: String
  package let byteLimit: Int
  /// Rung behind every batch, newer watermark and end, for a receiver that looks into several channels.
  private let bell: NewsBell?

  package init(name: String, byteLimit: Int, rowLimit: Int = 1_000_000, bell: NewsBell? = nil) {
    precondition(byteLimit > 0 && rowLimit > 0, "a channel holds something")
    self.name = name
    self.bell = bell
    self.byteLimit = byteLimit
    state = Mutex(State(byteLimit: byteLimit, rowLimit: rowLimit))
  }

  package var gauges: Gauges { state.withLock { $0.gauges } }

  /// Queues a batch; suspends while the channel is full. Once it is queued, only the receiver holds it.
  /// - Throws: `CancellationError`, or the error that the receiver closed the channel with.
  package func send(_ batch: consuming Batch) async throws {
    let bytes = batch.byteCount
    let rows = batch.changes.count
    var waiting = Optional(batch)
    // 0: has not had to wait.
    var id: UInt64 = 0
    var blockedSince: UInt64 = 0
    while true {
      do {
        try Task.checkCancellation()
        if try admit(&waiting, bytes: bytes, rows: rows, id: id, blockedSince: blockedSince) { return }
      } catch {
        giveUp(id)
        throw error
      }
      if blockedSince == 0 { blockedSince = MonotonicTime.now() }
      id = await waitForTurn(id, bytes: bytes, rows: rows)
    }
  }

  /// Queues the batch when it is the sender's turn and there is room.
  private func admit(
    _ batch: inout Batch?, bytes: Int, rows: Int, id: UInt64, blockedSince: UInt64
  ) throws -> Bool {
    let (isAdmitted, receiver, next) = try state.withLock { state -> (Bool, Wakeable?, Wakeable?) in
      if case .failed(let error) = state.end { throw error }
      guard case .open = state.end else { throw ChannelFinished(name: name) }
      guard state.senders.isEmpty || state.senders[0].id == id, state.hasRoom(bytes: bytes, rows: rows) else {
        return (false, nil, nil)
      }
      state.removeSender(id)
      if let batch = batch.take() { state.queue.append(batch) }
      state.gauges.bytes += bytes
      state.gauges.rows += rows
      state.gauges.batches += 1
      if blockedSince != 0 { state.gauges.blockedNanoseconds += MonotonicTime.now() &- blockedSince }
      return (true, state.receiver.take(), state.wakeableSender())
    }
    receiver?.resume()
    next?.resume()
    if isAdmitted { bell?.ring() }
    return isAdmitted
  }

  /// Leaves the line, and lets the next in it look.
  private func giveUp(_ id: UInt64) {
    let next = state.withLock { state in
      state.removeSender(id)
      return state.wakeableSender()
    }
    next?.resume()
  }

  /// Announces that nothing at or below `watermark` will be sent any more. An older one than the newest is ignored. Never suspends.
  package func advance(to watermark: EventTime) {
    let (isNews, receiver) = state.withLock { state -> (Bool, Wakeable?) in
      guard watermark > state.watermark else { return (false, nil) }
      state.watermark = watermark
      return (true, state.receiver.take())
    }
    receiver?.resume()
    if isNews { bell?.ring() }
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

  /// As `receiveAll`, but waits no longer than `nanoseconds`; nil: nothing has come by then.
  package func receiveAll(within nanoseconds: UInt64) async throws -> Reception? {
    if let reception = try takeAll() { return reception }
    state.withLock { $0.isOverdue = false }
    async let _: Void = endWait(after: nanoseconds)
    while true {
      try Task.checkCancellation()
      if let reception = try takeAll() { return reception }
      if state.withLock({ $0.isOverdue }) { return nil }
      let since = MonotonicTime.now()
      await waitForNews(orOverdue: true)
      state.withLock { $0.gauges.idleNanoseconds += MonotonicTime.now() &- since }
    }
  }

  private func endWait(after nanoseconds: UInt64) async {
    // Cancelled: something has come.
    do { try await Task.sleep(nanoseconds: nanoseconds) } catch { return }
    let receiver = state.withLock { state in
      state.isOverdue = true
      return state.receiver.take()
    }
    receiver?.resume()
  }

  /// Takes everything that is queued at this moment; nil when there is nothing new.
  package func takeAll() throws -> Reception? {
    let (reception, next) = try state.withLock { state -> (Reception?, Wakeable?) in
      if case .failed(let error) = state.end { throw error }
      let isLast = if case .finished = state.end { true } else { false }
      guard !state.queue.isEmpty || state.watermark > state.deliveredWatermark || isLast else {
        return (nil, nil)
      }
      // The array itself goes: no batch is retained or released on its way.
      let reception = Reception(batches: state.queue, watermark: state.watermark, isLast: isLast)
      state.queue = []
      state.queue.reserveCapacity(min(reception.batches.count, 64))
      state.deliveredWatermark = state.watermark
      state.gauges.bytes = 0
      state.gauges.rows = 0
      state.gauges.batches = 0
      return (reception, state.wakeableSender())
    }
    next?.resume()
    return reception
  }

  /// Waits in line until the sender is the first and there is room, or the channel ends, or the task is cancelled.
  /// - Parameter id: the sender's place in the line; 0: takes the last one.
  /// - Returns: the sender's place.
  private func waitForTurn(_ id: UInt64, bytes: Int, rows: Int) async -> UInt64 {
    let id = state.withLock { state in
      if id != 0 { return id }
      state.nextSenderID += 1
      state.senders.append(Sender(id: state.nextSenderID, bytes: bytes, rows: rows))
      return state.nextSenderID
    }
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          guard case .open = state.end, !Task.isCancelled,
            let index = state.senders.firstIndex(where: { $0.id == id }),
            index > 0 || !state.hasRoom(bytes: bytes, rows: rows)
          else { return false }
          state.senders[index].continuation = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      let sender = state.withLock { state in
        state.senders.firstIndex { $0.id == id }.flatMap { state.senders[$0].continuation.take() }
      }
      sender?.resume()
    }
    return id
  }

  /// - Parameter orOverdue: also returns when the receiver is overdue.
  private func waitForNews(orOverdue: Bool = false) async {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let mustWait = state.withLock { state -> Bool in
          precondition(state.receiver == nil, "a channel has one receiver")
          guard case .open = state.end, !Task.isCancelled, !(orOverdue && state.isOverdue), state.queue.isEmpty,
            state.watermark <= state.deliveredWatermark
          else { return false }
          state.receiver = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.receiver.take() }?.resume()
    }
  }

  private func close(_ end: End) {
    let wakeable = state.withLock { state -> [Wakeable] in
      if case .failed = state.end { return [] }
      if case .finished = state.end, case .finished = end { return [] }
      state.end = end
      if case .failed = end {
        state.queue.removeAll()
        state.gauges.bytes = 0
        state.gauges.rows = 0
        state.gauges.batches = 0
      }
      let wakeable = state.senders.compactMap(\.continuation) + [state.receiver.take()].compactMap(\.self)
      state.senders.removeAll()
      return wakeable
    }
    for continuation in wakeable { continuation.resume() }
    bell?.ring()
  }
}

extension [BatchChannel] {
  /// Queues a batch in each of the channels, one after the other.
  package func send(_ batch: consuming Batch) async throws {
    guard let last else { return }
    for channel in dropLast() { try await channel.send(copy batch) }
    try await last.send(batch)
  }
}

/// A batch was sent into a channel that had been finished: a defect of the sender.
package struct ChannelFinished: Error {
  package let name: String
}
