import TestRandom

/// Makes random expressions that have a type, as text for Freshet and for MariaDB.
struct ExpressionGenerator {
  enum Kind: CaseIterable { case condition, integer, exact, float, text, date, timestamp, time }

  /// One expression in both spellings, which differ where MariaDB has no word for something.
  struct Text {
    var ours: String
    var theirs: String

    init(_ both: String) { (ours, theirs) = (both, both) }
    init(_ ours: String, _ theirs: String) { (self.ours, self.theirs) = (ours, theirs) }

    static func joined(_ parts: [Any]) -> Text {
      var result = Text("")
      for part in parts {
        if let text = part as? Text {
          result.ours += text.ours
          result.theirs += text.theirs
        } else if let both = part as? String {
          result.ours += both
          result.theirs += both
        }
      }
      return result
    }
  }

  var random: SeededRandom

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  mutating func pick<Element>(_ choices: [Element]) -> Element {
    choices[Int.random(in: 0..<choices.count, using: &random)]
  }
  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  func text(_ parts: Any...) -> Text { .joined(parts) }

  mutating func make(_ kind: Kind, depth: Int) -> Text {
    if depth <= 0 || chance(12) { return leaf(kind) }
    if chance(12), kind != .condition { return choice(kind, depth: depth - 1) }
    if chance(30), let call = function(kind, depth - 1) { return call }
    switch kind {
    case .condition: return condition(depth - 1)
    case .integer: return integer(depth - 1)
    case .exact: return exact(depth - 1)
    case .float: return float(depth - 1)
    case .text: return string(depth - 1)
    case .date: return date(depth - 1)
    case .timestamp: return timestamp(depth - 1)
    case .time: return time(depth - 1)
    }
  }

  mutating func leaf(_ kind: Kind) -> Text {
    switch kind {
    case .condition:
      return pick([
        text("a > 10"), text("s = 'abc'"), text("d <> 1.50"), text("g"), text("true"), text("false"),
        text("a is null"), text("s is not null"), text("null"), Text("old.a = a", "old_a = a"),
      ])
    case .integer:
      return pick([
        text("a"), text("b"), text("g"), text("u"), text("c"), text("c"), Text("old.a", "old_a"),
        text(String(Int.random(in: 0...12, using: &random))), text(String(Int.random(in: 0...100_000, using: &random))),
      ])
    case .exact:
      return pick([
        text("d"), text("e"), text("w"), text("d"), Text("old.d", "old_d"),
        text("\(Int.random(in: 0...999, using: &random)).\(Int.random(in: 0...99, using: &random))"), text("0.5"),
      ])
    case .float: return pick([text("f"), text("h"), text("1.5e0"), text("2e-3")])
    case .text:
      return pick([
        text("s"), text("t"), Text("old.s", "old_s"), text("'abc'"), text("''"), text("'it''s'"), text("'Ünï ç'"),
        text("' x '"),
        text("'a\\b%_'"),
      ])
    case .date: return pick([text("dt"), text("dt"), text("date '2024-02-29'"), text("date '1999-12-31'")])
    case .timestamp:
      return pick([
        text("ts"), text("tf"), text("timestamp '2024-02-29 23:59:59'"), text("timestamp '2001-01-01 00:00:00.5'"),
      ])
    case .time:
      return pick([
        text("tm"), text("tm"), text("time '26:00:00'"), text("time '-00:00:01.5'"), text("time '838:59:59'"),
      ])
    }
  }

