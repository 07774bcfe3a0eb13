import Change
import Testing

@testable import KafkaConnector

struct NameTests {
  private func name(_ namespace: String, _ table: String, _ template: String = "{pipeline}.{schema}.{table}") throws
    -> String
  {
    let template = try TopicTemplate(template)
    return TopicTemplate.safe(template.name(pipeline: "shop", table: TableName(namespace: namespace, table: table)))
  }

  @Test func aTopicsNameHoldsOnlyWhatKafkaTakes() throws {
    #expect(try name("s", "orders") == "shop.s.orders")
    #expect(try name("s", "we'ird näme") == "shop.s.we_ird_n_me")
    #expect(try name("s", "😀") == "shop.s.__", "by UTF-16 unit, as Debezium does")
    #expect(try name("..", "..", "{table}") == "__")
    #expect(try name("a", ".", "{table}") == "_")
    #expect(try name("a/b\\c", "new\nline") == "shop.a_b_c.new_line")
  }

  @Test func aLongNameIsCutAndStaysItsOwn() throws {
    let first = try name(String(repeating: "a", count: 200), String(repeating: "b", count: 100))
    let second = try name(String(repeating: "a", count: 200), String(repeating: "b", count: 101))
    #expect(first.utf8.count == 249 && second.utf8.count == 249)
    #expect(first != second)
  }

  @Test func aTemplateKnowsItsPlaceholders() throws {
    #expect(try name("s", "t", "all") == "all")
    #expect(try name("s", "t", "x-{table}-{schema}") == "x-t-s")
    for wrong in ["{tabel}", "{table", "", "{}"] {
      #expect(throws: Failure.self) { try TopicTemplate(wrong) }
    }
  }

  /// Kafka's own test vectors, org.apache.kafka.common.utils.UtilsTest.
  @Test(arguments: [
    ("21", Int32(-973_932_308)), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
  ])
  func murmur2IsThatOfJavasClients(text: String, hash: Int32) {
    let bytes = Array(text.utf8)
    #expect(Int32(bitPattern: Murmur2.hash(bytes.span.bytes)) == hash)
  }
}
