import Change
import Expressions
import Testing

@Suite struct ProblemTests {
  private let row = Row(
    [
      ("id", .integer(bits: 64, unsigned: false)), ("amount", .decimal(precision: 12, scale: 2, unsigned: false)),
      ("status", .text(length: 20)), ("at", .timestamp(fraction: 0)), ("small", .integer(bits: 8, unsigned: true)),
    ],
    after: [
      .cell(.int(.max)), .cell(.decimal64(unscaled: 12_345, scale: 2)), .text("draft"),
      .cell(.timestamp(microseconds: 0)),
      .cell(.uint(1)),
    ])

  /// The place and a piece of the message of each wrong text.
  @Test(arguments: [
    ("", "1:1", "expected a value"), ("amount >", "1:9", "expected a value, found the end"),
    ("amount > 1 1", "1:12", "expected an operator"), ("status = 'a", "1:10", "not closed"),
    ("amuont > 1", "1:1", "did you mean \"amount\""), ("id = 1 and\n  statis = 'a'", "2:3", "did you mean \"status\""),
    ("uper(status)", "1:1", "did you mean \"upper\""), ("amount + status", "1:10", "needs numbers"),
    ("amount = status", "1:8", "cannot be compared"), ("status and true", "1:1", "a condition is needed"),
    ("at > 'yesterday'", "1:6", "not a date"), ("change.oper = 'x'", "1:8", "no field"),
    ("orders.id", "1:1", "neither"), ("status regexp '('", "1:15", "regular expression"),
    ("regexp_replace(status, '(', '')", "1:24", "regular expression"),
    ("regexp_replace(status, status, '')", "1:24", "in quotes"),
    ("regexp_replace(id, 'a', '')", "1:16", "text is needed"),
    ("regexp_replace(status, 'a')", "1:1", "takes 3 arguments"),
    ("cast(id as foo)", "1:12", "unknown type"), ("left(status)", "1:1", "takes 2 arguments"),
    ("id in ()", "1:8", "expected a value"), ("2nd", "1:2", "followed by a letter"), ("a || b", "1:3", "unexpected"),
    ("case when id then 1", "1:20", "expected `end`"), ("at + 1", "1:1", "needs numbers"),
    ("now()", "1:1", "no function"),
    ("interval 1 day", "1:1", "stands only behind"), ("at + interval 1 fortnight", "1:17", "a unit of time"),
    ("id = not true", "1:6", "parentheses"),
    ("case id when 1 then 'a' else 2 end", "1:30", "are a text and an integer"),
    ("extract(status)", "1:9", "a unit of time"), ("extract(day, at)", "1:12", "expected `from`"),
    ("extract(day from status)", "1:18", "a date or a timestamp"),
    ("extract(year from time '1:00:00')", "1:19", "a date or a timestamp"), ("position('a', status)", "1:13", "`in`"),
    ("date_add(at, 1)", "1:1", "a date and an interval"),
    ("date_add(interval 1 day, at)", "1:1", "a date and an interval"),
    ("1 = date_sub()", "1:5", "a date and an interval"),
    ("date_add(status, interval 1 day)", "1:10", "an interval is added"),
    ("date_add(at, interval 1.5 day)", "1:23", "whole number"), ("trim(both 'a' status)", "1:15", "expected `from`"),
    ("trim(both 'a' from id)", "1:20", "a text is needed"), ("substring(status for 2)", "1:18", "expected \")\""),
    ("substring(status from 'a')", "1:23", "a whole number"), ("repeat(status, 2.5)", "1:16", "a whole number"),
    ("sqrt(status)", "1:6", "a number is needed"), ("power(2)", "1:1", "takes 2 arguments"),
    ("trim()", "1:1", "takes 1"),
    ("status -> 'a'", "1:8", "not a path"), ("'ü' + 1", "1:1", "needs numbers"), ("'üü' = at", "1:1", "not a date"),
  ])
  func aWrongTextIsRefusedWithItsPlace(_ text: String, _ place: String, _ piece: String) throws {
    let failure = try #require(row.failure(text), "\(text) is accepted")
    #expect(failure.code == .configuration)
    #expect(failure.place == place, "\(text): \(failure)")
    #expect(failure.message.contains(piece), "\(text): \(failure)")
  }

