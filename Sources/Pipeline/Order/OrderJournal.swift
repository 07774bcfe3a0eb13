import Change
import Foundation
import Glibc

/// Where the order of several sources was broken, in a file of the state directory: the logs and this say together what the
/// windows were given.
///
/// *Durability*: a break is on disk before what came there goes on. *Bound*: those that no stored state needs are left out
/// when the file is opened and when it has grown. *Thread*: one at a time.
final class OrderJournal {
  private struct Line: Codable {
    /// By source: the epoch and the number of transactions.
    var at: [String: [UInt64]]
    var source: String
    var transactions: UInt64
    var watermark: Int64
  }

  private let directory: String
  private let path: String
  private let names: [String]
  /// The place before which no state of the windows is; nil: not known.
  private let needed: () -> VectorPosition?
  private var file: Int32 = -1
  private var byteCount = 0
  private var nextCompaction = OrderJournal.compactionBytes

  private static let compactionBytes = 1 << 20

  /// - Parameters:
  ///   - names: of the sources.
  ///   - needed: the place before which no state of the windows is; nil: not known.
  init(directory: String, names: [String], needed: @escaping () -> VectorPosition?) {
    self.directory = directory
    path = "\(directory)/order-breaks"
    self.names = names
    self.needed = needed
  }

  deinit { if file >= 0 { close(file) } }

  /// The breaks that were noted, in their order.
  func read() throws(Failure) -> [OrderBreak] {
    guard access(path, F_OK) == 0 else { return [] }
    do {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      // A line that a crash has cut was never relied on.
      let whole = bytes.prefix(bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
      return try whole.split(separator: UInt8(ascii: "\n")).compactMap { line in
        try parse(try JSONDecoder().decode(Line.self, from: Data(line)))
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw damaged(cause: "\(error)")
    }
  }

  private func parse(_ line: Line) throws(Failure) -> OrderBreak? {
    // A source that the pipeline does not name any more has nothing to come again.
    guard let lane = names.firstIndex(of: line.source) else { return nil }
    var counts: [TransactionCount] = []
    for name in names {
      let numbers = line.at[name] ?? [0, 0]
      guard numbers.count == 2, numbers[1] < 1 << 48, line.transactions < 1 << 48 else { throw damaged(cause: name) }
      counts.append(TransactionCount(epoch: numbers[0], transactions: numbers[1]))
    }
    return OrderBreak(
      counts: counts, lane: lane, transactions: line.transactions, watermark: EventTime(microseconds: line.watermark))
  }

  private func damaged(cause: String) -> Failure {
    Failure(
      .corruptState, "the list of places where the order of the sources was broken cannot be read", at: path,
      hint: "put the file back, or begin anew: remove windows.state from the state directory, and the tables and"
        + " checkpoints of the sinks",
      cause: cause)
  }

  /// Holds these breaks and no others, durably.
  func replace(with breaks: [OrderBreak]) throws(Failure) {
    if file >= 0 { close(file) }
    file = -1
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .systemCall("cannot create", at: temporary) }
    file = descriptor
    byteCount = 0
    for place in breaks { try write(place) }
    try sync()
    guard rename(temporary, path) == 0 else { throw .systemCall("cannot name", at: temporary) }
    try DurableDirectory.sync(directory)
    nextCompaction = max(OrderJournal.compactionBytes, 2 * byteCount)
  }

  /// Notes a break, durably.
  func append(_ place: OrderBreak) throws(Failure) {
    if byteCount >= nextCompaction, let needed = needed() {
      let first = names.map { needed[$0]?.count ?? TransactionCount() }
      let last = names.map { _ in TransactionCount() }
      try replace(with: OrderReplay.between(first, last, try read()))
    }
    try write(place)
    try sync()
    Failpoint.hit("order.break_noted")
  }

  private func write(_ place: OrderBreak) throws(Failure) {
    let counts = zip(names, place.counts).map { ($0, [$1.epoch, $1.transactions]) }
    let line = Line(
      at: Dictionary(uniqueKeysWithValues: counts), source: names[place.lane], transactions: place.transactions,
      watermark: place.watermark.microseconds)
    let bytes: Data
    do { bytes = try JSONEncoder().encode(line) + Data("\n".utf8) } catch {
      throw Failure(.internal, "a break of the order cannot be written", at: path, cause: "\(error)")
    }
    var rest = [UInt8](bytes)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw .systemCall("cannot note where the order of the sources was broken", at: path) }
      rest = rest.dropFirst(written)
    }
    byteCount += bytes.count
  }

  private func sync() throws(Failure) {
    guard fdatasync(file) == 0 else {
      throw .systemCall("cannot note where the order of the sources was broken", at: path)
    }
  }
}
