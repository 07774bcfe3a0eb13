import Change

/// What to say of a function that does not exist.
struct UnknownFunction {
  /// For the end of the message: empty where no name is really near.
  let suggestion: String
  let hint: String

  init(_ name: String) {
    if let known = UnknownFunction.others[name] {
      (suggestion, hint) = ("", known)
      return
    }
    let names = FunctionTable.entries.keys.filter { !$0.contains(" ") }.sorted()
    let near = (names + UnknownFunction.forms).filter { UnknownFunction.beginsAlike(name, $0) }
    suggestion = NearestName.suggestion(for: name, in: near)
    hint = suggestion.isEmpty ? UnknownFunction.list(for: name) : ""
  }

  /// What is called like a function and is none in the table.
  private static let forms =
    FunctionTable.unitCalls.keys.sorted() + ["position", "date_add", "date_sub", "cast", "try_cast"]

  /// Whether one may be meant by the other: hardly anybody mistakes the first letter, but it is left out, doubled or swapped.
  private static func beginsAlike(_ written: String, _ name: String) -> Bool {
    let (first, second) = (Array(written.utf8), Array(name.utf8))
    guard first.count > 1, second.count > 1 else { return false }
    return first[0] == second[0] || first[0] == second[1] && first[1] == second[0]
      || first[...] == second[1...] || first[1...] == second[...]
  }

  /// The functions of the kind that the name sounds like, or where all are listed.
  private static func list(for name: String) -> String {
    let kinds: [(title: String, sounds: [String], names: [String])] = [
      (
        "functions of dates and times", ["date", "time", "day", "week", "month", "year", "hour", "minute", "second"],
        FunctionTable.moments.keys + ["timestampdiff", "date_trunc", "extract", "date_add", "date_sub"]
      ),
      (
        "functions of texts", ["str", "text", "char", "concat", "trim", "pad", "case", "replace", "split", "word"],
        FunctionTable.texts.keys + ["position"]
      ),
      (
        "functions of numbers", ["log", "num", "round", "root", "pow", "abs", "int"],
        Array(FunctionTable.numbers.keys)
      ),
    ]
    let page = "the functions are listed under Expressions in the docs"
    guard let kind = kinds.first(where: { kind in kind.sounds.contains { name.contains($0) } }) else { return page }
    return "\(kind.title): \(kind.names.filter { !$0.contains(" ") }.sorted().joined(separator: ", "))"
  }

  /// Functions that people look for, and what there is instead.
  private static let others: [String: String] = {
    var table = [
      "len": "use char_length(…), or length(…) for bytes", "charindex": "use position(a in b)",
      "strpos": "use position(a in b)", "nvl": "use ifnull(a, b)", "isnull": "use `… is null`",
      "iif": "use if(a, b, c)",
      "decode": "use `case`", "dateadd": "use date_add(a, interval 1 day)",
      "datesub": "use date_sub(a, interval 1 day)", "date_part": "use extract(day from a)",
      "datepart": "use extract(day from a)", "date_diff": "use datediff(a, b), or timestampdiff(day, a, b)",
      "timestampadd": "use `a + interval 1 day`", "to_char": "use date_format(a, '%Y-%m-%d'), or cast(a as char)",
      "to_date": "use cast(a as date)", "to_timestamp": "use cast(a as datetime), or from_unixtime(a)",
      "to_number": "use cast(a as decimal(20,4))", "convert": "use cast(a as …)",
      "regexp_like": "use `a regexp 'pattern'`", "json_extract": "use `a -> '$.path'`",
      "json_value": "use `a ->> '$.path'`", "json_unquote": "use `a ->> '$.path'`",
      "distinct": "`count(distinct x)` is a function of many rows: those belong to the `aggregate` of `windows`",
    ]
    for name in ["md5", "sha1", "sha2", "sha512", "crc32"] { table[name] = "use sha256(…)" }
    for name in ["sin", "cos", "tan", "asin", "acos", "atan", "atan2", "radians", "degrees", "pi"] {
      table[name] = "there are no functions of angles"
    }
    for name in ["now", "current_timestamp", "curdate", "current_date", "curtime", "sysdate", "rand", "random", "uuid"]
    {
      table[name] = "a replayed change must give the same result; use change.commit_time"
    }
    for name in ["count", "sum", "avg", "min", "max", "first", "last", "stddev", "percentile"] {
      table[name] = "an expression sees one row; functions of many belong to the `aggregate` of `windows`"
    }
    return table
  }()
}
