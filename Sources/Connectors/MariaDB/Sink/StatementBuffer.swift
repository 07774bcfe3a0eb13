import Change
import Glibc
import SQLRendering

/// Bytes of a statement on their way to the server. Grows to what the largest statement needs and is used again.
///
/// *Memory*: nothing is allocated per row. *Thread*: one at a time.
final class StatementBuffer {
  @exclusivity(unchecked) private var start: UnsafeMutablePointer<UInt8>
  @exclusivity(unchecked) private(set) var count = 0
  @exclusivity(unchecked) private var capacity: Int

  init(capacity: Int = 64 << 10) {
    unsafe start = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  deinit { unsafe start.deallocate() }

  /// The bytes; they last until the next call that writes.
  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: count) }

  func removeAll() { count = 0 }

  /// Takes back what was written behind the first `count` bytes.
  func cut(to count: Int) {
    precondition(count <= self.count, "a cut makes shorter")
    self.count = count
  }

  /// Makes room for `more` bytes. Every writer below asks for what it writes.
  @inline(__always) func reserve(_ more: Int) {
    if capacity - count < more { grow(more) }
  }

  private func grow(_ more: Int) {
    let larger = max(capacity * 2, count + more)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    unsafe moved.update(from: start, count: count)
    unsafe start.deallocate()
    unsafe start = moved
    capacity = larger
  }

  @inline(__always) func append(_ byte: UInt8) {
    reserve(1)
    unsafe start[count] = byte
    count += 1
  }

  func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  @inline(__always) func append(_ more: UnsafeRawBufferPointer) {
    guard let from = more.baseAddress else { return }
    reserve(more.count)
    unsafe memcpy(start + count, from, more.count)
    count += more.count
  }

  /// Appends a number in the protocol's byte order.
  @inline(__always) func append<Number: FixedWidthInteger>(little number: Number) {
    let size = MemoryLayout<Number>.size
    reserve(size)
    unsafe UnsafeMutableRawPointer(start + count).storeBytes(of: number.littleEndian, as: Number.self)
    count += size
  }

  /// Overwrites the number at `offset`.
  func set<Number: FixedWidthInteger>(little number: Number, at offset: Int) {
    precondition(offset + MemoryLayout<Number>.size <= count, "only what was written is overwritten")
    unsafe UnsafeMutableRawPointer(start + offset).storeBytes(of: number.littleEndian, as: Number.self)
  }

  /// Lends room for a value's text; `write` is the number of bytes that it wrote, at most `ValueText.slot`.
  @inline(__always) func appendText(_ write: (inout ValueText) -> Void) {
    reserve(ValueText.slot)
    var text = unsafe ValueText(at: UnsafeMutableRawPointer(start + count))
    write(&text)
    count += text.count
  }

  /// Appends a constant between quotes (mariadb.com/kb/en/string-literals, without NO_BACKSLASH_ESCAPES).
  ///
  /// The connection's character set is utf8mb4, in which no byte of a longer character is a quote or a backslash.
  func append(quoted more: UnsafeRawBufferPointer) {
    reserve(more.count * 2 + 2)
    var to = unsafe start + count
    unsafe to.pointee = 0x27
    unsafe to += 1
    for byte in unsafe more {
      if byte == 0x27 || byte == 0x5c || byte == 0 {
        unsafe to.pointee = 0x5c
        unsafe to += 1
        unsafe to.pointee = byte == 0 ? 0x30 : byte
      } else {
        unsafe to.pointee = byte
      }
      unsafe to += 1
    }
    unsafe to.pointee = 0x27
    unsafe to += 1
    count = unsafe to - start
  }
}
