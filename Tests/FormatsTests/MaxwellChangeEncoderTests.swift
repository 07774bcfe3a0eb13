import Change
import Foundation
import Testing

@testable import Formats

@Suite struct MaxwellChangeEncoderTests {
  private func encoder(_ change: (inout MaxwellOptions) -> Void = { _ in }) -> MaxwellChangeEncoder {
    var options = MaxwellOptions()
    change(&options)
    return MaxwellChangeEncoder(options: options, context: sampleContext)
  }

  private static let name = ColumnSchema(name: "name", type: .text(length: 10), nativeType: "varchar(10)")

  @Test func aRowIsAMessageAndTheLastOneCommits() throws {
    var sample = SampleBatch()
    let schema = table(MaxwellChangeEncoderTests.name)
    sample.insert(schema, [.int(1), sample.text("a\"b")])
    sample.update(schema, [.int(1), .null], [.int(1), sample.text("c")])
    sample.delete(schema, [.int(1), .null])
    let lines = try lines(encoder(), sample.finish())
    let start = #"{"database":"golden","table":"t","type":"#
    #expect(
      lines == [
        start + #""insert","ts":1795217763,"xid":28,"data":{"id":1,"name":"a\"b"}}"#,
        start + #""update","ts":1795217763,"xid":28,"data":{"id":1,"name":"c"},"old":{"name":null}}"#,
        start + #""delete","ts":1795217763,"xid":28,"commit":true,"data":{"id":1,"name":null}}"#,
      ])
  }

  @Test func everyTypeIsWrittenAsMaxwellDocumentsIt() throws {
    var all = MessageSample(isSnapshot: true)
    all.sample.insert(all.schema, all.cells, operation: .read)
    let line = try #require(try lines(encoder(), all.sample.finish()).first)
    let data = #"""
      {"id":7,"tiny":200,"small":-5,"medium":16777215,"big":18446744073709551615,"price":-0.0005,\#
      "huge":\#(String(repeating: "9", count: 65)),"f":0.1,"d":1e+300,"fixed":"a\"b\\c\n<é>","var":"","long":"text",\#
      "bin":"AAkiPFyA/w==","blob":"","day":"0000-00-00","span":"-838:59:59.001","at":"2024-02-29 12:34:56.789000",\#
      "stamp":"2024-02-29 12:34:56","y":2024,"bits":18446744073709551615,"e":"b'c","s":["x","z"],"none":[],\#
      "doc":{"a": [1, "ü"]},"point":"AQI=","nothing":null}
      """#
    #expect(
      line == #"{"database":"golden","table":"types","type":"bootstrap-insert","ts":1795217763,"data":\#(data)}"#)
    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
  }

  @Test func theOptionsAddAndLeaveOutWhatTheyName() throws {
    var sample = SampleBatch()
    let schema = table(MaxwellChangeEncoderTests.name)
    sample.insert(schema, [.int(1), .null])
    let line = try #require(
      try lines(
        encoder {
          $0.outputPosition = true
          $0.outputServerId = true
          $0.outputPrimaryKeys = true
          $0.outputPrimaryKeyColumns = true
          $0.outputNulls = false
          $0.outputCommitInfo = false
        }, sample.finish()
      ).first)
    #expect(
      line
        == #"{"database":"golden","table":"t","type":"insert","ts":1795217763,"position":"binlog.000001:104","server_id":101,"primary_key":[1],"primary_key_columns":["id"],"data":{"id":1}}"#
    )
  }

  @Test func aTransactionThatSpansBatchesCommitsOnceUnderOneNumber() throws {
    let builder = BatchBuilder()
    let schema = table()
    builder.begin(commitTime: EventTime(seconds: 1), mark: LogMark(file: 1), identifier: "")
    var batches: [Batch] = []
    for number in 0..<3 {
      builder.cells.append(.int(Int64(number)))
      builder.append(
        RowChange(
          operation: .insert, schema: builder.index(of: schema), after: UInt32(builder.cells.count - 1),
          time: EventTime(seconds: 1), logOffset: UInt64(500 + number)))
      if number == 2 { builder.end(mark: LogMark(file: 1, endOffset: 900)) }
      batches.append(builder.take(position: Position(text: "", token: "{}")))
    }
    let encoder = encoder()
    let lines = try batches.flatMap { try FormatsTests.lines(encoder, $0) }
    #expect(lines.allSatisfy { $0.contains(#""xid":500"#) })
    #expect(lines.map { $0.contains(#""commit":true"#) } == [false, false, true])
  }

  @Test func schemaChangesAreWrittenWhenAskedFor() throws {
    let columns = [
      ColumnSchema(name: "u", type: .integer(bits: 64, unsigned: true), nativeType: "bigint(20) unsigned"),
      ColumnSchema(name: "c", type: .timestampZoned(fraction: 6), nativeType: "timestamp(6)"),
      ColumnSchema(name: "t", type: .text(length: 9), nativeType: "varchar(9)", charset: "latin1"),
      ColumnSchema(name: "e", type: .enumeration(members: ["a", "b"]), nativeType: "enum('a','b')"),
    ]
    let old = table()
    let new = TableSchema(name: old.name, columns: old.columns + columns, key: [0])
    func batch() -> Batch {
      let sample = SampleBatch()
      for (kind, before, after) in [
        (SchemaChange.Kind.create, nil, old), (.alter, old, new), (.truncate, new, new), (.drop, new, nil),
      ] as [(SchemaChange.Kind, TableSchema?, TableSchema?)] {
        sample.builder.append(
          SchemaChange(kind: kind, table: old.name, before: before, after: after, statement: "\(kind)"),
          time: sample.time, logOffset: 400)
      }
      return sample.finish()
    }
    #expect(try lines(encoder(), batch()).isEmpty)
    let lines = try lines(encoder { $0.outputDDL = true }, batch())
    let first = #"{"database":"golden","table":"t","columns":[{"type":"int","name":"id","signed":true}"#
    let key = #"],"primary-key":["id"]}"#
    let second =
      #",{"type":"bigint","name":"u","signed":false},{"type":"timestamp","name":"c","column-length":6},"#
      + #"{"type":"varchar","name":"t","charset":"latin1"},{"type":"enum","name":"e","enum-values":["a","b"]}"#
    func message(_ type: String, _ tables: String, _ statement: String) -> String {
      #"{"type":"table-\#(type)","database":"golden","table":"t"\#(tables),"ts":1795217763000,"sql":"\#(statement)","#
        + #""position":"binlog.000001:400"}"#
    }
    #expect(
      lines == [
        message("create", #","def":\#(first)\#(key)"#, "create"),
        message("alter", #","old":\#(first)\#(key),"def":\#(first)\#(second)\#(key)"#, "alter"),
        message("truncate", "", "truncate"), message("drop", "", "drop"),
      ])
  }

  @Test func ofAPartialImageEverythingKnownIsThere() throws {
    var sample = SampleBatch()
    let schema = table(MaxwellChangeEncoderTests.name, ColumnSchema(name: "a", type: .year))
    sample.update(schema, [.int(1), .absent, .absent], [.absent, .absent, .int(2024)])
    sample.delete(schema, [.int(1), .absent, .unavailable])
    let lines = try lines(encoder(), sample.finish())
    #expect(lines[0].hasSuffix(#""data":{"id":1,"a":2024},"old":{}}"#))
    #expect(lines[1].hasSuffix(#""data":{"id":1}}"#))
  }

  @Test func hostileNamesAndTextsStayWhatTheyAre() throws {
    var sample = SampleBatch()
    let hostile = "\"},\\\u{1}\u{301}ключ"
    let schema = TableSchema(
      name: TableName(namespace: hostile, table: hostile),
      columns: [
        ColumnSchema(name: hostile, type: .text(length: 0)),
        ColumnSchema(name: "s", type: .set(members: [hostile, "b"])),
      ], key: [0])
    // A SET's member has no comma: the server refuses it.
    let member = hostile.replacing(",", with: "")
    sample.insert(schema, [sample.text(hostile), sample.text("\(member),b")])
    let line = try #require(try lines(encoder { $0.outputPrimaryKeyColumns = true }, sample.finish()).first)
    let message = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    #expect(message["database"] as? String == hostile && message["table"] as? String == hostile)
    #expect(message["primary_key_columns"] as? [String] == [hostile])
    let data = try #require(message["data"] as? [String: Any])
    #expect(data[hostile] as? String == hostile && data["s"] as? [String] == [member, "b"])
  }

  @Test func aDocumentThatIsNotJSONIsRefused() throws {
    var sample = SampleBatch()
    sample.insert(table(ColumnSchema(name: "j", type: .json)), [.int(1), sample.text("{", .json)])
    let batch = sample.finish()
    #expect(throws: UnencodableChange.self) { _ = try lines(encoder(), batch) }
  }
}
