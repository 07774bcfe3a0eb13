import Change
import Expressions
import Testing

@Suite struct GoldenTests {
  private let row = Row(
    [
      ("id", .integer(bits: 64, unsigned: false)), ("amount", .decimal(precision: 12, scale: 2, unsigned: false)),
      ("status", .text(length: 20)), ("note", .text(length: 0)), ("at", .timestampZoned(fraction: 3)),
      ("total", .decimal(precision: 65, scale: 30, unsigned: false)), ("born", .date),
    ],
    before: [
      .cell(.int(7)), .cell(.decimal64(unscaled: 100, scale: 2)), .text("new"), .cell(.null), .cell(.null),
      .cell(.null),
      .cell(.null),
    ],
    after: [
      .cell(.int(7)), .cell(.decimal64(unscaled: 12_345, scale: 2)), .text("draft"), .cell(.null),
      .cell(.timestampZoned(microseconds: 1_700_000_000_123_000)),
      .decimal("12345678901234567890123456789012345.123456789012345678901234567890"),
      .cell(.civil(CivilTime(year: 0, month: 0, day: 0))),
    ], operation: .update)

  @Test func aConditionOverColumnsIsTrueOrFalse() throws {
    #expect(try row.test("amount > 100 and status <> 'paid'"))
    #expect(try !row.test("amount > 100 and status <> 'draft'"))
    #expect(try !row.test("null"))
    #expect(try row.test("ID = 7 and `status` = 'draft' and \"amount\" = 123.45"))
  }

  @Test func eachImageIsSeen() throws {
    #expect(try row.test("old.status = 'new' and status = 'draft' and amount - old.amount = 122.45"))
    #expect(try row.test("status = 'new' and old.status = 'new'", image: .before))
    let insert = Row([("id", .integer(bits: 64, unsigned: false))], after: [.cell(.int(1))])
    #expect(try insert.test("old.id is null and id = 1 and change.operation = 'insert'"))
    #expect(try insert.value("id", image: .before) == nil)
    let delete = Row([("id", .integer(bits: 64, unsigned: false))], before: [.cell(.int(1))], operation: .delete)
    #expect(try delete.test("id = 1 and old.id = 1 and change.operation = 'delete'"))
  }

  @Test func aChangeKnowsItsOwnFields() throws {
    #expect(try row.value("concat(change.schema, '.', change.table, ' ', change.operation)") == "shop.orders update")
    #expect(try row.value("change.commit_time") == "2023-11-14 22:13:20.123000")
    #expect(try row.test("change.time < change.commit_time"))
  }

  @Test func decimalsOfAnyLengthAreExact() throws {
    #expect(try row.value("amount * 3 + id") == "377.35")
    #expect(try row.value("amount / 0") == nil)
    #expect(try row.value("1 / 3") == "0.3333")
    #expect(try row.value("0.1 + 0.2 = 0.3") == "1")
    #expect(try row.value("1 / 3 * 3") == "1.0000")
    #expect(try row.test("1 / 3 = 0.3333 and 1 / 3 not between 0.3333 and 0.3333 and nullif(1 / 3, 0.3333) is null"))
    #expect(try row.value("round(-2.5, 0)") == "-3")
    #expect(try row.value("truncate(-2.59, 1)") == "-2.5")
    #expect(try row.value("-7.5 % 2") == "-1.5")
    #expect(
      try row.value("total + 0.000000000000000000000000000001")
        == "12345678901234567890123456789012345.123456789012345678901234567891")
    #expect(try row.value("99999999999999999999 * 99999999999999999999") == "9999999999999999999800000000000000000001")
    #expect(
      try row.value("cast(9999999999999999999800000000000000000001 / 99999999999999999999 as decimal(30,0))")
        == "99999999999999999999")
    #expect(try row.value("18446744073709551615 - 1") == "18446744073709551614")
    #expect(try row.value("9223372036854775807 < 18446744073709551615") == "1")
  }

  @Test func aCellsMemoryIsWhatTheKernelsTakeItFor() {
    let cell = Cell.decimal64(unscaled: -5, scale: 3)
    #expect(cell.int == -5 && cell.tag == .decimal64 && cell.scale == 3 && cell.tag.rawValue == 8)
    #expect(MemoryLayout<Cell>.size == 10 && MemoryLayout<Cell>.offset(of: \.tag) == 8)
    #expect(MemoryLayout<Cell>.offset(of: \.scale) == 9)
  }

  @Test func textsAndTheirParts() throws {
    #expect(try row.value("'it''s'") == "it's")
    #expect(try row.value("substring('übung', 2, 3)") == "bun")
    #expect(try row.value("upper('straße é')") == "STRAßE É")
    #expect(try row.value("lpad(cast(id as char), 3, '0')") == "007")
    #expect(try row.value("sha256('abc')") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(try row.value("hex('é')") == "C3A9")
    #expect(try row.value("'a' < 'B'") == "0")
    #expect(
      try row.value("concat(1.50, '|', 1e0, '|', 1e20, '|', 0.1e0, '|', date '2024-02-29')")
        == "1.50|1|1e20|0.1|2024-02-29")
  }

  @Test func datesAndIntervals() throws {
    #expect(try row.value("timestamp '2024-01-31 10:00:00' + interval 1 month") == "2024-02-29 10:00:00")
    #expect(try row.value("date '2024-02-29' - interval '1' year") == "2023-02-28")
    #expect(try row.value("date_trunc('week', date '2024-02-29')") == "2024-02-26 00:00:00")
    #expect(try row.value("at + interval 1.5 second") == "2023-11-14 22:13:21.623000")
    #expect(try row.value("timestampdiff(month, date '2024-01-31', date '2024-02-29')") == "0")
    #expect(try row.value("unix_timestamp(at)") == "1700000000.123")
    #expect(try row.value("year(born)") == "0")
    #expect(try row.test("born < date '0001-01-01' and born = '0000-00-00'"))
    #expect(try row.value("born + interval 1 day") == nil)
    #expect(try row.value("from_unixtime(0)") == "1970-01-01 00:00:00")
    #expect(try row.test("time '10:00:00' < time '101:00:00'"))
  }

  @Test func aResultHasTheTypeThatATargetNeeds() throws {
    func type(_ text: String) throws -> ColumnType {
      try Expression.parse(text).compiled(for: row.schema).type.columnType
    }
    #expect(try type("status") == .text(length: 20))
    #expect(try type("amount") == .decimal(precision: 12, scale: 2, unsigned: false))
    #expect(try type("amount * 1.19") == .decimal(precision: 15, scale: 4, unsigned: false))
    #expect(try type("amount > 1") == .boolean)
    #expect(try type("id + 1") == .integer(bits: 64, unsigned: false))
    #expect(try type("at") == .timestampZoned(fraction: 3))
    #expect(try type("sha256(status)") == .text(length: 64))
    let program = try Expression.parse("amount + old.id").compiled(for: row.schema)
    #expect(program.columns == [0, 1] && program.readsBefore)
    #expect(try !Expression.parse("coalesce(note, 'x')").compiled(for: row.schema).type.isNullable)
  }
}
