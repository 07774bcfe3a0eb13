/// A growing buffer of bytes that is filled, handed out and filled again: it allocates while it grows and never after.
///
/// *Thread*: one at a time; it cannot be copied. *Memory*: the storage belongs to the writer alone and is freed with it.
/// Every write first makes sure of its room, so no pointer below ever passes `capacity`.
package struct ByteWriter: ~Copyable {
  private(set) var storage: UnsafeMutablePointer<UInt8>
  private(set) var capacity: Int
  /// How many bytes are written.
  package var count: Int

  package init(capacity: Int = 4096) {
    self.capacity = max(capacity, 64)
    storage = .allocate(capacity: self.capacity)
    count = 0
  }

  deinit { storage.deallocate() }

  package var isEmpty: Bool { count == 0 }

  /// What was written so far, without a copy.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = RawSpan(_unsafeStart: storage, byteCount: count)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// Forgets what was written from `mark` on; the storage stays.
  package mutating func removeAll(from mark: Int = 0) {
    precondition(mark >= 0 && mark <= count, "a writer forgets only what it has")
    count = mark
  }

  /// Forgets everything, and gives the storage back if it is larger than `limit`.
  package mutating func removeAll(keepingAtMost limit: Int) {
    count = 0
    if capacity > limit { self = ByteWriter(capacity: limit) }
  }

  /// The written bytes as text, copied; for tests, messages and other places where speed is no matter.
  package func text(from start: Int = 0) -> String {
    String(decoding: UnsafeBufferPointer(start: storage + start, count: count - start), as: UTF8.self)
  }

  /// Makes room for `extra` more bytes.
  @inline(__always)
  mutating func reserve(_ extra: Int) {
    if capacity - count < extra { grow(extra) }
  }

  @inline(never)
  private mutating func grow(_ extra: Int) {
    let wanted = max(capacity * 2, count + extra)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
    larger.update(from: storage, count: count)
    storage.deallocate()
    storage = larger
    capacity = wanted
  }

  /// Where the next byte goes; valid until the next `reserve`.
  @inline(__always)
  var end: UnsafeMutablePointer<UInt8> { storage + count }

  @inline(__always)
  package mutating func append(_ byte: UInt8) {
    reserve(1)
    storage[count] = byte
    count += 1
  }

  /// Appends a literal: no `String` is made.
  @inline(__always)
  package mutating func append(_ literal: StaticString) {
    let length = literal.utf8CodeUnitCount
    reserve(length)
    end.update(from: literal.utf8Start, count: length)
    count += length
  }

  @inline(__always)
  package mutating func append(_ bytes: RawSpan) {
    let length = bytes.byteCount
    reserve(length)
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress { UnsafeMutableRawPointer(end).copyMemory(from: base, byteCount: length) }
    }
    count += length
  }

  package mutating func append(_ other: borrowing ByteWriter) {
    reserve(other.count)
    end.update(from: other.storage, count: other.count)
    count += other.count
  }

  /// Appends a part of what another writer holds.
  @inline(__always)
  mutating func append(_ other: borrowing ByteWriter, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= other.count, "a range lies inside its writer")
    reserve(range.count)
    end.update(from: other.storage + range.lowerBound, count: range.count)
    count += range.count
  }

  package mutating func append(_ bytes: [UInt8]) { append(bytes.span.bytes) }

  /// Appends the UTF-8 of `string`; not for the hot path. It has a label so that a literal never becomes a `String`.
  package mutating func append(string: String) {
    for byte in string.utf8 { append(byte) }
  }

  /// Replaces one byte that was written before.
  @inline(__always)
  mutating func replace(at index: Int, with byte: UInt8) {
    precondition(index >= 0 && index < count, "a writer replaces only what it has")
    storage[index] = byte
  }
}
