internal import Change
internal import Compression

/// What is left of one event when a batch must be taken before it goes on.
enum PendingEvents {
  /// A definition that must not be in one batch with the transactions before it.
  case definition(DataDefinition, text: [UInt8], event: QueryEvent, header: EventHeader)
  case payload(TransactionPayload)
  /// `inside`: the payload in which the transaction is committed, and which goes on behind it.
  case held(HeldEvents, next: Int, time: EventTime, inside: TransactionPayload?)
}

/// The events inside a MySQL transaction payload, decompressed piece by piece.
///
/// Source: MySQL's libbinlogevents, `Transaction_payload_event`: fields of number, length and value, then the payload.
final class TransactionPayload {
  private let compressed: [UInt8]
  private let isCompressed: Bool
  private let eventByteLimit: Int
  private var consumed = 0
  private var decoder: ZstdDecoder
  private var buffer: [UInt8] = []
  private var start = 0

  init(_ body: UnsafeRawBufferPointer, eventByteLimit: Int) throws {
    var cursor = ByteCursor(body.bytes)
    var algorithm: UInt64 = 0
    var size: UInt64?
    var outputSize: UInt64 = 0
    fields: while true {
      let field = try cursor.lengthEncoded()
      if field == 0 { break fields }
      let length = Int(clamping: try cursor.lengthEncoded())
      var value = ByteCursor(try cursor.take(length))
      switch field {
      case 1: size = try value.lengthEncoded()
      case 2: algorithm = try value.lengthEncoded()
      case 3: outputSize = try value.lengthEncoded()
      default: break
      }
    }
    guard let size, size == UInt64(cursor.remaining) else {
      throw Failure(.corruptLog, "a transaction payload has another size than it says")
    }
    guard algorithm == 0 || algorithm == 255 else {
      throw Failure(
        .unsupportedLog, "a transaction payload is compressed by algorithm \(algorithm), which is not known")
    }
    isCompressed = algorithm == 0
    self.eventByteLimit = eventByteLimit
    compressed = Array(copying: cursor.rest())
    // The whole may be larger than memory; it is never held at once.
    do { decoder = try ZstdDecoder(outputLimit: Int(clamping: max(outputSize, 1))) } catch {
      throw Failure(.corruptLog, "a transaction payload cannot be decompressed", cause: "\(error)")
    }
  }

  /// Hands the next event to `body`, or returns nil at the end.
  func next<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result? {
    guard try fill(EventHeader.byteCount) else {
      guard start == buffer.count else { throw Truncated(offset: 0, wanted: EventHeader.byteCount) }
      return nil
    }
    let size = try buffer.withUnsafeBytes { try EventHeader(UnsafeRawBufferPointer(rebasing: $0[start...])).byteCount }
    guard size >= EventHeader.byteCount, size <= eventByteLimit else {
      throw Failure(.limit, "an event in a transaction payload has \(size) bytes; the limit is \(eventByteLimit)")
    }
    guard try fill(size) else { throw Truncated(offset: 0, wanted: size) }
    defer { start += size }
    return try buffer.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<(start + size)])) }
  }

  /// Decompresses until `count` bytes are there; false: the payload ends before.
  private func fill(_ count: Int) throws -> Bool {
    if buffer.count - start >= count { return true }
    buffer.removeSubrange(0..<start)
    start = 0
    while buffer.count < count {
      guard try step() else { return false }
    }
    return true
  }

  private func step() throws -> Bool {
    guard isCompressed else {
      let rest = compressed[consumed...].prefix(1 << 17)
      buffer.append(contentsOf: rest)
      consumed += rest.count
      return !rest.isEmpty
    }
    do {
      return try withUnsafeTemporaryAllocation(byteCount: 1 << 17, alignment: 16) { chunk in
        let step = try compressed.withUnsafeBytes {
          try decoder.step(UnsafeRawBufferPointer(rebasing: $0[consumed...]), into: chunk)
        }
        consumed += step.consumed
        buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[0..<step.produced]))
        return step.produced > 0 || step.consumed > 0
      }
    } catch { throw Failure(.corruptLog, "a transaction payload cannot be decompressed", cause: "\(error)") }
  }
}

extension BinlogDecoder {
  func openPayload(_ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws -> Action {
    guard pending == nil else { throw Failure(.corruptLog, "a transaction payload lies inside another one") }
    pending = .payload(try TransactionPayload(body, eventByteLimit: options.eventByteLimit))
    return try resumePending(builder)
  }

  /// Decodes until the batch is full or nothing is left.
  func resumePending(_ builder: BatchBuilder) throws -> Action {
    switch pending {
    case .definition(let definition, let text, let event, let header):
      pending = nil
      return try carryOut(definition, text, event, header, builder)
    case .payload(let payload): return try resume(payload, builder)
    case .held(let events, let next, let time, let payload):
      let action = try resume(events, next, time, payload, builder)
      guard action != .more, let payload else { return action }
      return try resume(payload, after: action, builder)
    case nil: return .none
    }
  }

  /// Emits what an XA transaction put aside, inside the transaction that is open.
  func replay(_ events: HeldEvents, time: EventTime, _ builder: BatchBuilder) throws -> Action {
    var outer: TransactionPayload?
    if case .payload(let payload) = pending { outer = payload }
    return try resume(events, 0, time, outer, builder)
  }

  private func resume(
    _ payload: TransactionPayload, after first: Action = .none, _ builder: BatchBuilder
  ) throws -> Action {
    var last = first
    while true {
      let action = try payload.next { event in
        let header = try EventHeader(event)
        guard header.type != .formatDescription, header.type != .rotate, header.type != .transactionPayload else {
          throw Failure(.corruptLog, "a transaction payload holds a \(header.type) event")
        }
        // Inside, events carry no checksum of their own: the payload's covers them.
        return try dispatch(header, UnsafeRawBufferPointer(rebasing: event[EventHeader.byteCount...]), builder)
      }
      guard let action else {
        pending = nil
        return last
      }
      last = action
      if action == .more { return .more }
      if builder.isFull, transaction != nil { return .more }
    }
  }

  private func resume(
    _ events: HeldEvents, _ next: Int, _ time: EventTime, _ payload: TransactionPayload?, _ builder: BatchBuilder
  ) throws -> Action {
    let own = eventOffset
    defer { eventOffset = own }
    for index in next..<events.events.count {
      let event = events.events[index]
      eventOffset = event.offset
      try events.bytes.withUnsafeBytes {
        try rowEvent(event.header, UnsafeRawBufferPointer(rebasing: $0[event.range]), builder)
      }
      if builder.isFull {
        pending = .held(events, next: index + 1, time: time, inside: payload)
        return .more
      }
    }
    pending = payload.map { .payload($0) }
    return finishTransaction(at: time, builder)
  }
}
