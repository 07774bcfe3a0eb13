internal import Change

/// The transaction that the decoder is inside of.
struct OpenTransaction {
  var gtid: GTID?
  var server: UInt32
  var time: EventTime
  /// Where it begins.
  var startFile: String
  var startOffset: UInt64
  /// Whether the batch knows of it.
  var isBegun = false
  /// Whether a BEGIN was seen or implied; without it the next statement is the whole of it.
  var isGroup: Bool
  /// Whether it lies before the place to resume at.
  var isSuppressed = false
  /// The commit's own time where the log has it, in microseconds.
  var commitTime: EventTime?
  /// Names and how many changes came before each.
  var savepoints: [(name: String, changes: UInt64)] = []
  /// Whether a definition was met in it, or one is told of that came before.
  var holdsDefinition = false
  /// Set while the changes of an XA transaction are put aside.
  var xa: HeldEvents?

  /// The yes and no of an open transaction in trivial bytes: asking costs no copy of the rest.
  struct Phase: BitwiseCopyable {
    let isOpen: Bool
    let isBegun: Bool
    let isSuppressed: Bool
    /// Whether its changes are put aside.
    let isHeld: Bool

    init(_ transaction: OpenTransaction?) {
      isOpen = transaction != nil
      isBegun = transaction?.isBegun ?? false
      isSuppressed = transaction?.isSuppressed ?? false
      isHeld = transaction?.xa != nil
    }
  }
}

/// A prepared XA transaction, as the owner must remember it.
package struct PreparedTransaction: Hashable, Sendable {
  /// The identifier as the server prints it: `X'…',X'…',1`.
  package var identifier: String
  /// Where its events begin, and what was read before it.
  package var start: BinlogPosition
}

/// The row events of an XA transaction whose end is not known yet, as they stand in the log.
struct HeldEvents {
  struct Event {
    var header: EventHeader
    var offset: UInt64
    var range: Range<Int>
  }

  var identifier: String
  var start: BinlogPosition
  var bytes: [UInt8] = []
  var events: [Event] = []

  mutating func append(_ body: UnsafeRawBufferPointer, _ header: EventHeader, offset: UInt64) {
    let begin = bytes.count
    bytes.append(contentsOf: body)
    events.append(Event(header: header, offset: offset, range: begin..<bytes.count))
  }
}

/// Every prepared XA transaction by its identifier.
struct HeldTransactions {
  private(set) var byIdentifier: [String: HeldEvents] = [:]
  var byteCount: Int { byIdentifier.values.reduce(0) { $0 + $1.bytes.count } }

  var prepared: [PreparedTransaction] {
    byIdentifier.values.map { PreparedTransaction(identifier: $0.identifier, start: $0.start) }
      .sorted { ($0.start.fileNumber, $0.start.offset) < ($1.start.fileNumber, $1.start.offset) }
  }

  mutating func insert(_ events: HeldEvents) { byIdentifier[events.identifier] = events }
  mutating func remove(_ identifier: String) -> HeldEvents? { byIdentifier.removeValue(forKey: identifier) }
}
