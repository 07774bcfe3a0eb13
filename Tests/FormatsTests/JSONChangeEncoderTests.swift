import Change
import Foundation
import Testing

@testable import Formats

@Suite struct JSONChangeEncoderTests {
  private func encoder() -> JSONChangeEncoder { JSONChangeEncoder(context: sampleContext) }

  /// A line of the random rows, as a program would read it.
  private struct Line: Decodable {
    struct Row: Decodable {
      var text: String
      var bytes: String
      var number: Double

      enum CodingKeys: String, CodingKey {
        case text = "s \"q\" ключ"
        case bytes = "b"
        case number = "f"
      }
    }

    var after: Row
  }

  @Test func aLineHasTheMembersOfTheInterfaceInTheirOrder() throws {
    var sample = SampleBatch()
    let schema = table(ColumnSchema(name: "name", type: .text(length: 10)))
    sample.insert(schema, [.int(1), sample.text("a\"b")])
    sample.update(schema, [.int(1), .null], [.int(1), sample.text("c")])
    sample.delete(schema, [.int(1), .null])
    let lines = try lines(encoder(), sample.finish())
    let place = #""schema":"golden","table":"t","ts_us":1795217763000000,"pos":"binlog.000001:"#
    #expect(
      lines == [
        #"{"op":"c",\#(place)104","tx":"0-101-28","before":null,"after":{"id":1,"name":"a\"b"}}"#,
        #"{"op":"u",\#(place)204","tx":"0-101-28","before":{"id":1,"name":null},"after":{"id":1,"name":"c"}}"#,
        #"{"op":"d",\#(place)304","tx":"0-101-28","before":{"id":1,"name":null},"after":null}"#,
      ])
  }

  @Test func everyTypeIsExact() throws {
    var sample = SampleBatch(isSnapshot: true, identifier: "")
    let types: [ColumnType] = [
      .boolean, .integer(bits: 64, unsigned: true), .decimal(precision: 65, scale: 30, unsigned: false), .float64,
      .bytes(length: 4, padded: false), .date, .time(fraction: 6), .timestamp(fraction: 3),
      .timestampZoned(fraction: 0),
      .bit(width: 64), .json, .decimal(precision: 10, scale: 2, unsigned: false), .date,
    ]
    let columns = types.enumerated().map { ColumnSchema(name: "c\($0)", type: $1) }
    let schema = TableSchema(name: TableName(namespace: "a", table: "b"), columns: columns, key: [])
    let long = "-" + String(repeating: "9", count: 35) + "." + String(repeating: "9", count: 30)
    sample.insert(
      schema,
      [
        .boolean(true), .uint(.max), sample.text(long, .decimal), .float64(0.1), sample.bytes([0, 255]),
        .date(days: 19_782),
        .time(microseconds: -3_020_399_000_001), .timestamp(microseconds: 1_709_210_096_789_000),
        .timestampZoned(microseconds: 1_709_210_096_000_000), .bits(.max), sample.text("{\"a\":\n1}", .json),
        .decimal64(unscaled: -5, scale: 2), .civil(CivilTime(year: 0, month: 0, day: 0)),
      ], operation: .read)
    let line = try #require(try lines(encoder(), sample.finish()).first)
    let after = try #require(line.components(separatedBy: #""after":"#).last)
    #expect(
      line.hasPrefix(
        #"{"op":"r","schema":"a","table":"b","ts_us":1795217763000000,"pos":"binlog.000001:104","tx":null"#))
    #expect(
      after == #"""
        {"c0":true,"c1":18446744073709551615,"c2":\#(long),"c3":0.1,"c4":"AP8=","c5":"2024-02-29",\#
        "c6":"-838:59:59.000001","c7":"2024-02-29T12:34:56.789","c8":"2024-02-29T12:34:56Z","c9":18446744073709551615,\#
        "c10":{"a": 1},"c11":-0.05,"c12":"0000-00-00"}}
        """#)
  }

  @Test func whatTheLogDoesNotHoldIsLeftOut() throws {
    var sample = SampleBatch()
    let schema = table(ColumnSchema(name: "a", type: .year), ColumnSchema(name: "b", type: .text(length: 0)))
    sample.update(schema, [.int(1), .absent, .absent], [.absent, .int(2024), .unavailable])
    sample.update(schema, [.absent, .absent, .absent], [.int(1), .absent, .null])
    let lines = try lines(encoder(), sample.finish())
    #expect(lines[0].hasSuffix(#""before":{"id":1},"after":{"a":2024},"unavailable":["b"]}"#))
    #expect(lines[1].hasSuffix(#""before":{},"after":{"id":1,"b":null}}"#))
  }

  @Test func aDocumentThatIsNotJSONIsRefusedAndLeavesNothing() throws {
    var sample = SampleBatch()
    let schema = table(ColumnSchema(name: "doc", type: .json))
    sample.insert(schema, [.int(1), sample.text("[1]", .json)])
    sample.insert(schema, [.int(2), sample.text("[1", .json)])
    let batch = sample.finish()
    var writer = ByteWriter()
    do {
      try encoder().encode(batch, processingTime: sampleNow, into: &writer)
      Issue.record("the encoder took a document that is not JSON")
    } catch {
      #expect(error.index == 1)
      #expect(error.failure.code == .badValue)
      #expect(error.failure.message.contains("\"doc\""))
      #expect(!error.failure.description.contains("[1"))
    }
    let written = writer.text()
    #expect(written.hasSuffix("[1]}}\n"))
  }

  @Test func aSchemaChangeIsALine() throws {
    let sample = SampleBatch()
    let after = TableSchema(
      name: TableName(namespace: "golden", table: "t2"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 32, unsigned: true), isNullable: false),
        ColumnSchema(name: "e", type: .enumeration(members: ["it's"]), nativeType: ""),
      ], key: [0])
    sample.builder.append(
      SchemaChange(
        kind: .rename, table: TableName(namespace: "golden", table: "t"), before: nil, after: after,
        statement: "RENAME TABLE t TO t2"), time: sample.time, logOffset: 77)
    let line = try #require(try lines(encoder(), sample.finish()).first)
    #expect(
      line == #"""
        {"op":"ddl","kind":"rename","schema":"golden","table":"t","new_schema":"golden","new_table":"t2",\#
        "statement":"RENAME TABLE t TO t2","ts_us":1795217763000000,"pos":"binlog.000001:77","tx":"0-101-28","columns":[\#
        {"name":"id","type":"int unsigned","nullable":false,"key":1},\#
        {"name":"e","type":"enum('it''s')","nullable":true,"key":null}]}
        """#)
  }

  @Test func randomRowsParseAndRoundTrip() throws {
    var generator = SystemRandomNumberGenerator()
    let schema = table(
      ColumnSchema(name: "s \"q\" ключ", type: .text(length: 0)),
      ColumnSchema(name: "b", type: .bytes(length: 0, padded: false)),
      ColumnSchema(name: "f", type: .float64))
    var sample = SampleBatch()
    var expected: [(String, [UInt8], Double)] = []
    for index in 0..<500 {
      let scalars = (0..<Int.random(in: 0...40)).map { _ in
        Unicode.Scalar(UInt32.random(in: 0...0x2ff, using: &generator)) ?? "x"
      }
      let text = String(String.UnicodeScalarView(scalars))
      let bytes = (0..<Int.random(in: 0...30)).map { _ in UInt8.random(in: 0...255) }
      let number = Double.random(in: -1e9...1e9)
      expected.append((text, bytes, number))
      sample.insert(schema, [.int(Int64(index)), sample.text(text), sample.bytes(bytes), .float64(number)])
    }
    let lines = try lines(encoder(), sample.finish())
    #expect(lines.count == 500)
    for (line, row) in zip(lines, expected) {
      let after = try JSONDecoder().decode(Line.self, from: Data(line.utf8)).after
      #expect(after.text == row.0)
      #expect(Data(base64Encoded: after.bytes) == Data(row.1))
      #expect(after.number == row.2)
    }
  }
}
