import Change
import Testing

@testable import Formats

@Suite struct CellTextTests {
  private let empty = Batch(
    arena: Array("abc12.50".utf8), cells: [], changes: [], transactions: [], schemas: [], schemaChanges: [],
    position: Position(text: "", token: ""), logBytes: 0, readAt: 0)

  private func text(_ cell: Cell, _ type: ColumnType, _ style: CellText = .iso) -> String {
    style.string(of: cell, ColumnSchema(name: "c", type: type), in: empty)
  }

  @Test func datesAreWrittenOnBothSidesOfTheEpoch() {
    #expect(text(.date(days: 0), .date) == "1970-01-01")
    #expect(text(.date(days: -1), .date) == "1969-12-31")
    #expect(text(.date(days: 19_782), .date) == "2024-02-29")
    #expect(text(.date(days: 2_932_896), .date) == "9999-12-31")
    #expect(text(.date(days: -719_162), .date) == "0001-01-01")
    #expect(text(.date(days: 2_932_897), .date) == "10000-01-01")
  }

  @Test func datesThatNoCalendarHasStayAsStored() {
    let zero = Cell.civil(CivilTime(year: 0, month: 0, day: 0))
    #expect(text(zero, .date) == "0000-00-00")
    #expect(text(zero, .timestamp(fraction: 3)) == "0000-00-00T00:00:00.000")
    #expect(text(zero, .timestampZoned(fraction: 0)) == "0000-00-00T00:00:00Z")
    let partial = Cell.civil(CivilTime(year: 2024, month: 2, day: 30, hour: 10, minute: 20, second: 30, microsecond: 5))
    #expect(text(partial, .timestamp(fraction: 6), .sql) == "2024-02-30 10:20:30.000005")
  }

  @Test func timesAreSignedSpans() {
    #expect(text(.time(microseconds: -3_020_399_000_001), .time(fraction: 6)) == "-838:59:59.000001")
    #expect(text(.time(microseconds: -1), .time(fraction: 6)) == "-00:00:00.000001")
    #expect(text(.time(microseconds: 0), .time(fraction: 0)) == "00:00:00")
    #expect(text(.time(microseconds: 91_845_120_000), .time(fraction: 3)) == "25:30:45.120")
  }

  @Test func timestampsHaveTheColumnsDigits() {
    let value: Int64 = 1_709_210_096_789_000
    #expect(text(.timestamp(microseconds: value), .timestamp(fraction: 3)) == "2024-02-29T12:34:56.789")
    #expect(text(.timestamp(microseconds: value), .timestamp(fraction: 0)) == "2024-02-29T12:34:56")
    #expect(text(.timestampZoned(microseconds: value), .timestampZoned(fraction: 6)) == "2024-02-29T12:34:56.789000Z")
    #expect(text(.timestampZoned(microseconds: value), .timestampZoned(fraction: 1), .sql) == "2024-02-29 12:34:56.7")
    #expect(text(.timestamp(microseconds: -1), .timestamp(fraction: 6)) == "1969-12-31T23:59:59.999999")
  }

  @Test func everyOtherTagHasItsText() {
    #expect(text(.null, .year) == "NULL")
    #expect(text(.absent, .year) == "(absent)")
    #expect(text(.unavailable, .year) == "(unavailable)")
    #expect(text(.boolean(true), .boolean) == "true")
    #expect(text(.boolean(false), .boolean, .sql) == "0")
    #expect(text(.int(-5), .year) == "-5")
    #expect(text(.uint(.max), .integer(bits: 64, unsigned: true)) == "18446744073709551615")
    #expect(text(.bits(5), .bit(width: 3)) == "5")
    #expect(text(.float32(0.1), .float32) == "0.1")
    #expect(text(.float64(1e21), .float64) == "1e+21")
    #expect(text(.decimal64(unscaled: 1230, scale: 2), .decimal(precision: 5, scale: 2, unsigned: false)) == "12.30")
    #expect(text(.slice(.text, offset: 0, length: 3), .text(length: 3)) == "abc")
    #expect(text(.slice(.decimal, offset: 3, length: 5, scale: 2), .unboundedDecimal) == "12.50")
    #expect(text(.slice(.bytes, offset: 0, length: 3), .bytes(length: 3, padded: false)) == "YWJj")
    #expect(text(.slice(.bytes, offset: 0, length: 3), .bytes(length: 3, padded: false), .sql) == "616263")
  }
}
