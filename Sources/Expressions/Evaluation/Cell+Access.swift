import Change

// The same members as in `Change`, once more: what another module declares is called out of line in the kernels, however it
// is marked, and a comparison of tags even goes through a witness table. Measured, these make them twice as fast.

extension Cell.Tag {
  /// The cases of a frozen enum are numbered from 0, as its raw values are.
  @inline(__always) var byte: UInt8 { unsafeBitCast(self, to: UInt8.self) }

  @inline(__always) static func == (left: Cell.Tag, right: Cell.Tag) -> Bool { left.byte == right.byte }
  @inline(__always) static func != (left: Cell.Tag, right: Cell.Tag) -> Bool { left.byte != right.byte }
}

/// A cell's memory: the same fields in the same places, as a test checks.
struct CellMemory {
  var payload: UInt64
  var tag: UInt8
  var scale: UInt8
}

extension Cell {
  @inline(__always) init(_ tag: Tag, _ payload: UInt64, scale: UInt8 = 0) {
    self = unsafeBitCast(CellMemory(payload: payload, tag: tag.byte, scale: scale), to: Cell.self)
  }

  @inline(__always) static var null: Cell { Cell(.null, 0) }
  @inline(__always) static func int(_ value: Int64) -> Cell { Cell(.int, UInt64(bitPattern: value)) }
  @inline(__always) static func uint(_ value: UInt64) -> Cell { Cell(.uint, value) }
  @inline(__always) static func boolean(_ value: Bool) -> Cell { Cell(.boolean, value ? 1 : 0) }
  @inline(__always) static func float64(_ value: Double) -> Cell { Cell(.float64, value.bitPattern) }
  @inline(__always) static func decimal64(unscaled: Int64, scale: UInt8) -> Cell {
    Cell(.decimal64, UInt64(bitPattern: unscaled), scale: scale)
  }
  @inline(__always) static func slice(_ tag: Tag, offset: Int, length: Int, scale: UInt8 = 0) -> Cell {
    Cell(tag, UInt64(UInt32(offset)) | UInt64(UInt32(length)) << 32, scale: scale)
  }

  @inline(__always) var int: Int64 { Int64(bitPattern: payload) }
  @inline(__always) var float32: Float { Float(bitPattern: UInt32(truncatingIfNeeded: payload)) }
  @inline(__always) var float64: Double { Double(bitPattern: payload) }
  @inline(__always) var offset: Int { Int(payload & 0xffff_ffff) }
  @inline(__always) var length: Int { Int(payload >> 32) }
  @inline(__always) var hasValue: Bool { tag.byte > Tag.unavailable.byte }
}
