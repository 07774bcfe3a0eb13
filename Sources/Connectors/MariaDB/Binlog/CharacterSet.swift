/// A character set of the server, found by the number of one of its collations or by name.
///
/// Source: information_schema.COLLATIONS of MariaDB 10.11 and MySQL 8.0.
struct CharacterSet: Hashable, Sendable {
  /// How bytes become UTF-8.
  enum Conversion: Hashable, Sendable {
    /// The bytes are UTF-8 already, once checked.
    case utf8
    /// Not text at all.
    case binary
    /// Windows-1252 in which the five free places stand for the control characters of the same number.
    case latin1
    /// By the C library, under this name.
    case library(String)
    /// The C library does not know it; ASCII alone can be read.
    case none
  }

  var name: String
  /// The most bytes that one character takes.
  var widest: Int
  var conversion: Conversion

  /// nil: the number is not known.
  init?(collation number: Int) {
    guard let name = CharacterSet.name(ofCollation: number) else { return nil }
    self.init(named: name)
  }

  init?(named name: String) {
    let lower = name.lowercased()
    let known = lower == "utf8" ? "utf8mb3" : lower
    guard let entry = CharacterSet.sets[known] else { return nil }
    self.name = known
    widest = entry.widest
    conversion = entry.conversion
  }

  private static func name(ofCollation number: Int) -> String? {
    switch number {
    // Since MariaDB 10.10 the number of a UCA 14.0.0 collation holds its charset.
    case 2048...4095:
      let names = ["utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"]
      let place = (number - 2048) >> 8
      return names.indices.contains(place) ? names[place] : nil
    // MariaDB's NOPAD collations are the padding ones plus 1024.
    case 1025...2047: return name(ofCollation: number - 1024)
    case 101...124, 672...674: return "utf16"
    case 128...151, 159, 640...642: return "ucs2"
    case 160...183, 736...738: return "utf32"
    case 192...215, 223, 576...578: return "utf8mb3"
    case 224...247, 255...323, 608...610: return "utf8mb4"
    case 248...250: return "gb18030"
    default: return byNumber[number]
    }
  }

  private static let byNumber: [Int: String] = {
    var table: [Int: String] = [:]
    for (name, numbers) in numbersByName {
      for number in numbers { table[number] = name }
    }
    return table
  }()

  private static let numbersByName: [String: [Int]] = [
    "big5": [1, 84], "dec8": [3, 69], "cp850": [4, 80], "hp8": [6, 72], "koi8r": [7, 74],
    "latin1": [5, 8, 15, 31, 47, 48, 49, 94], "latin2": [2, 9, 21, 27, 77], "swe7": [10, 82], "ascii": [11, 65],
    "ujis": [12, 91], "sjis": [13, 88], "hebrew": [16, 71], "tis620": [18, 89], "euckr": [19, 85], "koi8u": [22, 75],
    "gb2312": [24, 86], "greek": [25, 70], "cp1250": [26, 34, 44, 66, 99], "gbk": [28, 87], "latin5": [30, 78],
    "armscii8": [32, 64], "utf8mb3": [33, 76, 83], "ucs2": [35, 90], "cp866": [36, 68], "keybcs2": [37, 73],
    "macce": [38, 43], "macroman": [39, 53], "cp852": [40, 81], "latin7": [20, 41, 42, 79], "utf8mb4": [45, 46],
    "cp1251": [14, 23, 50, 51, 52], "utf16": [54, 55], "utf16le": [56, 62], "cp1256": [57, 67],
    "cp1257": [29, 58, 59], "utf32": [60, 61], "binary": [63], "geostd8": [92, 93], "cp932": [95, 96],
    "eucjpms": [97, 98],
  ]

  private static let sets: [String: (widest: Int, conversion: Conversion)] = [
    "utf8mb4": (4, .utf8), "utf8mb3": (3, .utf8), "ascii": (1, .utf8), "binary": (1, .binary), "latin1": (1, .latin1),
    "ucs2": (2, .library("UCS-2BE")), "utf16": (4, .library("UTF-16BE")), "utf16le": (4, .library("UTF-16LE")),
    "utf32": (4, .library("UTF-32BE")), "gbk": (2, .library("CP936")), "gb2312": (2, .library("EUC-CN")),
    "gb18030": (4, .library("GB18030")), "big5": (2, .library("BIG5")), "dec8": (1, .library("DEC-MCS")),
    "cp850": (1, .library("CP850")), "hp8": (1, .library("HP-ROMAN8")), "koi8r": (1, .library("KOI8-R")),
    "latin2": (1, .library("ISO-8859-2")), "swe7": (1, .none), "ujis": (3, .library("EUC-JP-MS")),
    "sjis": (2, .library("CP932")), "hebrew": (1, .library("ISO-8859-8")), "tis620": (1, .library("TIS-620")),
    "euckr": (2, .library("EUC-KR")), "koi8u": (1, .library("KOI8-U")), "greek": (1, .library("ISO-8859-7")),
    "cp1250": (1, .library("CP1250")), "latin5": (1, .library("ISO-8859-9")), "armscii8": (1, .library("ARMSCII-8")),
    "cp866": (1, .library("CP866")), "keybcs2": (1, .none), "macce": (1, .library("MAC-CENTRALEUROPE")),
    "macroman": (1, .library("MACINTOSH")), "cp852": (1, .library("CP852")), "latin7": (1, .library("ISO-8859-13")),
    "cp1251": (1, .library("CP1251")), "cp1256": (1, .library("CP1256")), "cp1257": (1, .library("CP1257")),
    "geostd8": (1, .library("GEORGIAN-ACADEMY")), "cp932": (2, .library("CP932")),
    "eucjpms": (3, .library("EUC-JP-MS")),
  ]
}
