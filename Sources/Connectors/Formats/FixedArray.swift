/// An array that never changes its length and has exactly one owner, so that reading it costs no reference count.
///
/// The memory is allocated once, filled whole in `init` and freed with the owner; every index is checked.
struct FixedArray<Element: BitwiseCopyable>: ~Copyable {
  private let base: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: [Element]) {
    count = elements.count
    base = .allocate(capacity: max(1, elements.count))
    for (index, element) in elements.enumerated() { base[index] = element }
  }

  deinit { base.deallocate() }

  @inline(__always)
  subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "an index lies inside its array")
    return base[index]
  }
}