  @Test(
    arguments: [
      ("uper(status)", " (did you mean \"upper\"?)", ""), ("pper(status)", " (did you mean \"upper\"?)", ""),
      ("pwoer(2, 3)", " (did you mean \"power\"?)", ""), ("extrct(at)", " (did you mean \"extract\"?)", ""),
      ("dateadd(at)", "", "date_add"), ("nvl(at)", "", "ifnull"),
      ("tower(2)", "", "the functions are listed under Expressions"),
      ("sin(1)", "", "no functions of angles"), ("logarithm(2)", "", "functions of numbers: abs, ceil"),
      ("str_reverse(status)", "", "concat_ws, hex, instr"),
      ("weeknumber(at)", "", "extract, from_unixtime, hour"),
      ("frobnicate()", "", "the functions are listed under Expressions"),
      ("distinct(id)", "", "belong to the `aggregate`"), ("now()", "", "use change.commit_time"),
      ("\"trim both\"(1)", nil, ""),
    ] as [(String, String?, String)])
  func anUnknownFunctionIsToldWhatThereIs(_ text: String, _ suggestion: String?, _ hint: String) throws {
    let failure = try #require(row.failure(text), "\(text) is accepted")
    guard let suggestion else { return #expect(!failure.message.contains("no function")) }
    let name = text.prefix { $0 != "(" }
    #expect(failure.message == "there is no function \"\(name)\"\(suggestion)")
    #expect(hint.isEmpty ? failure.hint.isEmpty : failure.hint.contains(hint), "\(text): \(failure.hint)")
    #expect(!failure.hint.contains("trim both"))
  }

  @Test(arguments: [
    ("strng", "unknown type \"strng\""), ("string", "a text is `char`"),
    ("float", "a floating-point number is `double`"),
    ("tinyint", "a whole number is `signed`"), ("bool", "compare instead"), ("sigend", "did you mean \"signed\""),
    ("varchr", "did you mean \"varchar\""),
  ])
  func anUnknownTypeIsToldItsSpelling(_ type: String, _ piece: String) throws {
    let failure = try #require(row.failure("cast(id as \(type))"))
    #expect(failure.place == "1:12" && "\(failure.message); \(failure.hint)".contains(piece), "\(failure)")
    #expect(failure.hint.contains("types: signed, unsigned, decimal, double, char"))
  }

  @Test func aRowWithoutAResultFailsWithItsPlaceAndWithoutItsValues() throws {
    for (text, place) in [
      ("id + 1", "1:4"), ("0 - small - id - id", "1:3"), ("cast(status as signed)", "1:1"), ("- id * 3 > 0", "1:6"),
    ] {
      let failure = try #require(row.failure(text))
      #expect(failure.code == .badValue)
      #expect(failure.place == place, "\(text): \(failure)")
      #expect(!failure.description.contains("draft") && !failure.description.contains("9223372036854775807"))
    }
    #expect(try row.value("try_cast(status as signed)") == nil)
  }

  @Test func aBranchThatIsNotTakenDoesNotFail() throws {
    #expect(try row.value("case when id < 5 then id + 1 else 7 end") == "7")
    #expect(try row.value("coalesce(1, id + 1)") == "1")
    #expect(try row.test("id > 5 or id + 1 > 5"))
    #expect(try !row.test("id < 5 and id + 1 > 5"))
    #expect(row.failure("id + 1 > 5 or id > 5") != nil)
  }

  @Test func aColumnThatTheLogLeftOutIsTakenFromTheOtherImageAndIsNeverNull() throws {
    let columns: [(String, ColumnType)] = [("id", .integer(bits: 64, unsigned: false)), ("name", .text(length: 0))]
    let update = Row(
      columns, before: [.cell(.int(1)), .cell(.absent)], after: [.cell(.absent), .text("new")], operation: .update)
    #expect(try update.value("id") == "1")
    #expect(try update.value("concat(id, name)") == "1new")
    let failure = try #require(update.failure("old.name is null"))
    #expect(failure.code == .badValue && failure.place == "1:1")
  }

  @Test func deepTextsAndLongOnesAreRefused() throws {
    let deep = String(repeating: "(", count: 100_000) + "1" + String(repeating: ")", count: 100_000)
    for text in [
      deep, String(repeating: "(", count: 5000), String(repeating: "not ", count: 5000) + "true",
      String(repeating: "- ", count: 5000) + "1", "1" + String(repeating: " + 1", count: 5000),
      String(repeating: "case when true then ", count: 1000), String(repeating: "abs(", count: 1000),
      "id" + String(repeating: " between id and id", count: 190), "id" + String(repeating: " <=> id", count: 190),
      String(repeating: "9", count: 70), "1e999", "0." + String(repeating: "1", count: 60),
    ] {
      let failure = try #require(row.failure(text), "accepted: \(text.prefix(40))")
      #expect(failure.code == .configuration, "\(text.prefix(40)): \(failure)")
    }
  }

  @Test func bytesThatAreNoTextDoNotTrap() throws {
    var random: UInt64 = 88_172_645_463_325_252
    let calls = [
      "upper(a)", "lower(a)", "char_length(a)", "substring(a, 2, 3)", "left(a, 2)", "right(a, 2)", "a like '%_b'",
      "a like a",
      "instr(a, 'b')", "replace(a, 'a', 'bc')", "lpad(a, 9, 'xy')", "a -> '$.a[1].b'", "a ->> '$.\"a\"'",
      "try_cast(a as signed)", "try_cast(a as decimal(10,2))", "try_cast(a as double)", "try_cast(a as datetime)",
      "try_cast(a as time)", "try_cast(a as date)", "sha256(a)", "concat(a, a)", "a < 'b'", "trim(a)",
      "reverse(a)", "repeat(a, 3)", "concat_ws(a, a, a)", "trim(both 'a' from a)", "trim(trailing a from concat(a, a))",
      "position('b' in a)", "locate('a', a, 2)", "locate(a, a, 3)", "substring(a from -2 for 1)",
      "regexp_replace('a1b', '[0-9]', a)", "regexp_replace('xay', '(a)', concat(a, a))",
    ]
    for _ in 0..<200 {
      var bytes: [UInt8] = []
      for _ in 0..<(random % 24) {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        let likely = Array("{}[]\":,\\u0a1b-.e \u{e9}".utf8)
        bytes.append(random & 1 == 0 ? UInt8(truncatingIfNeeded: random >> 8) : likely[Int(random >> 8) % likely.count])
      }
      random = random &* 6_364_136_223_846_793_005 &+ 1
      let row = Row([("a", .text(length: 0))], after: [.bytes(bytes)])
      for call in calls { _ = try row.value(call) }
      // Not UTF-8: refused, not matched.
      if String(validating: bytes, as: UTF8.self) == nil {
        #expect(row.failure("a regexp 'a'")?.code == .limit)
        #expect(row.failure("regexp_replace(a, 'a', '')")?.code == .limit)
      }
    }
  }

  @Test func aPatternThatBacktracksWithoutEndIsGivenUp() throws {
    let row = Row([("a", .text(length: 0))], after: [.text(String(repeating: "a", count: 40) + "b")])
    #expect(row.failure("a regexp '^(a|a)*$|^(a+)+$'")?.code == .limit)
    #expect(row.failure("regexp_replace(a, '^(a|a)*$|^(a+)+$', '')")?.code == .limit)
  }

  @Test func aTextThatGrowsTooLongIsRefused() throws {
    #expect(row.failure("lpad(status, 100000000, 'x')")?.code == .limit)
    for times in ["100000000", "id", "18446744073709551615"] {
      #expect(row.failure("repeat(status, \(times))")?.code == .limit)
    }
    #expect(row.failure("regexp_replace(lpad('', 4000000, 'x'), 'x', '12345')")?.code == .limit)
    #expect(row.failure("concat_ws(lpad('', 4000000, 'x'), 1, 2, 3, 4, 5, 6)")?.code == .limit)
    var text = "concat(status, status, status, status)"
    for _ in 0..<10 { text = "replace(\(text), 'd', '\(String(repeating: "d", count: 200))')" }
    #expect(row.failure(text)?.code == .limit)
  }
}
