internal import Change

/// The global identifier of one transaction, in MariaDB's or MySQL's form.
package enum GTID: Hashable, Sendable, CustomStringConvertible {
  /// `domain-server-sequence`.
  case mariadb(domain: UInt32, server: UInt32, sequence: UInt64)
  /// `uuid:number`, or `uuid:tag:number`.
  case mysql(GTIDSource, number: UInt64)

  package var description: String {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the text without making a String.
  func write(to bytes: inout [UInt8]) {
    switch self {
    case .mariadb(let domain, let server, let sequence):
      bytes.append(decimal: UInt64(domain))
      bytes.append(0x2d)
      bytes.append(decimal: UInt64(server))
      bytes.append(0x2d)
      bytes.append(decimal: sequence)
    case .mysql(let source, let number):
      source.write(to: &bytes)
      bytes.append(0x3a)
      bytes.append(decimal: number)
    }
  }
}

/// The server, and since MySQL 8.3 the tag, that numbers a MySQL transaction.
package struct GTIDSource: Hashable, Sendable, Comparable {
  package var high: UInt64
  package var low: UInt64
  /// Lower case, at most 32 characters; empty: none.
  package var tag: String

  package init(high: UInt64, low: UInt64, tag: String = "") {
    self.high = high
    self.low = low
    self.tag = tag
  }

  package static func < (left: GTIDSource, right: GTIDSource) -> Bool {
    (left.high, left.low, left.tag) < (right.high, right.low, right.tag)
  }

  func write(to bytes: inout [UInt8]) {
    bytes.append(uuidHigh: high, low: low)
    guard !tag.isEmpty else { return }
    bytes.append(0x3a)
    bytes.append(contentsOf: tag.utf8)
  }
}

extension [UInt8] {
  /// Appends a number in decimal digits.
  mutating func append(decimal value: UInt64) {
    if value < 10 {
      append(UInt8(truncatingIfNeeded: value) + 0x30)
      return
    }
    var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
    var rest = value
    let count = Swift.withUnsafeMutableBytes(of: &digits) { buffer in
      var position = 24
      while rest > 0 {
        position -= 1
        buffer[position] = UInt8(truncatingIfNeeded: rest % 10) + 0x30
        rest /= 10
      }
      return 24 - position
    }
    Swift.withUnsafeBytes(of: &digits) { append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[(24 - count)...])) }
  }

  /// Appends a number in decimal digits, with leading zeros up to `width` digits.
  mutating func append(decimal value: UInt64, width: Int) {
    var limit: UInt64 = 1
    for _ in 1..<Swift.max(1, Swift.min(width, 19)) { limit *= 10 }
    while limit > 1, value < limit {
      append(0x30)
      limit /= 10
    }
    append(decimal: value)
  }

  /// Appends the 36 characters of a UUID in lower case.
  mutating func append(uuidHigh high: UInt64, low: UInt64) {
    for index in 0..<32 {
      if index == 8 || index == 12 || index == 16 || index == 20 { append(0x2d) }
      let half = index < 16 ? high : low
      let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - index % 16 * 4)) & 15
      append(nibble < 10 ? nibble + 0x30 : nibble + 0x57)
    }
  }
}
