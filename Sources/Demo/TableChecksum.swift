/// Rows of a table and a sum over them that does not depend on their order: 64-bit FNV-1a of each row's values as text,
/// added up (Fowler, Noll, Vo; RFC 9923).
package struct TableChecksum: Hashable, Sendable, CustomStringConvertible {
  package private(set) var rows: UInt64 = 0
  package private(set) var sum: UInt64 = 0

  package init() {}

  package mutating func add(_ values: [String?]) {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    let mix = { (byte: UInt8) in hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for value in values {
      // A NULL and an empty text differ, and so do values that only meet at their border.
      mix(value == nil ? 0 : 1)
      for byte in (value ?? "").utf8 { mix(byte) }
      mix(0xff)
    }
    rows += 1
    sum &+= hash
  }

  package var description: String { String(sum, radix: 16) }
}
