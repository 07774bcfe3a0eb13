import Change
import Expressions
import Testing

/// The functions by hand: what MariaDB 10.11 gives for each of these texts.
@Suite struct FunctionTests {
  private let row = Row(
    [
      ("id", .integer(bits: 64, unsigned: false)), ("u", .integer(bits: 64, unsigned: true)),
      ("amount", .decimal(precision: 12, scale: 2, unsigned: false)), ("s", .text(length: 20)),
      ("note", .text(length: 0)), ("both", .text(length: 0)), ("position", .integer(bits: 32, unsigned: false)),
      ("broken", .date), ("at", .timestampZoned(fraction: 3)), ("empty", .date),
    ],
    after: [
      .cell(.int(7)), .cell(.uint(.max)), .cell(.decimal64(unscaled: -12_345, scale: 2)), .text("über"), .cell(.null),
      .text(" b "), .cell(.int(3)), .cell(.civil(CivilTime(year: 2024, month: 1, day: 0))),
      .cell(.timestampZoned(microseconds: 1_700_000_000_123_000)),
      .cell(.civil(CivilTime(year: 0, month: 0, day: 0))),
    ])

  @Test(
    arguments: [
      ("sqrt(16)", "4"), ("sqrt(2)", "1.4142135623730951"), ("sqrt(-1)", nil), ("sqrt(amount)", nil),
      ("sqrt(note is null)", "1"),
      ("sqrt(null)", nil), ("exp(1)", "2.718281828459045"), ("exp(-1000)", "0"), ("ln(2)", "0.6931471805599453"),
      ("ln(0)", nil), ("ln(-1)", nil), ("log(0)", nil), ("log(1)", "0"), ("log10(1000)", "3"), ("log10(0)", nil),
      ("log2(8)", "3"), ("log2(0)", nil), ("log(2, 8)", "3"), ("log(10, 1000)", "2.9999999999999996"),
      ("log(1, 5)", nil), ("log(-1, 2)", nil), ("log(2, 0)", nil), ("power(2, 3)", "8"),
      ("pow(2, 0.5)", "1.4142135623730951"),
      ("pow(0, 0)", "1"), ("pow(9223372036854775807, 1)", "9.223372036854776e18"), ("power(null, 1)", nil),
      ("power(u, 1)", "1.8446744073709552e19"), ("sign(amount)", "-1"), ("sign(0)", "0"), ("sign(-0.0)", "0"),
      ("sign(u)", "1"), ("sign(2.5e0)", "1"), ("sign(0.00000000000000000000000000000000000001)", "1"),
      ("sign(null)", nil),
    ] as [(String, String?)])
  func numbers(_ text: String, _ expected: String?) throws {
    // As MariaDB shows it.
    #expect(try row.value("cast(\(text) as char)") == expected, "\(text)")
  }

  @Test(arguments: [
    "exp(1000)", "pow(10, 400)", "pow(0, -1)", "pow(-8, 0.5)", "pow(-8, id / 3)", "exp(u)", "power(u, 20)",
  ])
  func aNumberOutOfRangeIsAFailure(_ text: String) throws {
    let failure = try #require(row.failure(text), "\(text) is accepted")
    #expect(failure.code == .badValue && failure.place == "1:1", "\(text): \(failure)")
  }

