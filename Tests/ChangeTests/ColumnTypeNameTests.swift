import Change
import Testing

@Suite struct ColumnTypeNameTests {
  @Test(arguments: [
    (ColumnType.integer(bits: 64, unsigned: false), "bigint"),
    (.integer(bits: 24, unsigned: true), "mediumint unsigned"),
    (.decimal(precision: 15, scale: 4, unsigned: false), "decimal(15,4)"), (.unboundedDecimal, "decimal"),
    (.text(length: 64), "text(64)"), (.text(length: 0), "text"), (.bytes(length: 16, padded: true), "binary(16)"),
    (.bytes(length: 0, padded: false), "blob"), (.timestamp(fraction: 6), "timestamp(6)"),
    (.timestampZoned(fraction: 0), "timestamp with time zone"),
    (.enumeration(members: ["a", "it's"]), "enum('a','it''s')"),
  ])
  func aTypeIsNamedAsInSQL(_ type: ColumnType, _ name: String) {
    #expect(type.sqlName == name)
  }
}
