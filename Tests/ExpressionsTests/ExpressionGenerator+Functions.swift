/// Calls that both sides spell alike.
extension ExpressionGenerator {
  /// nil where there is no such function of this kind.
  mutating func function(_ kind: Kind, _ depth: Int) -> Text? {
    switch kind {
    case .integer: return chance(50) ? place(depth) : field(depth)
    case .float: return power(depth)
    case .text: return chance(50) ? trimmed(depth) : repeated(depth)
    case .date:
      if chance(40) { return text("last_day(", make(pick([.date, .timestamp]), depth: depth), ")") }
      return text(
        pick(["date_add(", "date_sub("]), make(.date, depth: depth), ", interval ", pick(["1", "'5'", "c", "-3"]), " ",
        pick(["day", "week", "month", "quarter", "year"]), ")")
    case .timestamp:
      if chance(50) { return fromUnixTime() }
      return text(
        pick(["date_add(", "date_sub("]), make(.timestamp, depth: depth), ", interval ", pick(["1", "90", "c"]), " ",
        pick(["microsecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"]), ")")
    case .condition, .exact, .time: return nil
    }
  }

  private mutating func anyNumber(_ depth: Int) -> Text { make(pick([.integer, .exact, .float]), depth: depth) }

  private mutating func power(_ depth: Int) -> Text {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return text(pick(["sqrt(", "ln(", "log(", "log10(", "log2("]), anyNumber(depth), ")")
    case 1: return text("sqrt(abs(", anyNumber(depth), "))")
    case 2: return text("exp(ln(", anyNumber(depth), ") / 2)")
    case 3: return text("exp(", pick(["c", "h / 10", "e / 1000000", "sign(a)"]), ")")
    case 4: return text("log(", pick(["2", "10", "0.5", "1", "c"]), ", ", anyNumber(depth), ")")
    case 5:
      return text(
        pick(["power(", "pow("]), "abs(", make(.float, depth: depth), "), ", pick(["2", "0.5", "3", "0"]), ")")
    case 6: return text("pow(", make(.float, depth: depth), ", 2)")
    default: return text("pow(", pick(["c", "1.01", "2", "e"]), ", ", pick(["2", "3", "g", "10"]), ")")
    }
  }

  /// Where one text is in another, and the sign of a number.
  private mutating func place(_ depth: Int) -> Text {
    let part = pick([text("'b'"), text("'a'"), text("'ü'"), make(.text, depth: depth)])
    let whole = make(.text, depth: depth)
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return text("position(", part, " in ", whole, ")")
    case 1: return text("locate(", part, ", ", whole, ")")
    case 2:
      // For an empty text behind the start, MariaDB counts bytes.
      let part = pick(["'b'", "'a'", "'ü'", "' '", "'本'"])
      return text("locate(", part, ", ", whole, ", ", pick(["0", "1", "2", "3", "-1", "9", "c"]), ")")
    default: return text("sign(", anyNumber(depth), ")")
    }
  }

  /// A part of a date or of a time.
  private mutating func field(_ depth: Int) -> Text {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return text(pick(["weekday(", "week("]), make(pick([.date, .timestamp]), depth: depth), ")")
    case 1:
      return text(
        "datediff(", make(pick([.date, .timestamp]), depth: depth), ", ",
        make(pick([.date, .timestamp]), depth: depth),
        ")")
    case 2:
      return text(
        "extract(", pick(["microsecond", "second", "minute", "hour", "day"]), " from ", make(.time, depth: depth), ")")
    case 3:
      return text(pick(["hour(", "minute(", "second(", "microsecond("]), make(.time, depth: depth), ")")
    default:
      return text(
        "extract(", pick(["microsecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"]),
        " from ",
        make(pick([.date, .timestamp]), depth: depth), ")")
    }
  }

  /// The times that MariaDB 10.11 knows, up to 2038, and what is before all of them.
  private mutating func fromUnixTime() -> Text {
    let seconds = pick([
      "c", "abs(c)", "d", "abs(e)", "b % 2147483647", "u % 1000000000", "unix_timestamp(ts)", "unix_timestamp(tf)", "0",
      "1.5", "1700000000.1234567", "2147483647", "d / 3", "g",
    ])
    return text("from_unixtime(", seconds, ")")
  }

  private mutating func trimmed(_ depth: Int) -> Text {
    let whole = make(.text, depth: depth)
    let edge = pick([text("'a'"), text("' '"), text("'ü'"), text("'ab'"), text("'語'"), make(.text, depth: depth)])
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return text("trim(", edge, " from ", whole, ")")
    case 1: return text("trim(", pick(["both", "leading", "trailing"]), " from ", whole, ")")
    case 2: return text("substring(", whole, " from ", pick(["1", "2", "-2", "0", "c"]), ")")
    case 3:
      return text(
        pick(["substring(", "substr(", "mid("]), whole, " from ", pick(["1", "2", "-2", "c"]), " for ",
        pick(["0", "1", "3", "c"]), ")")
    default: return text("trim(", pick(["both ", "leading ", "trailing "]), edge, " from ", whole, ")")
    }
  }

  private mutating func repeated(_ depth: Int) -> Text {
    let value = make(.text, depth: depth)
    switch Int.random(in: 0..<6, using: &random) {
    case 4...5: return replaced(value)
    case 0: return text("reverse(", value, ")")
    case 1: return text("repeat(", value, ", ", pick(["0", "1", "2", "3", "-1", "g"]), ")")
    case 2: return text("concat_ws(", pick([text("','"), text("s"), text("''")]), ", ", value, ", ", shown(depth), ")")
    default:
      return text(
        "concat_ws(', ', ", value, ", ", make(.text, depth: depth), ", null, ", make(.text, depth: depth), ")")
    }
  }

  private mutating func replaced(_ value: Text) -> Text {
    let pattern = pick([
      "'^a'", "'[0-9]+'", "'(b)(.)?c'", "'ü|x$'", "'^$'", "'x*'", "'\\w\\s'", "'((a)|(b)|ü)+'", "'.'", "'(?=a)'",
      "'(.)(.)'",
      "'(?<=a)b'", "'(?i)A|É'", "'b\\K.'", "'(a)?(b)?(c)?(d)?(e)?(f)?(g)?(h)?(i)?(j)?.'", "'$'", "'\\b'", "'[^a-z]'",
    ])
    let replacement = pick([
      text("''"), text("'-'"), text("'[\\0]'"), text("'\\2\\1'"), text("'\\9\\3é\\é'"), text("'\\\\\\x\\'"), text("s"),
      text("null"),
    ])
    return text("regexp_replace(", value, ", ", pattern, ", ", replacement, ")")
  }

  mutating func time(_ depth: Int) -> Text {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return text("cast(", make(.time, depth: depth), " as time", pick(["", "(1)", "(3)", "(6)"]), ")")
    case 1: return text("cast(", pick(["'10:11:12.345'", "'-1:02:03'", "'100:00:00'"]), " as time(3))")
    default: return leaf(.time)
    }
  }
}
