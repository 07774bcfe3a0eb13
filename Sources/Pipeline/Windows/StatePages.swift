/// How the bytes of a `StateMemory` are reached: its address, and where its pages are. Without a reference, so that none is
/// counted for an access; good for as long as the memory.
struct StatePages {
  struct Marks {
    /// What each page is; nil while all are in memory.
    var marks: UnsafeMutablePointer<UInt8>?
    let shift: Int
    /// The memory itself, which outlives this.
    let owner: Unmanaged<StateMemory>
  }

  // What a page is.
  static let present: UInt8 = 1
  /// It was used since the ages were counted last.
  static let touched: UInt8 = 2
  static let dirty: UInt8 = 4
  /// The file has it.
  static let stored: UInt8 = 8
  /// It was used between the last two times that ages were counted.
  static let touchedBefore: UInt8 = 16
  static let readable = present | touched
  static let writable = present | touched | dirty

  let base: UnsafeMutableRawPointer
  let table: UnsafeMutablePointer<Marks>

  /// The bytes for reading.
  @inline(__always) func read(_ offset: Int, _ length: Int) -> UnsafeMutableRawPointer {
    if table.pointee.marks != nil { bring(offset, length, StatePages.readable) }
    return base + offset
  }

  /// The bytes for reading and writing.
  @inline(__always) func write(_ offset: Int, _ length: Int) -> UnsafeMutableRawPointer {
    if table.pointee.marks != nil { bring(offset, length, StatePages.writable) }
    return base + offset
  }

  @inline(never) private func bring(_ offset: Int, _ length: Int, _ wanted: UInt8) {
    guard let marks = table.pointee.marks else { return }
    var page = offset &>> table.pointee.shift
    let last = (offset + length - 1) &>> table.pointee.shift
    while page <= last {
      if marks[page] & wanted != wanted { table.pointee.owner.takeUnretainedValue().bring(page, wanted) }
      page += 1
    }
  }
}
