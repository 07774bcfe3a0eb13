import Change
import Foundation
import Testing

@testable import Formats

@Suite struct CanalChangeEncoderTests {
  private func encoder(compatible: Bool = true) -> CanalChangeEncoder {
    var options = CanalOptions()
    options.contentCompatible = compatible
    return CanalChangeEncoder(options: options)
  }

  private static let name = ColumnSchema(name: "name", type: .text(length: 10), nativeType: "varchar(10)")
  private static let times = #""es":1795217763000,"ts":1795217948750,"sql":"""#

  @Test func aRowIsAMessageWithTypesAndTexts() throws {
    var sample = SampleBatch()
    let schema = table(CanalChangeEncoderTests.name, ColumnSchema(name: "n", type: .year))
    sample.insert(schema, [.int(1), sample.text("a\"b"), .null])
    sample.update(schema, [.int(1), sample.text("a\"b"), .int(2024)], [.int(1), sample.text("c"), .int(2024)])
    sample.delete(schema, [.int(1), .null, .int(2024)])
    let lines = try lines(encoder(), sample.finish())
    func message(_ type: String, _ data: String, _ old: String) -> String {
      #"{"id":0,"database":"golden","table":"t","pkNames":["id"],"isDdl":false,"type":"\#(type)",\#(CanalChangeEncoderTests.times),"#
        + #""sqlType":{"id":4,"name":12,"n":12},"mysqlType":{"id":"int","name":"varchar(10)","n":"year"},"#
        + #""data":[\#(data)],"old":\#(old)}"#
    }
    #expect(
      lines == [
        message("INSERT", #"{"id":"1","name":"a\"b","n":null}"#, "null"),
        message("UPDATE", #"{"id":"1","name":"c","n":"2024"}"#, #"[{"name":"a\"b"}]"#),
        message("DELETE", #"{"id":"1","name":null,"n":"2024"}"#, "null"),
      ])
  }

  @Test func everyTypeIsTheTextAndTheCodeThatCanalGivesIt() throws {
    var all = MessageSample(isSnapshot: true)
    all.sample.insert(all.schema, all.cells, operation: .read)
    let line = try #require(try lines(encoder(), all.sample.finish()).first)
    let sqlTypes = #"""
      {"id":4,"tiny":5,"small":5,"medium":4,"big":3,"price":3,"huge":3,"f":7,"d":8,"fixed":1,"var":12,"long":2005,\#
      "bin":2004,"blob":2004,"day":91,"span":92,"at":93,"stamp":93,"y":12,"bits":-7,"e":4,"s":-7,"none":-7,"doc":12,\#
      "point":2004,"nothing":12}
      """#
    let data = #"""
      {"id":"7","tiny":"200","small":"-5","medium":"16777215","big":"18446744073709551615","price":"-0.0005",\#
      "huge":"\#(String(repeating: "9", count: 65))","f":"0.1","d":"1e+300","fixed":"a\"b\\c\n<é>","var":"","long":"text",\#
      "bin":"\u0000\t\"<\\\#u{80}ÿ","blob":"","day":"0000-00-00","span":"-838:59:59.001",\#
      "at":"2024-02-29 12:34:56.789000","stamp":"2024-02-29 12:34:56","y":"2024","bits":"18446744073709551615","e":"2",\#
      "s":"5","none":"0","doc":"{\"a\": [1, \"ü\"]}","point":"\u0001\u0002","nothing":null}
      """#
    #expect(line.contains(#""type":"INSERT""#))
    #expect(line.contains(#""sqlType":\#(sqlTypes),"#), "\(line)")
    #expect(line.contains(#""price":"decimal(10,4)""#) && line.contains(#""e":"enum('a','b''c')""#))
    #expect(line.hasSuffix(#""data":[\#(data)],"old":null}"#), "\(line)")
    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
  }

  @Test func smallUnsignedValuesHaveTheSmallTypesCode() throws {
    var sample = SampleBatch()
    let schema = table(ColumnSchema(name: "u", type: .integer(bits: 32, unsigned: true)))
    for value in [UInt64(2_147_483_647), 2_147_483_648] { sample.insert(schema, [.int(1), .uint(value)]) }
    sample.insert(schema, [.int(1), .null])
    let codes = try lines(encoder(), sample.finish()).map {
      $0.contains(#""u":4}"#) ? 4 : $0.contains(#""u":-5}"#) ? -5 : 0
    }
    #expect(codes == [4, -5, 4])
  }

  @Test func asTiCDCTheOldRowIsWholeAndTypesAreBare() throws {
    var sample = SampleBatch()
    let schema = table(
      CanalChangeEncoderTests.name,
      ColumnSchema(
        name: "d", type: .decimal(precision: 4, scale: 1, unsigned: true), nativeType: "decimal(4,1) unsigned"))
    sample.update(
      schema, [.int(1), sample.text("a"), .decimal64(unscaled: 15, scale: 1)],
      [.int(1), sample.text("b"), .decimal64(unscaled: 15, scale: 1)])
    let line = try #require(try lines(encoder(compatible: false), sample.finish()).first)
    #expect(line.contains(#""mysqlType":{"id":"int","name":"varchar","d":"decimal unsigned"}"#))
    #expect(line.hasSuffix(#""data":[{"id":"1","name":"b","d":"1.5"}],"old":[{"id":"1","name":"a","d":"1.5"}]}"#))
  }

  @Test func ofAPartialImageEverythingKnownIsThere() throws {
    var sample = SampleBatch()
    let schema = table(CanalChangeEncoderTests.name, ColumnSchema(name: "a", type: .year))
    sample.update(schema, [.int(1), .absent, .absent], [.absent, .absent, .int(2024)])
    sample.delete(schema, [.int(1), .absent, .unavailable])
    let lines = try lines(encoder(), sample.finish())
    #expect(lines[0].hasSuffix(#""data":[{"id":"1","a":"2024"}],"old":[{}]}"#))
    #expect(lines[1].hasSuffix(#""data":[{"id":"1"}],"old":null}"#))
  }

  @Test func schemaChangesAreMessagesWithTheirStatement() throws {
    let sample = SampleBatch()
    let old = table(CanalChangeEncoderTests.name)
    let new = table(CanalChangeEncoderTests.name, name: "u")
    let kinds: [(SchemaChange.Kind, TableSchema?)] = [
      (.create, old), (.alter, old), (.rename, new), (.truncate, old), (.drop, nil),
    ]
    for (kind, after) in kinds {
      sample.builder.append(
        SchemaChange(kind: kind, table: old.name, before: old, after: after, statement: "\(kind) \"x\""),
        time: sample.time, logOffset: 4)
    }
    let lines = try lines(encoder(), sample.finish())
    let types = [("t", "CREATE"), ("t", "ALTER"), ("u", "RENAME"), ("t", "TRUNCATE"), ("t", "ERASE")]
    #expect(
      lines
        == zip(kinds, types).map { kind, type in
          #"{"id":0,"database":"golden","table":"\#(type.0)","pkNames":null,"isDdl":true,"type":"\#(type.1)","#
            + #""es":1795217763000,"ts":1795217948750,"sql":"\#(kind.0) \"x\"","sqlType":null,"mysqlType":null,"data":null,"old":null}"#
        })
  }

  @Test func hostileNamesStayNames() throws {
    var sample = SampleBatch()
    let hostile = "\"},\\\u{1}\u{301}ключ"
    let schema = TableSchema(
      name: TableName(namespace: hostile, table: hostile),
      columns: [ColumnSchema(name: hostile, type: .text(length: 0), nativeType: hostile)], key: [0])
    sample.insert(schema, [sample.text(hostile)])
    let line = try #require(try lines(encoder(), sample.finish()).first)
    let message = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    #expect(message["database"] as? String == hostile && message["table"] as? String == hostile)
    #expect(message["pkNames"] as? [String] == [hostile])
    #expect(message["mysqlType"] as? [String: String] == [hostile: hostile])
    #expect((message["data"] as? [[String: String]])?.first == [hostile: hostile])
  }

  @Test func aValueThatIsNoMemberIsRefusedAndLeavesNothing() throws {
    var sample = SampleBatch()
    let schema = table(ColumnSchema(name: "s", type: .set(members: ["x", "y"])))
    sample.insert(schema, [.int(1), sample.text("x,q")])
    let batch = sample.finish()
    var writer = ByteWriter()
    #expect {
      try encoder().encode(batch, processingTime: sampleNow, into: &writer)
    } throws: { error in
      (error as? UnencodableChange)?.failure.code == .badValue && (error as? UnencodableChange)?.index == 0
    }
    #expect(writer.text() == "")
  }
}
