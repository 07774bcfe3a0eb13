/// A declared column type taken apart: `decimal(12,2) unsigned` is `decimal`, 12, 2, unsigned.
struct NativeType: Hashable, Sendable {
  /// The first word, in lower case, with synonyms resolved; empty when the text is none.
  var base = ""
  var numbers: [Int] = []
  /// Members of an ENUM or SET.
  var members: [String] = []
  var isUnsigned = false

  init(_ text: String) {
    var scanner = Array(text.utf8)[...]
    base = NativeType.word(&scanner)
    NativeType.skipBlanks(&scanner)
    if base == "double" || base == "long" || base == "character" || base == "national" {
      base = NativeType.joined(base, &scanner)
    }
    if scanner.first == 0x28 { readArguments(&scanner) }
    while !scanner.isEmpty {
      NativeType.skipBlanks(&scanner)
      let word = NativeType.word(&scanner)
      if word == "unsigned" || word == "zerofill" { isUnsigned = true }
      if word.isEmpty { scanner = scanner.dropFirst() }
    }
    resolveSynonym()
  }

  private static func word(_ scanner: inout ArraySlice<UInt8>) -> String {
    let letters = scanner.prefix {
      ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x5f
    }
    scanner = scanner.dropFirst(letters.count)
    return String(decoding: letters, as: UTF8.self).lowercased()
  }

  private static func skipBlanks(_ scanner: inout ArraySlice<UInt8>) {
    scanner = scanner.drop { $0 == 0x20 || $0 >= 9 && $0 <= 13 }
  }

  /// `double precision`, `character varying`, `long varchar`, `national char`.
  private static func joined(_ first: String, _ scanner: inout ArraySlice<UInt8>) -> String {
    var ahead = scanner
    let second = word(&ahead)
    switch (first, second) {
    case ("double", "precision"): scanner = ahead
    case ("character", "varying"), ("national", "varchar"):
      scanner = ahead
      return "varchar"
    case ("national", "char"), ("national", "character"):
      scanner = ahead
      return "char"
    case ("long", "varchar"), ("long", ""):
      scanner = ahead
      return "mediumtext"
    case ("long", "varbinary"):
      scanner = ahead
      return "mediumblob"
    default: break
    }
    return first
  }

  private mutating func readArguments(_ scanner: inout ArraySlice<UInt8>) {
    scanner = scanner.dropFirst()
    while let byte = scanner.first, byte != 0x29 {
      switch byte {
      case 0x30...0x39:
        let digits = scanner.prefix { $0 >= 0x30 && $0 <= 0x39 }
        numbers.append(Int(String(decoding: digits, as: UTF8.self)) ?? Int.max)
        scanner = scanner.dropFirst(digits.count)
      case 0x27: members.append(NativeType.quoted(&scanner))
      default: scanner = scanner.dropFirst()
      }
    }
    scanner = scanner.dropFirst()
  }

  /// A member between single quotes, with doubled quotes and backslashes undone.
  private static func quoted(_ scanner: inout ArraySlice<UInt8>) -> String {
    var bytes: [UInt8] = []
    scanner = scanner.dropFirst()
    while let byte = scanner.first {
      scanner = scanner.dropFirst()
      if byte == 0x27 {
        guard scanner.first == 0x27 else { break }
        scanner = scanner.dropFirst()
      }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func resolveSynonym() {
    switch base {
    case "integer", "int4": base = "int"
    case "int1", "bool", "boolean": base = "tinyint"
    case "int2": base = "smallint"
    case "int3", "middleint": base = "mediumint"
    case "int8": base = "bigint"
    case "dec", "numeric", "fixed", "number": base = "decimal"
    case "real", "float8": base = "double"
    case "float4": base = "float"
    case "character", "nchar": base = "char"
    case "nvarchar", "varchar2", "varcharacter": base = "varchar"
    case "raw": base = "varbinary"
    case "clob": base = "longtext"
    case "geomcollection": base = "geometrycollection"
    default: break
    }
    if base == "float", numbers.count == 1, numbers[0] > 24 { base = "double" }
    if base == "decimal", numbers.isEmpty { numbers = [10, 0] }
    if base == "decimal", numbers.count == 1 { numbers.append(0) }
  }
}
