import Change
import Formats

/// What decides in which segment a change lies.
struct SegmentKey: Hashable {
  enum Content: Hashable {
    case table(TableName)
    case stream
    /// Debezium's records of begun and ended transactions.
    case transactions
    /// Changes of schemas, for a format that has no line for them.
    case schemas
    /// Changes that the format cannot carry.
    case quarantine
  }

  var content: Content
  var date: String

  /// The folders below the root; names that begin with `@` cannot come from a source.
  var folders: [String] {
    let dates = date.isEmpty ? [] : [date]
    switch content {
    case .table(let name):
      return SegmentName.folders(for: name.namespace) + SegmentName.folders(for: name.table) + dates
    case .stream: return ["@stream"] + dates
    case .transactions: return ["@transactions"] + dates
    case .schemas: return ["@schemas"] + dates
    case .quarantine: return ["@quarantine"] + dates
    }
  }

  var table: TableName? {
    if case .table(let name) = content { name } else { nil }
  }
}

/// A file that this writer appends to, and what of it is written and what is committed.
///
/// *Thread*: the sink's.
final class Segment {
  let key: SegmentKey
  let path: String
  let format: String
  /// What the file begins with; a table whose header changes gets another segment.
  let header: [UInt8]
  let createdAt: UInt64
  /// Lines that are not in the file yet.
  var lines = ByteWriter(capacity: 64)
  /// The largest number of bytes that `lines` had, and so may hold the memory of.
  var lineCapacity = 0
  /// nil: closed to save descriptors, or not made yet.
  var file: Descriptor?
  var isCreated = false
  /// Nothing more may be appended to it: its last lines are written.
  var isRolled = false
  /// Bytes in the file, whole compressed frames.
  var written = 0
  /// Up to where write-back was started.
  var writeBackStarted = 0
  /// Up to where the file was synced.
  var synced = 0
  var changes: UInt64 = 0
  var first: ChangePlace?
  var last: ChangePlace?
  /// The last change of the current call that went here, as indexes of part and change.
  var lastChange: (part: Int, change: Int)?
  var lastUse: UInt64 = 0
  /// Bytes that a manifest of this writer lists.
  var committed = 0
  /// The byte around fields of csv; nil in other formats.
  let quote: UInt8?

  init(key: SegmentKey, path: String, format: String, quote: UInt8?, header: [UInt8], createdAt: UInt64) {
    self.key = key
    self.path = path
    self.format = format
    self.quote = quote
    self.header = header
    self.createdAt = createdAt
  }

  var isDirty: Bool { synced < written }

  func record(epoch: UInt64, compression: CompressionKind, isOpen: Bool) -> SegmentRecord {
    let nowhere = ChangePlace(transaction: "", file: 0, offset: 0, row: 0, commitTime: EventTime(microseconds: 0))
    return SegmentRecord(
      path: path, bytes: written, changes: changes, table: key.table, date: key.date, format: format,
      quote: quote, compression: compression, epoch: epoch, isOpen: isOpen, first: first ?? nowhere,
      last: last ?? nowhere)
  }
}
