import Change

extension Parser {
  /// `cast(a as type)`
  mutating func cast(isLenient: Bool) throws(Failure) -> Expression {
    let place = token.place
    step()
    try take(symbol: "(")
    let value = try expression()
    try take(word: "as")
    let target = try castTarget()
    try take(symbol: ")")
    return try node(.cast(value, to: target, isLenient: isLenient), at: place, over: [value])
  }

  private mutating func castTarget() throws(Failure) -> Expression.CastTarget {
    let word = token
    guard word.kind == .word else { throw unexpected("a type") }
    step()
    switch word.text.lowercased() {
    case "signed", "integer", "int", "bigint":
      if word.isWord("signed") { skipInteger() }
      return .signed
    case "unsigned":
      skipInteger()
      return .unsigned
    case "double", "float64":
      _ = skips(word: "precision")
      return .float
    case "date": return .date
    case "char", "character", "text", "varchar": return .text(length: try sizes(limit: 1 << 24, count: 1).first)
    case "time": return .time(fraction: try sizes(limit: 6, count: 1).first ?? 0)
    case "datetime", "timestamp": return .timestamp(fraction: try sizes(limit: 6, count: 1).first ?? 0)
    case "decimal", "dec", "numeric":
      let sizes = try sizes(limit: 65, count: 2)
      let (precision, scale) = (sizes.first ?? 10, sizes.count > 1 ? sizes[1] : 0)
      guard precision >= 1, scale <= precision, scale <= 38 else {
        throw Failure(.configuration, "a decimal has 1 to 65 digits, 38 of them behind the point", at: "\(word.place)")
      }
      return .decimal(precision: precision, scale: scale)
    default: throw unknownType(word)
    }
  }

  private mutating func skipInteger() {
    if !skips(word: "integer") { _ = skips(word: "int") }
  }

  private func unknownType(_ word: Token) -> Failure {
    let types = ["signed", "unsigned", "decimal", "double", "char", "date", "datetime", "timestamp", "time"]
    if let wanted = Parser.otherTypes[word.text.lowercased()] {
      return Failure(
        .configuration, "unknown type \(word.shown)", at: "\(word.place)",
        hint: "\(wanted); \(NearestName.list("types", types))")
    }
    let spellings = types + ["integer", "bigint", "text", "varchar", "numeric"]
    return Failure(
      .configuration, "unknown type \(word.shown)\(NearestName.suggestion(for: word.text, in: spellings))",
      at: "\(word.place)", hint: NearestName.list("types", types))
  }

  /// Types that other systems have, and what to write here.
  private static let otherTypes: [String: String] = {
    var table: [String: String] = [:]
    for name in [
      "string", "str", "clob", "longtext", "mediumtext", "tinytext", "nvarchar", "nchar", "varchar2", "uuid",
    ] {
      table[name] = "a text is `char`"
    }
    for name in ["tinyint", "smallint", "mediumint", "int2", "int4", "int8", "int32", "int64", "long", "serial"] {
      table[name] = "a whole number is `signed`"
    }
    for name in ["uint", "uint32", "uint64"] { table[name] = "a whole number that is not negative is `unsigned`" }
    for name in ["number", "money", "fixed"] { table[name] = "an exact number is `decimal(10,2)`" }
    for name in ["float", "real", "float4", "float8", "float32"] { table[name] = "a floating-point number is `double`" }
    for name in ["bool", "boolean"] { table[name] = "compare instead of a cast: `… <> 0`, `… = 'true'`" }
    for name in ["timestamptz", "datetime2", "smalldatetime"] { table[name] = "a date and time is `datetime(6)`" }
    for name in ["json", "jsonb"] { table[name] = "read a part of a document with `… ->> '$.path'`" }
    for name in ["binary", "varbinary", "blob", "bytes", "bytea"] { table[name] = "use hex(…) for bytes" }
    return table
  }()

  /// `(n)` or `(n, m)` where they are written.
  private mutating func sizes(limit: Int, count: Int) throws(Failure) -> [Int] {
    guard token.isSymbol("(") else { return [] }
    var sizes: [Int] = []
    repeat {
      step()
      guard token.kind == .integer, let size = Int(token.text), size <= limit else {
        throw unexpected("a number up to \(limit)")
      }
      sizes.append(size)
      step()
    } while token.isSymbol(",") && sizes.count < count
    try take(symbol: ")")
    return sizes
  }
}
