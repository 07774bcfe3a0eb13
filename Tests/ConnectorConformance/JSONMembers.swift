import Foundation

/// The members of a JSON object with their values as they stand there, so that no digit passes through a number type.
package struct JSONMembers {
  private let bytes: [UInt8]
  private var index = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  package struct Malformed: Error {
    let offset: Int
  }

  package static func read(_ text: [UInt8]) throws -> [String: [UInt8]] {
    var reader = JSONMembers(text)
    return try reader.object()
  }

  /// The text of a JSON string.
  package static func string(_ raw: [UInt8]) throws -> String { try JSONDecoder().decode(String.self, from: Data(raw)) }

  private mutating func object() throws -> [String: [UInt8]] {
    var members: [String: [UInt8]] = [:]
    try expect("{")
    if peek == UInt8(ascii: "}") { return members }
    while true {
      let name = try JSONMembers.string(value())
      try expect(":")
      guard members.updateValue(try value(), forKey: name) == nil else { throw Malformed(offset: index) }
      if peek != UInt8(ascii: ",") { break }
      index += 1
    }
    try expect("}")
    return members
  }

  private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func expect(_ character: Unicode.Scalar) throws {
    guard peek == UInt8(ascii: character) else { throw Malformed(offset: index) }
    index += 1
  }

  /// The bytes up to the comma, colon or bracket that ends a value on its own level.
  private mutating func value() throws -> [UInt8] {
    let begin = index
    var depth = 0
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""): try skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        index += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return Array(bytes[begin..<index]) }
        depth -= 1
        index += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        if depth == 0 { return Array(bytes[begin..<index]) }
        index += 1
      default: index += 1
      }
    }
    throw Malformed(offset: begin)
  }

  private mutating func skipString() throws {
    let begin = index
    index += 1
    while let byte = peek {
      index += byte == UInt8(ascii: "\\") ? 2 : 1
      if byte == UInt8(ascii: "\"") { return }
    }
    throw Malformed(offset: begin)
  }
}
