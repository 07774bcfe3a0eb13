package import Change

/// Reads what a files sink has committed, every line exactly once, also while the sink goes on writing.
///
/// The algorithm, for readers in other languages: read `manifest.json`; follow `previous` back to the first list;
/// take the lists from the oldest on, then the manifest itself; of each segment read the first `bytes` bytes and
/// nothing behind them. To go on later, keep for each segment how many bytes were read, and begin again with the
/// manifest. A list never changes, so one that was read whole need not be read again.
/// *Ordering*: within a segment log order, and so within a table; see `Layout` for the order across tables.
/// *Thread*: one at a time.
package final class ManifestReader {
  private let root: RootDirectory
  private var consumed: [String: Int] = [:]
  private var finishedLists: Set<String> = []

  package init(_ path: String) throws(Failure) {
    root = try RootDirectory(path, creates: false)
  }

  /// Gives every line that was committed since the last call to `visit`, without its line break.
  /// - Returns: the manifest that was followed; nil when the folder has none.
  @discardableResult
  package func read(_ visit: (SegmentRecord, ArraySlice<UInt8>) throws -> Void) throws -> Manifest? {
    guard let manifest = try ManifestStore.read(root) else { return nil }
    var lists: [(file: String, list: SealedList)] = []
    var next = manifest.previous
    while let reference = next, !finishedLists.contains(reference.file) {
      let list = try SealedList.read(reference, in: root)
      lists.append((reference.file, list))
      next = list.previous
    }
    for (file, list) in lists.reversed() {
      for segment in list.segments {
        try read(segment, visit)
        consumed[segment.path] = nil
      }
      finishedLists.insert(file)
    }
    for segment in manifest.segments { try read(segment, visit) }
    return manifest
  }

  private func read(
    _ segment: SegmentRecord, _ visit: (SegmentRecord, ArraySlice<UInt8>) throws -> Void
  ) throws {
    let begin = consumed[segment.path] ?? 0
    guard begin < segment.bytes else { return }
    let file = try root.openFile(segment.path, 0)
    let number = file.number
    let place = root.place(segment.path)
    var content = try SegmentContent(segment.compression, begin..<segment.bytes)
    var lines = LineSplitter(quote: segment.quote)
    while let bytes = try content.next(number, place) {
      try lines.split(bytes) { try visit(segment, $0) }
    }
    guard lines.isAtEnd else {
      throw Failure(.corruptState, "the committed part of a segment ends within a line", at: place)
    }
    consumed[segment.path] = segment.bytes
  }
}

/// Cuts bytes that come in pieces into lines.
struct LineSplitter {
  /// A line break within quotes belongs to its field (RFC 4180).
  let quote: UInt8?
  private var rest: [UInt8] = []
  private var isQuoted = false

  init(quote: UInt8?) { self.quote = quote }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func split(_ bytes: [UInt8], _ visit: (ArraySlice<UInt8>) throws -> Void) rethrows {
    var begin = 0
    for (index, byte) in bytes.enumerated() {
      if byte == quote { isQuoted.toggle() }
      guard byte == UInt8(ascii: "\n"), !isQuoted else { continue }
      if rest.isEmpty {
        try visit(bytes[begin..<index])
      } else {
        rest += bytes[begin..<index]
        try visit(rest[...])
        rest.removeAll(keepingCapacity: true)
      }
      begin = index + 1
    }
    rest += bytes[begin...]
  }
}