  /// `coalesce`, `case`, `nullif`, `if`, `greatest`, `least`
  private mutating func choice(_ kind: Kind, depth: Int) -> Text {
    let (one, two, three) = (make(kind, depth: depth), make(kind, depth: depth), make(kind, depth: depth))
    let (first, second) = (make(.condition, depth: depth), make(.condition, depth: depth))
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return text("coalesce(", one, ", ", two, ", ", three, ")")
    case 1: return text("ifnull(", one, ", ", two, ")")
    case 2: return text("nullif(", one, ", ", two, ")")
    case 3: return text("if(", first, ", ", one, ", ", two, ")")
    case 4: return text("case when ", first, " then ", one, " when ", second, " then ", two, " else ", three, " end")
    case 5: return text("case when ", first, " then ", one, " end")
    case 6: return text("case ", one, " when ", two, " then ", three, " else ", one, " end")
    default: return text(pick(["greatest", "least"]), "(", one, ", ", two, ")")
    }
  }

  private mutating func condition(_ depth: Int) -> Text {
    switch Int.random(in: 0..<14, using: &random) {
    case 0...1:
      return text(
        "(", make(.condition, depth: depth), pick([" and ", " or ", " xor "]), make(.condition, depth: depth), ")")
    case 2:
      // Without parentheses: precedence decides.
      return text(
        "(", make(.condition, depth: depth), " or not ", make(.condition, depth: depth), " and ",
        make(.condition, depth: depth), ")")
    case 3: return text("not (", make(.condition, depth: depth), ")")
    case 4:
      return text(
        "((", make(.condition, depth: depth), ") is ", pick(["", "not "]), pick(["true", "false", "null", "unknown"]),
        ")")
    case 5:
      let kind = pick(Kind.allCases.filter { $0 != .condition })
      return text("(", make(kind, depth: depth), pick([" is null", " is not null"]), ")")
    case 6:
      let (one, two) = pick([
        (Kind.integer, Kind.exact), (.exact, .integer), (.integer, .float), (.float, .exact), (.date, .timestamp),
      ])
      return text("(", make(one, depth: depth), comparison(), make(two, depth: depth), ")")
    case 7:
      let kind = anyValue()
      return text(
        "(", make(kind, depth: depth), pick([" ", " not "]), "in (", make(kind, depth: depth), ", ",
        make(kind, depth: depth), ", ", make(kind, depth: 0), "))")
    case 8:
      let kind = anyValue()
      return text(
        "(", make(kind, depth: depth), pick([" ", " not "]), "between ", make(kind, depth: depth), " and ",
        make(kind, depth: depth), ")")
    case 9: return like(depth)
    case 10:
      return text(
        "(", make(.text, depth: depth), pick([" regexp ", " not regexp "]),
        pick(["'^a'", "'[0-9]+'", "'b.?c'", "'ü|x$'", "'^$'", "'\\w\\s'", "'(a|b){2}'"]), ")")
    default:
      let kind = anyValue()
      return text("(", make(kind, depth: depth), comparison(), make(kind, depth: depth), ")")
    }
  }

  private mutating func anyValue() -> Kind { pick(Kind.allCases.filter { $0 != .condition }) }
  private mutating func comparison() -> String { pick([" = ", " <> ", " < ", " <= ", " > ", " >= ", " <=> ", " != "]) }

  private mutating func like(_ depth: Int) -> Text {
    let value = make(.text, depth: depth)
    let not = pick([" ", " not "])
    let pattern = pick(["'a%'", "'%b%'", "'_b_'", "'%'", "'%_'", "'Ü%'", "'_'", "'%c'", "'a%c%'"])
    switch Int.random(in: 0..<3, using: &random) {
    case 0: return text("(", value, not, "like '%|_%' escape '|')")
    case 1: return Text("(\(value.ours)\(not)like '%\\%%')", "(\(value.theirs)\(not)like '%\\%%' escape '\\')")
    default: return text("(", value, not, "like ", pattern, " escape '|')")
    }
  }

  private mutating func integer(_ depth: Int) -> Text {
    switch Int.random(in: 0..<16, using: &random) {
    case 0...2:
      return text("(", make(.integer, depth: depth), pick([" + ", " - ", " * "]), make(.integer, depth: depth), ")")
    case 3: return text("(", leaf(.integer), " + ", leaf(.integer), " * ", leaf(.integer), " - ", leaf(.integer), ")")
    case 4:
      return text(
        "(", make(.integer, depth: depth), pick([" % ", " div ", " mod "]), make(.integer, depth: depth), ")")
    case 5: return text("(- ", make(.integer, depth: depth), ")")
    case 6: return text("abs(", make(.integer, depth: depth), ")")
    case 7: return text(pick(["length", "char_length"]), "(", make(.text, depth: depth), ")")
    case 8: return text("instr(", make(.text, depth: depth), ", ", make(.text, depth: depth), ")")
    case 9:
      return text(
        pick(["year", "month", "day", "hour", "minute", "second", "quarter", "dayofweek", "dayofyear", "microsecond"]),
        "(",
        make(.timestamp, depth: depth), ")")
    case 10: return text(pick(["year", "month", "day"]), "(", make(.date, depth: depth), ")")
    case 11:
      return text(
        "timestampdiff(", pick(["second", "minute", "hour", "day", "week", "month", "quarter", "year"]), ", ",
        make(.timestamp, depth: depth), ", ", make(pick([.timestamp, .date]), depth: depth), ")")
    case 12: return text("unix_timestamp(", pick(["ts", "cast(ts as date)"]), ")")
    case 13: return text("(", make(.exact, depth: depth), " div ", make(.exact, depth: depth), ")")
    case 14: return text("cast(", pick(["d", "e", "f"]), " as signed)")
    default: return text("round(", make(.integer, depth: depth), ", ", pick(["-1", "-2", "0", "2"]), ")")
    }
  }

  private mutating func exact(_ depth: Int) -> Text {
    let other = pick([Kind.exact, .integer])
    switch Int.random(in: 0..<12, using: &random) {
    case 0...2:
      return text("(", make(.exact, depth: depth), pick([" + ", " - ", " * "]), make(other, depth: depth), ")")
    case 3: return text("(", make(other, depth: depth), pick([" + ", " - "]), make(.exact, depth: depth), ")")
    case 4...5: return text("(", make(pick([.exact, .integer]), depth: depth), " / ", make(other, depth: depth), ")")
    case 6:
      // Of what is not negative: MariaDB's remainder of -0.01 by 0.01 is -0.00, which it takes for another value than 0.
      return text("(abs(", make(.exact, depth: depth), ") % ", make(.exact, depth: depth), ")")
    case 7: return text(pick(["abs", "floor", "ceil", "-"]), "(", make(.exact, depth: depth), ")")
    case 8: return text("round(", make(.exact, depth: depth), ", ", pick(["0", "1", "2", "3", "-1", "8"]), ")")
    case 9: return text("truncate(abs(", make(.exact, depth: depth), "), ", pick(["0", "1", "2", "-1"]), ")")
    case 10:
      return text(
        "cast(", make(pick([.exact, .integer]), depth: depth), " as decimal(", pick(["65,10", "65,0", "60,10"]),
        "))")
    default: return text("cast(unix_timestamp(tf) as decimal(20,6))")
    }
  }

  private mutating func float(_ depth: Int) -> Text {
    switch Int.random(in: 0..<6, using: &random) {
    case 0...2:
      return text(
        "(", make(.float, depth: depth), pick([" + ", " - ", " * ", " / "]),
        make(pick([.float, .integer, .exact]), depth: depth), ")")
    case 3: return text(pick(["abs", "floor", "ceil", "-"]), "(", make(.float, depth: depth), ")")
    case 4: return text("cast(", make(pick([.integer, .exact]), depth: depth), " as double)")
    default: return text("(", make(.float, depth: depth), " % ", make(.float, depth: depth), ")")
    }
  }

  private mutating func string(_ depth: Int) -> Text {
    let value = make(.text, depth: depth)
    let number = pick(["0", "1", "2", "3", "-1", "-2", "7", "c"])
    switch Int.random(in: 0..<13, using: &random) {
    case 0: return text(pick(["lower", "upper", "trim", "ltrim", "rtrim"]), "(", value, ")")
    case 1: return text("concat(", value, ", ", make(.text, depth: depth), ")")
    case 2: return text("substring(", value, ", ", number, ")")
    case 3: return text("substr(", value, ", ", number, ", ", pick(["0", "1", "2", "5", "-1", "c"]), ")")
    case 4: return text(pick(["left", "right"]), "(", value, ", ", number, ")")
    case 5: return text("replace(", value, ", ", make(.text, depth: depth), ", ", make(.text, depth: depth), ")")
    case 6:
      return text(
        pick(["lpad", "rpad"]), "(", value, ", ", pick(["0", "3", "9", "12"]), ", ", pick(["'*'", "'xy'", "'é-'"]), ")")
    case 7: return text("cast(", shown(depth), " as char)")
    case 8: return text("concat(", value, ", ", shown(depth), ", '|')")
    case 9:
      return text(
        "date_format(", make(.timestamp, depth: depth), ", '",
        pick(["%Y-%m-%d", "%H:%i:%s.%f", "%e %M %y", "%W %b %D", "%r %T", "%j%%%p %h %k %c %a"]), "')")
    case 10:
      let value = value
      return Text("sha256(\(value.ours))", "sha2(\(value.theirs), 256)")
    case 11: return text("hex(", value, ")")
    default:
      let path = pick(["$.a", "$.b.c", "$.list[1]", "$.\"k k\"", "$.none", "$.text", "$"])
      return Text(
        "(j ->> '\(path)')",
        "(convert(json_unquote(json_extract(j, '\(path)')) using utf8mb4) collate utf8mb4_nopad_bin)")
    }
  }

  /// What has a text: of decimals only sums, because MariaDB shows a remainder or a rounding of a negative number as -0.00.
  mutating func shown(_ depth: Int) -> Text {
    let kind = pick([Kind.integer, .exact, .date, .timestamp, .time])
    return kind == .exact ? text("(", leaf(.exact), " + ", leaf(.exact), ")") : make(kind, depth: depth)
  }

  private mutating func date(_ depth: Int) -> Text {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return text("date(", make(.timestamp, depth: depth), ")")
    case 1: return text("cast(", make(.timestamp, depth: depth), " as date)")
    default:
      return text(
        "(", make(.date, depth: depth), pick([" + ", " - "]), "interval ", pick(["1", "'5'", "c", "30", "-3"]), " ",
        pick(["day", "week", "month", "quarter", "year"]), ")")
    }
  }

  private mutating func timestamp(_ depth: Int) -> Text {
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return text("cast(", make(.date, depth: depth), " as datetime)")
    case 1:
      return text(
        "(", make(.date, depth: depth), " + interval ", pick(["1", "25", "c"]), " ",
        pick(["second", "minute", "hour"]), ")")
    case 2:
      let value = make(.timestamp, depth: depth)
      let (unit, format) = pick([
        ("second", "%Y-%m-%d %H:%i:%s"), ("minute", "%Y-%m-%d %H:%i:00"), ("hour", "%Y-%m-%d %H:00:00"),
        ("day", "%Y-%m-%d 00:00:00"), ("month", "%Y-%m-01 00:00:00"), ("year", "%Y-01-01 00:00:00"),
      ])
      return Text("date_trunc('\(unit)', \(value.ours))", "cast(date_format(\(value.theirs), '\(format)') as datetime)")
    default:
      return text(
        "(", make(.timestamp, depth: depth), pick([" + ", " - "]), "interval ", pick(["1", "90", "c"]), " ",
        pick(["microsecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"]), ")")
    }
  }
}
