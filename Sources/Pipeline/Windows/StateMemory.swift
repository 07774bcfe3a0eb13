import Change
import Glibc

/// A growable run of bytes at one address, whose pages go to a file and come back where memory is short.
///
/// Address space is reserved once, so that nothing ever moves: a pointer is good until the budget is settled, which no
/// single access does. New bytes are 0. While everything fits, an access costs one comparison; later one more for each page.
/// *Durability*: none; the file has no name, and is gone with the process. *Errors*: a file that cannot be read back ends
/// the process, which then goes on from its stored state. *Thread*: one at a time.
final class StateMemory {
  private static let reserved = 1 << 36
  /// A state may grow until here, so that doubling it fits the address space.
  static let limit = reserved / 2

  /// For reading and writing.
  let pages: StatePages
  private let base: UnsafeMutableRawPointer
  let budget: StateBudget
  /// How many bytes can be used.
  @exclusivity(unchecked) private(set) var count = 0
  @exclusivity(unchecked) private var markCapacity = 0
  @exclusivity(unchecked) private var residentPages = 0
  private let pageShift: Int
  private var file: Int32 = -1
  private var hand = 0

  init(_ budget: StateBudget) {
    self.budget = budget
    pageShift = budget.pageShift
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let memory = mmap(nil, StateMemory.reserved, PROT_NONE, flags, -1, 0), memory != MAP_FAILED else {
      fatalError("no address space for the state of windows: \(String(cString: strerror(errno)))")
    }
    base = memory
    let table = UnsafeMutablePointer<StatePages.Marks>.allocate(capacity: 1)
    pages = StatePages(base: memory, table: table)
    table.initialize(to: StatePages.Marks(shift: pageShift, owner: Unmanaged.passUnretained(self)))
    budget.add(self)
  }

  deinit {
    budget.remove(ObjectIdentifier(self), bytes: residentBytes)
    munmap(base, StateMemory.reserved)
    marks?.deallocate()
    pages.table.deallocate()
    if file >= 0 { close(file) }
  }

  /// What is told of a memory beyond `limit`.
  static var tooLarge: Failure {
    Failure(
      .limit, "the state of the windows is larger than \(limit >> 30) GiB",
      hint: "keep less: shorter windows, less `allowed_lateness`, fewer groups")
  }

  private var marks: UnsafeMutablePointer<UInt8>? { pages.table.pointee.marks }
  var isPaged: Bool { marks != nil }
  private var pageCount: Int { count >> pageShift }
  /// Bytes in memory, with those that say where each page is.
  var residentBytes: Int { (marks == nil ? count : residentPages << pageShift) + markCapacity }

  /// Makes room for this many bytes.
  @inline(__always) func extend(to bytes: Int) { if bytes > count { grow(to: bytes) } }

  private func grow(to bytes: Int) {
    if bytes > StateMemory.limit { budget.fail(StateMemory.tooLarge) }
    precondition(bytes <= StateMemory.reserved, "the next settling tells that the limit is exceeded, long before this")
    let step = (1 << 16) - 1
    // An eighth more than is needed, so that growing is rare.
    let grown = min(StateMemory.reserved, (bytes + (isPaged ? 0 : count / 8) + step) & ~step)
    guard mprotect(base + count, grown - count, PROT_READ | PROT_WRITE) == 0 else {
      fatalError("no memory for the state of windows: \(String(cString: strerror(errno)))")
    }
    let added = grown - count
    count = grown
    if isPaged { growMarks() } else { budget.change(by: added) }
  }

  private func growMarks() {
    guard marks == nil || pageCount > markCapacity else { return }
    let capacity = max(64, pageCount + pageCount / 2)
    let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    grown.initialize(repeating: 0, count: capacity)
    if let marks {
      grown.update(from: marks, count: markCapacity)
      marks.deallocate()
    }
    budget.change(by: capacity - markCapacity)
    (pages.table.pointee.marks, markCapacity) = (grown, capacity)
  }

  /// Makes a page one that can be read, or written.
  @inline(never) func bring(_ page: Int, _ wanted: UInt8) {
    guard let marks else { return }
    if marks[page] & StatePages.present == 0 {
      if marks[page] & StatePages.stored != 0 { load(page) }
      residentPages += 1
      budget.change(by: 1 << pageShift)
    }
    marks[page] |= wanted
  }

  private func load(_ page: Int) {
    var offset = 0
    let size = 1 << pageShift
    while offset < size {
      let got = pread(file, base + (page << pageShift) + offset, size - offset, (page << pageShift) + offset)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else {
        fatalError("a part of the state of windows cannot be read back: \(String(cString: strerror(errno)))")
      }
      offset += got
    }
  }

  /// From now on pages can go. None does yet.
  func beginPaging() throws(Failure) {
    guard !isPaged else { return }
    file = try budget.openFile()
    // A page that comes back must not bring 2 MiB with it.
    madvise(base, StateMemory.reserved, MADV_NOHUGEPAGE)
    let pages = pageCount
    growMarks()
    marks?.update(repeating: StatePages.present | StatePages.dirty, count: pages)
    residentPages = pages
  }

  /// How long ago a page was used last, from the one that goes first to the one that goes last. What is used again and again
  /// stays, and of what is written once the oldest goes.
  enum Age: UInt8, CaseIterable {
    case unused = 0
    case old = 0b10000
    case young = 0b00010
    case lasting = 0b10010
  }

  /// Gives pages of an age back until enough bytes are free, or all have been looked at.
  func evict(_ wanted: Int, _ age: Age) throws(Failure) {
    guard marks != nil else { return }
    if hand >= pageCount { hand = 0 }
    let first = hand
    let left = try evict(wanted, age, first..<pageCount)
    if left > 0 { _ = try evict(left, age, 0..<first) }
  }

  private func evict(_ wanted: Int, _ age: Age, _ pages: Range<Int>) throws(Failure) -> Int {
    guard let marks else { return 0 }
    let mask = StatePages.present | StatePages.touched | StatePages.touchedBefore
    let sought = StatePages.present | age.rawValue
    var left = wanted
    var page = pages.lowerBound
    while left > 0, page < pages.upperBound {
      guard marks[page] & mask == sought else {
        page += 1
        continue
      }
      let dirty = marks[page] & StatePages.dirty
      let most = min(pages.upperBound, page + (left - 1) >> pageShift + 1)
      var end = page + 1
      while end < most, marks[end] & (mask | StatePages.dirty) == sought | dirty { end += 1 }
      try drop(page..<end, isDirty: dirty != 0)
      left -= (end - page) << pageShift
      page = end
      hand = end
    }
    return left
  }

  /// What was used until now was used before.
  func countAges() {
    guard let marks else { return }
    for page in 0..<pageCount {
      let mark = marks[page]
      let touched = mark & StatePages.touched
      marks[page] = mark & ~(StatePages.touched | StatePages.touchedBefore) | touched << 3
    }
  }

  private func drop(_ pages: Range<Int>, isDirty: Bool) throws(Failure) {
    guard let marks else { return }
    let first = pages.lowerBound << pageShift
    let end = pages.upperBound << pageShift
    var offset = first
    while isDirty, offset < end {
      let written = pwrite(file, base + offset, end - offset, offset)
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw budget.fault("cannot write") }
      offset += written
    }
    guard madvise(base + first, end - first, MADV_DONTNEED) == 0 else { throw budget.fault("cannot give back") }
    for page in pages { marks[page] = marks[page] & StatePages.stored | (isDirty ? StatePages.stored : 0) }
    residentPages -= pages.count
    budget.change(by: first - end)
  }
}
