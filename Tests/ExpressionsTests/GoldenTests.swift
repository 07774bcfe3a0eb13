import Change
import Expressions
import Testing

@Suite struct GoldenTests {
  private let row = Row(
    [
      ("id", .integer(bits: 64, unsigned: false)), ("amount", .decimal(precision: 12, scale: 2, unsigned: false)),
      ("status", .text(length: 20)),
    ], after: [.cell(.int(7)), .cell(.decimal64(unscaled: 12_345, scale: 2)), .text("draft")])

  @Test func aConditionOverColumnsIsTrueOrFalse() throws {
    #expect(try row.test("amount > 100 and status <> 'paid'"))
    #expect(try !row.test("amount > 100 and status <> 'draft'"))
    #expect(try !row.test("null"))
  }

  @Test func arithmeticIsExact() throws {
    #expect(try row.value("amount * 3 + id") == "377.35")
    #expect(try row.value("amount / 0") == nil)
    #expect(try row.value("1 / 3") == "0.3333")
    #expect(try row.value("0.1 + 0.2 = 0.3") == "1")
  }
}
