import Change

/// The names of folders and files below the root of a files sink.
///
/// A segment lies at `{schema}/{table}/{date}/{epoch}-{number}.{extension}`. A part of a path that comes from the
/// source keeps letters, digits, `_` and `-` of ASCII; every other byte of its UTF-8 is `%XX`. So nothing is `.`,
/// `..` or hidden, different names stay different, and names that begin with `@` are free for what is not one table.
package enum SegmentName {
  /// Longest part of a path in bytes; file systems allow 255.
  package static let partLimit = 200

  /// The folders that stand for one name of the source: one, or several when it is longer than `partLimit` bytes.
  /// All but the last of several end with `+`, so that they cannot be another name's folder.
  package static func folders(for name: String) -> [String] {
    var parts: [String] = []
    var part: [UInt8] = []
    for byte in name.utf8 {
      let isPlain = byte.isASCIILetterOrDigit || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
      if part.count + 3 > partLimit {
        parts.append(String(decoding: part + [UInt8(ascii: "+")], as: UTF8.self))
        part = []
      }
      if isPlain {
        part.append(byte)
      } else {
        part += [UInt8(ascii: "%"), byte.highHexDigit, byte.lowHexDigit]
      }
    }
    // A name without a byte still needs a folder; no name is encoded as a single `%`.
    if part.isEmpty, parts.isEmpty { part = [UInt8(ascii: "%")] }
    parts.append(String(decoding: part, as: UTF8.self))
    return parts
  }

  package static func path(folders: [String], epoch: UInt64, number: UInt64, fileExtension: String) -> String {
    let name = "\(padded(epoch, 8))-\(padded(number, 10)).\(fileExtension)"
    return (folders + [name]).joined(separator: "/")
  }

  package static func listName(epoch: UInt64, number: UInt64) -> String {
    "manifest-\(padded(epoch, 8))-\(padded(number, 10)).json"
  }

  /// The epoch of a segment or a list of sealed segments, by its name; nil for any other file.
  package static func epoch(of path: String) -> UInt64? {
    guard let file = path.split(separator: "/").last else { return nil }
    let isList = !path.contains("/") && file.hasPrefix("manifest-") && file.hasSuffix(".json")
    // Segments always lie in a folder; a file of the user's in the root is never taken for one.
    guard isList || path.contains("/") else { return nil }
    let name = isList ? file.dropFirst(9) : file[...]
    let stem = name.prefix { $0 != "." }
    let parts = stem.split(separator: "-", omittingEmptySubsequences: false)
    let suffixes = [".jsonl", ".csv", ".jsonl.zst", ".csv.zst", ".jsonl.gz", ".csv.gz"]
    guard isList || suffixes.contains(String(name.dropFirst(stem.count))), parts.count == 2, parts[0].count >= 8,
      parts[1].count >= 10, parts.allSatisfy({ $0.utf8.allSatisfy(\.isASCIIDigit) }), UInt64(parts[1]) != nil
    else { return nil }
    return UInt64(parts[0])
  }

  /// Whether a sink can have made a folder of this name.
  package static func isFolder(_ name: String) -> Bool {
    var rest = name.hasPrefix("@") ? name.dropFirst() : name[...]
    // Only a part that is not the last of a long name ends so.
    if name.utf8.count > partLimit - 3, rest.last == "+" { rest.removeLast() }
    return !rest.isEmpty
      && rest.utf8.allSatisfy {
        $0.isASCIILetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "%")
      }
  }

  private static func padded(_ number: UInt64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension UInt8 {
  fileprivate var isASCIIDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

  fileprivate var isASCIILetterOrDigit: Bool {
    isASCIIDigit || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "z"))
  }

  fileprivate var highHexDigit: UInt8 { (self >> 4).hexDigit }
  fileprivate var lowHexDigit: UInt8 { (self & 15).hexDigit }
  private var hexDigit: UInt8 { self < 10 ? UInt8(ascii: "0") + self : UInt8(ascii: "A") + self - 10 }
}
