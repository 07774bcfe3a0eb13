internal import Change

/// Whether a column of the target keeps every value of the source's exactly.
struct ValueFit {
  let source: ColumnSchema
  let target: TargetShape.Column
  /// Whether the source finds or keeps apart rows by the column.
  let isKey: Bool

  /// Why it does not; nil when it does.
  var refusal: String? {
    if source.isNullable, !target.isNullable { return "takes no NULL, while the source's does" }
    if !holds { return "cannot keep the source's values (\(described)) exactly" }
    if isKey, !TargetCollation.keepsApart(source.collation, in: target.collation), isText {
      return "is in collation \(target.collation ?? "?"), which may take different keys of the source for one"
    }
    return nil
  }

  private var described: String { source.nativeType.isEmpty ? source.type.sqlName : source.nativeType }

  private var isText: Bool {
    switch source.type {
    case .text, .enumeration, .set: true
    default: false
    }
  }

  private var holds: Bool {
    switch (source.type, target.type) {
    case (.boolean, .integer), (.date, .date), (.year, .year), (.json, .json), (.uuid, .uuid): return true
    case (.float32, .float32), (.float64, .float64):
      // What is declared with digits is rounded to them.
      let digits = NativeType(target.nativeType).numbers
      return digits.isEmpty || digits == NativeType(source.nativeType).numbers
    case (.year, .integer(let bits, _)): return bits >= 16
    case (.integer(let bits, let unsigned), .integer(let wide, let wideUnsigned)):
      return unsigned == wideUnsigned ? wide >= bits : unsigned && wide > bits
    case (.integer(let bits, let unsigned), .decimal(let precision, let scale, let wideUnsigned)):
      return precision - scale >= ValueFit.digits(bits) && (unsigned || !wideUnsigned)
    case (.decimal(let precision, let scale, let unsigned), .decimal(let wide, let wideScale, let wideUnsigned)):
      return wideScale >= scale && wide - wideScale >= precision - scale && (unsigned || !wideUnsigned)
    case (.decimal(let precision, _, _), .text): return capacity >= precision + 2
    case (.unboundedDecimal, .text): return capacity >= 512
    case (.time(let digits), .time(let wide)), (.timestamp(let digits), .timestamp(let wide)),
      (.timestampZoned(let digits), .timestampZoned(let wide)):
      return wide >= min(digits, 6)
    case (.bit(let width), .bit(let wide)): return wide >= width
    case (.geometry(let kind), .geometry(let other)): return other == kind || other == .geometry
    case (.bytes(let length, let padded), .bytes(let wide, let widePadded)):
      // What the target pads must be as long already.
      if widePadded { return padded && wide == length }
      return wide == 0 || length != 0 && wide >= length || length == 0 && (wide > 65_535 || isKey)
    case (.enumeration(let members), .enumeration(let others)), (.set(let members), .set(let others)):
      return Set(members).isSubset(of: others)
    case (.address, .address): return source.nativeType == target.nativeType || target.nativeType == "inet6"
    default: return holdsText
    }
  }

  private var holdsText: Bool {
    guard case .text = target.type else { return false }
    switch source.type {
    case .text(let length):
      return holdsCharset && holdsLength(length) && (!isPadded(target.nativeType) || isPadded(source.nativeType))
    case .enumeration(let members):
      return holdsCharset && capacity >= (members.map(\.unicodeScalars.count).max() ?? 0)
    case .set(let members):
      return holdsCharset && capacity >= members.reduce(members.count) { $0 + $1.unicodeScalars.count }
    case .json: return target.charset == "utf8mb4" && capacity >= 0xff_ffff
    case .uuid: return capacity >= 36
    case .address: return capacity >= 39
    default: return false
    }
  }

  /// Whether blanks at the end are no part of a value.
  private func isPadded(_ nativeType: String) -> Bool { NativeType(nativeType).base == "char" }

  private var holdsCharset: Bool {
    guard let charset = source.charset, let other = target.charset else { return target.charset == "utf8mb4" }
    let own = charset == "utf8" ? "utf8mb3" : charset
    let wide = other == "utf8" ? "utf8mb3" : other
    if own == wide || wide == "utf8mb4" { return true }
    // The Basic Multilingual Plane holds what these can write.
    return wide == "utf8mb3" && ["ascii", "latin1", "latin2", "cp1250", "cp1251", "cp1252", "ucs2"].contains(own)
      || own == "ascii" && ["latin1", "latin2", "cp1250", "cp1251"].contains(wide)
  }

  private func holdsLength(_ length: Int) -> Bool {
    if ["tinytext", "text", "mediumtext", "longtext"].contains(NativeType(source.nativeType).base) {
      return capacity >= length
    }
    if length == 0 { return capacity >= 65_535 || isKey }
    return capacity >= length || isKey && source.nativeType.isEmpty
  }

  /// Characters that are sure to find room at the target.
  private var capacity: Int {
    guard case .text(let length) = target.type else { return 0 }
    let isCounted = ["tinytext", "text", "mediumtext", "longtext"].contains(NativeType(target.nativeType).base)
    guard isCounted, target.nativeType != "longtext" else { return length }
    if source.charset == target.charset, NativeType(source.nativeType).base.hasSuffix("text") { return length }
    return length / (target.charset.flatMap { CharacterSet(named: $0)?.widest } ?? 4)
  }

  private static func digits(_ bits: Int) -> Int { [8: 3, 16: 5, 24: 8, 32: 10][bits] ?? 20 }
}
