/// Memory for the texts that expressions make, reused from batch to batch.
///
/// It continues the address space of a batch's arena: a cell whose offset is at least `batch.arena.count` lies here, at
/// `offset - batch.arena.count`. A batch that is built by appending this memory to the old arena can take the cells as
/// they are.
///
/// *Thread*: one at a time; it is not `Sendable`.
package final class ScratchArena {
  /// More than a batch's texts can become.
  package static let byteLimit = 512 << 20

  @exclusivity(unchecked) private(set) var base: UnsafeMutablePointer<UInt8>
  @exclusivity(unchecked) private var capacity: Int
  @exclusivity(unchecked) package private(set) var count = 0

  package init(capacity: Int = 64 << 10) {
    self.capacity = max(capacity, 64)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// The bytes so far; they last until the next evaluation.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// Forgets the content and keeps the memory.
  package func removeAll() { count = 0 }

  func rewind(to mark: Int) { count = mark }

  /// Room for `length` bytes behind the content, which `commit` makes part of it; nil beyond the limit.
  func reserve(_ length: Int) -> UnsafeMutablePointer<UInt8>? {
    if count + length > capacity {
      guard length <= ScratchArena.byteLimit, count + length <= ScratchArena.byteLimit else { return nil }
      let larger = max(count + length, min(2 * capacity, ScratchArena.byteLimit))
      let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
      memory.update(from: base, count: count)
      base.deallocate()
      (base, capacity) = (memory, larger)
    }
    return base + count
  }

  /// Makes `length` reserved bytes part of the content and returns where they begin.
  func commit(_ length: Int) -> Int {
    defer { count += length }
    return count
  }
}