  @Test(
    arguments: [
      ("reverse('äöü😀')", "😀üöä"), ("reverse('')", ""), ("reverse(note)", nil), ("reverse(s)", "rebü"),
      ("repeat('ab', 3)", "ababab"), ("repeat('ab', 0)", ""), ("repeat('ab', -1)", ""), ("repeat('', u)", ""),
      ("repeat(note, 2)", nil), ("repeat('a', null)", nil), ("repeat('a', true)", "a"), ("concat_ws(null, 'a')", nil),
      ("concat_ws(',', null)", ""), ("concat_ws(',', 'a', note, '', 'b')", "a,,b"), ("concat_ws('', 'a')", "a"),
      ("concat_ws(', ', 1, 2.50, date '2024-01-01')", "1, 2.50, 2024-01-01"), ("concat_ws(s, null, null, 'a')", "a"),
      ("substring('abcdef' from 2)", "bcdef"), ("substring('abcdef' from 2 for 3)", "bcd"),
      ("substr('abc' from -2 for 1)", "b"),
      ("substring('abc' from 0)", ""), ("mid('abc' from 2 for 1)", "b"), ("mid('abc', 2)", "bc"),
      ("substring('abc' from 2 for null)", nil), ("substring(s from 2 for position)", "ber"),
      ("substring(s, 1, 2)", "üb"),
      ("position('b' in s)", "2"), ("position('x' in s)", "0"), ("position('' in s)", "1"),
      ("position(note in s)", nil),
      ("position(concat('b', 'e') in lower(s))", "2"), ("position + 1", "4"), ("locate('b', 'abcb', 3)", "4"),
      ("locate('b', 'abcb', 0)", "0"), ("locate('b', 'abcb', -1)", "0"), ("locate('b', 'abcb', 100)", "0"),
      ("locate('b', 'übab', 3)", "4"), ("locate('', 'abc', 3)", "3"), ("locate('', 'abc', 4)", "0"),
      ("locate('b', s, u)", "0"),
      ("locate('', '', 1)", "0"), ("locate('', '')", "1"), ("locate('b', s, note is null)", "2"),
      ("locate('b', s, null)", nil),
    ] as [(String, String?)])
  func texts(_ text: String, _ expected: String?) throws {
    #expect(try row.value(text) == expected, "\(text)")
  }

  @Test(
    arguments: [
      ("trim(both 'ab' from 'ababxab')", "x"), ("trim(leading 'ab' from 'aabab')", "aabab"),
      ("trim(trailing 'ab' from 'xbabab')", "xb"), ("trim('' from 'abc')", "abc"), ("trim('x' from 'xax')", "a"),
      ("trim(null from 'x')", nil), ("trim('x' from note)", nil), ("trim(both from '  x ')", "x"),
      ("trim(leading from ' x ')", "x "), ("trim(trailing from ' x ')", " x"), ("trim('aa' from 'aaa')", "a"),
      ("trim(both 'aba' from 'abaxababa')", "xab"), ("trim('aba' from 'ababa')", "ba"),
      ("trim(both 'é' from 'ééaé')", "a"),
      ("trim(trailing ' a' from 'x a a')", "x"), ("trim(both)", "b"), ("trim(both from both)", "b"),
      ("trim(both both from ' b x b ')", "x"), ("trim(lower('X') from 'xax')", "a"),
      ("trim(both ('x') from 'xax')", "a"),
    ] as [(String, String?)])
  func trims(_ text: String, _ expected: String?) throws {
    #expect(try row.value(text) == expected, "\(text)")
  }

  @Test(
    arguments: [
      ("extract(microsecond from timestamp '2024-02-29 23:59:58.123')", "123000"), ("extract(year from at)", "2023"),
      ("extract(week from date '2024-02-29')", "8"), ("extract(quarter from date '2024-02-29')", "1"),
      ("extract(hour from date '2024-02-29')", "0"), ("extract(second from timestamp '2024-02-29 23:59:58.9')", "58"),
      ("extract(hour from time '-26:10:11')", "-2"), ("extract(day from time '26:10:11')", "1"),
      ("extract(minute from time '-26:10:11.5')", "-10"), ("extract(second from time '-26:10:11.5')", "-11"),
      ("extract(microsecond from time '-26:10:11.5')", "-500000"), ("hour(time '-26:00:00')", "26"),
      ("week(date '2024-01-06')", "0"), ("week(date '2023-01-01')", "1"), ("week(date '2024-12-31')", "52"),
      ("week(empty)", nil),
      ("weekday(date '2024-02-29')", "3"), ("weekday(date '2024-03-03')", "6"), ("weekday(empty)", nil),
      ("dayofweek(empty)", nil),
      ("last_day(timestamp '2023-02-01 10:00:00')", "2023-02-28"), ("last_day(date '2024-02-10')", "2024-02-29"),
      ("last_day(broken)", "2024-01-31"), ("last_day(empty)", nil), ("last_day(null)", nil),
      ("datediff(timestamp '2024-03-01 00:00:00', timestamp '2024-02-28 23:59:59.9')", "2"),
      ("datediff(date '2024-01-01', date '2024-01-02')", "-1"), ("datediff(empty, at)", nil),
      ("datediff(at, date(at))", "0"),
      ("date_add(date '2024-01-31', interval 1 month)", "2024-02-29"),
      ("date_sub(date '2024-01-31', interval 1 hour)", "2024-01-30 23:00:00"),
      ("date_add(timestamp '2024-01-31 00:00:00', interval '1.5' second)", "2024-01-31 00:00:01.500000"),
      ("date_sub(date_add(at, interval id day), interval id day) = at", "1"),
      ("from_unixtime(-1)", nil), ("from_unixtime(1.5)", "1970-01-01 00:00:01.500000"), ("from_unixtime(null)", nil),
      ("from_unixtime(1.1234567)", "1970-01-01 00:00:01.123456"), ("from_unixtime(4294967296)", "2106-02-07 06:28:16"),
    ] as [(String, String?)])
  func moments(_ text: String, _ expected: String?) throws {
    #expect(try row.value(text) == expected, "\(text)")
  }

  /// MariaDB has no such cast.
  @Test(
    arguments: [
      ("try_cast('12' as signed)", "12"), ("try_cast(' 12 ' as signed)", "12"), ("try_cast('x' as signed)", nil),
      ("try_cast('-1' as unsigned)", nil), ("try_cast(-1 as unsigned)", nil), ("try_cast(u as signed)", nil),
      ("try_cast(note as signed)", nil), ("try_cast('1.55' as decimal(3,1))", "1.6"),
      ("try_cast('100' as decimal(3,1))", nil),
      ("try_cast('1e3' as decimal(9,1))", nil), ("try_cast('1e3' as double)", "1000.0"),
      ("try_cast('' as double)", nil),
      ("try_cast('2024-02-30' as date)", nil), ("try_cast('2024-02-29' as date)", "2024-02-29"),
      ("try_cast('2024-02-29T10:00' as datetime)", "2024-02-29 10:00:00"), ("try_cast('25:61:00' as time)", nil),
      ("try_cast('10:00:00' as time)", "10:00:00"), ("try_cast(s as char(2))", "üb"),
      ("try_cast(id + 1 as signed)", "8"),
      ("coalesce(try_cast(s as signed), -1)", "-1"), ("try_cast('x' as signed) is null", "1"),
      ("try_cast(u + u as signed)", nil), ("try_cast('9223372036854775808' as bigint)", nil),
    ] as [(String, String?)])
  func aCastThatMayFailGivesNull(_ text: String, _ expected: String?) throws {
    #expect(try row.value(text) == expected, "\(text)")
  }

  @Test func castsTakeTheSpellingsThatPeopleWrite() throws {
    for target in ["signed", "signed int", "signed integer", "int", "integer", "bigint", "unsigned", "unsigned int"] {
      #expect(try row.value("cast('7' as \(target))") == "7", "\(target)")
    }
    for target in ["char", "char(3)", "character(3)", "text", "varchar(3)", "varchar"] {
      #expect(try row.value("cast(707 as \(target))") == "707", "\(target)")
    }
    for target in ["decimal(5,2)", "dec(5,2)", "numeric(5,2)"] {
      #expect(try row.value("cast('1.5' as \(target))") == "1.50", "\(target)")
    }
    #expect(try row.value("cast('1.5' as double precision)") == "1.5")
  }

  @Test func aResultHasTheTypeThatMariaDBGivesIt() throws {
    func type(_ text: String) throws -> ColumnType {
      try Expression.parse(text).compiled(for: row.schema).type.columnType
    }
    for text in ["sqrt(id)", "power(id, 2)", "exp(amount)", "ln(amount)", "log10(u)"] {
      #expect(try type(text) == .float64, "\(text)")
    }
    for text in ["sign(amount)", "position('a' in s)", "datediff(at, at)", "extract(day from at)", "weekday(at)"] {
      #expect(try type(text) == .integer(bits: 64, unsigned: false), "\(text)")
    }
    #expect(try type("reverse(s)") == .text(length: 20))
    #expect(try type("trim(both 'x' from s)") == .text(length: 20))
    #expect(try type("repeat(s, 3)") == .text(length: 0))
    #expect(try type("concat_ws(',', s, id)") == .text(length: 0))
    #expect(try type("last_day(at)") == .date)
    #expect(try type("date_add(broken, interval 1 day)") == .date)
    #expect(try type("date_add(broken, interval 1 hour)") == .timestamp(fraction: 0))
    #expect(try type("date_add(at, interval 1 hour)") == .timestampZoned(fraction: 3))
  }
}
