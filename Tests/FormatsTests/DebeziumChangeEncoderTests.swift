import Change
import Foundation
import Testing

@testable import Formats

@Suite struct DebeziumChangeEncoderTests {
  private func encoder(_ properties: [String: String] = [:]) throws -> DebeziumChangeEncoder {
    DebeziumChangeEncoder(options: try DebeziumOptions(properties: properties), context: sampleContext)
  }

  /// What the encoder makes of one row's columns behind `id`, as the text of `after`.
  private func after(
    _ columns: [ColumnSchema], _ properties: [String: String], lossy: UInt64 = 0, _ cells: (SampleBatch) -> [Cell]
  ) throws -> String {
    var sample = SampleBatch()
    let schema = TableSchema(name: TableName(namespace: "golden", table: "t"), columns: columns, key: [])
    sample.insert(schema, cells(sample))
    let encoder = try encoder(properties)
    let line = try #require(try lines(encoder, sample.finish()).first)
    #expect(encoder.lossyValues == lossy)
    let end = try #require(line.range(of: ",\"source\":"))
    return String(line[..<end.lowerBound].dropFirst("{\"before\":null,\"after\":".count))
  }

  private func columns(_ types: ColumnType..., nullable: Bool = true) -> [ColumnSchema] {
    types.enumerated().map { ColumnSchema(name: "c\($0)", type: $1, isNullable: nullable) }
  }

  @Test func theEnvelopeHasDebeziumsFieldsInDebeziumsOrder() throws {
    var sample = SampleBatch()
    sample.insert(
      table(ColumnSchema(name: "ti", type: .integer(bits: 8, unsigned: false)), name: "ints"), [.int(1), .int(-128)])
    let line = try #require(try lines(try encoder(), sample.finish()).first)
    #expect(
      line == #"""
        {"before":null,"after":{"id":1,"ti":-128},"source":{"version":"\#(DebeziumChangeEncoder.version)",\#
        "connector":"mariadb","name":"golden","ts_ms":1795217763000,"snapshot":"false","db":"golden","sequence":null,\#
        "ts_us":1795217763000000,"ts_ns":1795217763000000000,"table":"ints","server_id":101,"gtid":"0-101-28",\#
        "file":"binlog.000001","pos":104,"row":0,"thread":null,"query":null},"transaction":null,"op":"c",\#
        "ts_ms":1795217948750,"ts_us":1795217948750578,"ts_ns":1795217948750578348}
        """#)
  }

  @Test func integersAndBitsAreAsInTheReference() throws {
    let types = columns(
      .integer(bits: 64, unsigned: true), .boolean, .bit(width: 1), .bit(width: 20), .bit(width: 64), .year)
    let cells: [Cell] = [.uint(.max), .boolean(true), .bits(1), .bits(0xfffff), .bits(1), .int(1901)]
    let tail = #""c1":true,"c2":true,"c3":"//8P","c4":"AQAAAAAAAAA=","c5":1901}"#
    #expect(try after(types, [:], lossy: 1) { _ in cells } == #"{"c0":-1,"# + tail)
    let precise = ["bigint.unsigned.handling.mode": "precise"]
    #expect(try after(types, precise) { _ in cells } == #"{"c0":"AP//////////","# + tail)
  }

  @Test func decimalsAreAsInTheReference() throws {
    let types = columns(
      .decimal(precision: 5, scale: 2, unsigned: false), .decimal(precision: 65, scale: 30, unsigned: false))
    let long = "-" + String(repeating: "9", count: 35) + "." + String(repeating: "9", count: 30)
    func cells(_ sample: SampleBatch) -> [Cell] {
      [.decimal64(unscaled: -99_999, scale: 2), sample.text(long, .decimal)]
    }
    #expect(try after(types, [:], cells) == #"{"c0":"/nlh","c1":"/wzp2OOAPG91dBC5sca6EIXayfYAAAAAAAAAAQ=="}"#)
    #expect(try after(types, ["decimal.handling.mode": "string"], cells) == #"{"c0":"-999.99","c1":"\#(long)"}"#)
    #expect(try after(types, ["decimal.handling.mode": "double"], lossy: 1, cells) == #"{"c0":-999.99,"c1":-1.0E35}"#)
  }

  @Test func timesAreAsInTheReference() throws {
    let types = columns(
      .date, .time(fraction: 6), .timestamp(fraction: 3), .timestamp(fraction: 6), .timestampZoned(fraction: 3))
    let cells: [Cell] = [
      .date(days: 19_782), .time(microseconds: -1), .timestamp(microseconds: 1_709_210_096_700_000),
      .timestamp(microseconds: -1), .timestampZoned(microseconds: 1_709_210_096_700_000),
    ]
    let zoned = #""c4":"2024-02-29T12:34:56.700Z"}"#
    func check(_ mode: String, lossy: UInt64 = 0, _ expected: String) throws {
      #expect(try after(types, ["time.precision.mode": mode], lossy: lossy) { _ in cells } == expected + zoned)
    }
    try check("adaptive_time_microseconds", #"{"c0":19782,"c1":-1,"c2":1709210096700,"c3":-1,"#)
    try check("adaptive", #"{"c0":19782,"c1":-1,"c2":1709210096700,"c3":-1,"#)
    try check("connect", lossy: 2, #"{"c0":19782,"c1":null,"c2":1709210096700,"c3":-1,"#)
    try check(
      "isostring", lossy: 1,
      #"{"c0":"2024-02-29Z","c1":null,"c2":"2024-02-29T12:34:56.7Z","c3":"1969-12-31T23:59:59.999999Z","#)
    try check("microseconds", #"{"c0":19782,"c1":-1,"c2":1709210096700000,"c3":-1,"#)
    try check("nanoseconds", #"{"c0":19782,"c1":-1000,"c2":1709210096700000000,"c3":-1000,"#)
    let day = columns(.time(fraction: 6))
    let noon = Cell.time(microseconds: 43_200_000_001)
    #expect(try after(day, ["time.precision.mode": "isostring"]) { _ in [noon] } == #"{"c0":"12:00:00.000001Z"}"#)
    #expect(try after(day, ["time.precision.mode": "connect"], lossy: 1) { _ in [noon] } == #"{"c0":43200000}"#)
  }

  @Test func datesWithoutACalendarAreNullOrTheEpochAndAreCounted() throws {
    let zero = Cell.civil(CivilTime(year: 0, month: 0, day: 0))
    let types: [ColumnType] = [.date, .timestamp(fraction: 0), .timestampZoned(fraction: 6)]
    let nullable = types.enumerated().map { ColumnSchema(name: "c\($0)", type: $1) }
    #expect(try after(nullable, [:], lossy: 3) { _ in [zero, zero, zero] } == #"{"c0":null,"c1":null,"c2":null}"#)
    let required = types.enumerated().map { ColumnSchema(name: "c\($0)", type: $1, isNullable: false) }
    #expect(
      try after(required, [:], lossy: 3) { _ in [zero, zero, zero] } == #"{"c0":0,"c1":0,"c2":"1970-01-01T00:00:00Z"}"#)
    let withDefault = [
      ColumnSchema(
        name: "ts", type: .timestampZoned(fraction: 0), isNullable: false, defaultValue: .literal("2000-01-01 00:00:01")
      )
    ]
    for replaces in ["true", "false"] {
      let text = try after(withDefault, ["replace.null.with.default": replaces], lossy: 1) { _ in [zero] }
      #expect(text == #"{"ts":"2000-01-01T00:00:01Z"}"#)
    }
    #expect(throws: UnencodableChange.self) {
      try after(nullable, ["lossy.values": "refuse"]) { _ in [zero, zero, zero] }
    }
  }

  @Test func nullsWithADefaultAreReplacedUnlessToldNot() throws {
    let columns = [
      ColumnSchema(
        name: "amount", type: .decimal(precision: 10, scale: 2, unsigned: false), defaultValue: .literal("1.50")),
      ColumnSchema(name: "big", type: .integer(bits: 64, unsigned: false), defaultValue: .literal("42")),
      ColumnSchema(name: "created", type: .timestamp(fraction: 3), defaultValue: .literal("2020-01-02 03:04:05.678")),
      ColumnSchema(name: "bits", type: .bit(width: 8), defaultValue: .literal("b'101'")),
      ColumnSchema(name: "now", type: .timestamp(fraction: 0), defaultValue: .expression("current_timestamp()")),
      ColumnSchema(name: "note", type: .text(length: 0)),
    ]
    let nulls = [Cell](repeating: .null, count: 6)
    #expect(
      try after(columns, [:]) { _ in nulls }
        == #"{"amount":"AJY=","big":42,"created":1577934245678,"bits":"BQ==","now":null,"note":null}"#)
    #expect(
      try after(columns, ["replace.null.with.default": "false"]) { _ in nulls }
        == #"{"amount":null,"big":null,"created":null,"bits":null,"now":null,"note":null}"#)
  }

  @Test func bytesAndGeometriesAreAsInTheReference() throws {
    let types = columns(.bytes(length: 4, padded: true), .geometry(.point), .geometry(.geometry))
    let point = try #require(Data(base64Encoded: "AQEAAAAAAAAAAAD4vwAAAAAAAAJA"))
    func cells(_ sample: SampleBatch) -> [Cell] {
      [sample.bytes([0xff, 0xef]), sample.bytes([0, 0, 0, 0] + point), sample.bytes([0xe6, 0x10, 0, 0] + point)]
    }
    let rest =
      #""c1":{"x":-1.5,"y":2.25,"wkb":"AQEAAAAAAAAAAAD4vwAAAAAAAAJA","srid":null},"#
      + #""c2":{"wkb":"AQEAAAAAAAAAAAD4vwAAAAAAAAJA","srid":4326}}"#
    #expect(try after(types, [:], cells) == #"{"c0":"/+8=","# + rest)
    #expect(try after(types, ["binary.handling.mode": "hex"], cells) == #"{"c0":"ffef","# + rest)
    #expect(try after(types, ["binary.handling.mode": "base64-url-safe"], cells) == #"{"c0":"_-8=","# + rest)
    for length in 0..<25 {
      #expect(throws: UnencodableChange.self) {
        try after(columns(.geometry(.point)), [:]) { [$0.bytes([UInt8](repeating: 1, count: length))] }
      }
    }
  }

  @Test func aChangedKeyMakesADeleteATombstoneAndACreate() throws {
    var sample = SampleBatch()
    let schema = table(ColumnSchema(name: "v", type: .text(length: 0)), name: "we`ird name-ä")
    sample.update(schema, [.int(2), sample.text("two")], [.int(20), sample.text("two")])
    let batch = sample.finish()
    let records = try lines(try encoder(["envelope": "full"]), batch)
    #expect(records.count == 3)
    let start = #"{"topic":"golden.golden.we_ird_name-_","headers":[{"key":"__debezium."#
    #expect(
      records[0].hasPrefix(
        start + #"newkey","value":{"id":20}}],"key":{"id":2},"value":{"before":{"id":2,"v":"two"},"after":null,"#))
    #expect(records[1] == start + #"newkey","value":{"id":20}}],"key":{"id":2},"value":null}"#)
    #expect(
      records[2].hasPrefix(
        start + #"oldkey","value":{"id":2}}],"key":{"id":20},"value":{"before":null,"after":{"id":20,"v":"two"},"#))
    #expect(try lines(try encoder(), batch).count == 2, "a tombstone has no value")
    #expect(try lines(try encoder(["envelope": "full", "tombstones.on.delete": "false"]), batch).count == 2)
    #expect(try lines(try encoder(["envelope": "full", "skipped.operations": "d,t"]), batch).count == 1)

    var writer = ByteWriter()
    var list: [EncodedRecord] = []
    let direct = try encoder()
    direct.start(batch, processingTime: sampleNow)
    try direct.encodeRecords(of: batch.transactions[0], in: batch, into: &writer, records: &list)
    let bytes = Array(writer.text().utf8)
    func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }
    #expect(list.map { text($0.topic) } == Array(repeating: "golden.golden.we_ird_name-_", count: 3))
    #expect(list.map { text($0.key) } == [#"{"id":2}"#, #"{"id":2}"#, #"{"id":20}"#])
    #expect(list.map { text($0.headerName) } == ["__debezium.newkey", "__debezium.newkey", "__debezium.oldkey"])
    #expect(list.map { text($0.headerValue) } == [#"{"id":20}"#, #"{"id":20}"#, #"{"id":2}"#])
    #expect(list[1].value == nil)
    #expect(text(list[2].value)?.hasSuffix(#""ts_ns":1795217948750578348}"#) == true)
  }

  @Test func keysFollowTheOrderOfTheKeyAndAbsentPartsComeFromTheOtherRow() throws {
    let columns = [
      ColumnSchema(name: "a", type: .integer(bits: 32, unsigned: false)),
      ColumnSchema(name: "b", type: .text(length: 9)),
    ]
    let schema = TableSchema(name: TableName(namespace: "golden", table: "pk2"), columns: columns, key: [1, 0])
    var sample = SampleBatch()
    sample.update(schema, [.int(1), sample.text("x")], [.int(1), sample.text("x")])
    sample.update(schema, [.int(1), sample.text("x")], [.absent, .absent])
    let records = try lines(try encoder(["envelope": "full"]), sample.finish())
    #expect(records.count == 2)
    for record in records { #expect(record.contains(#""headers":[],"key":{"b":"x","a":1},"value":"#)) }
    var keyless = SampleBatch()
    keyless.delete(TableSchema(name: schema.name, columns: columns, key: []), [.int(1), .null])
    let deletes = try lines(try encoder(["envelope": "full"]), keyless.finish())
    #expect(deletes.count == 2)
    #expect(deletes[1] == #"{"topic":"golden.golden.pk2","headers":[],"key":null,"value":null}"#)
  }

  @Test func transactionMetadataCountsEventsByTable() throws {
    var sample = SampleBatch()
    let (a, b) = (table(name: "a"), table(name: "b"))
    sample.insert(a, [.int(1)])
    sample.update(b, [.int(1)], [.int(2)])
    sample.delete(a, [.int(1)])
    let records = try lines(
      try encoder(["envelope": "full", "provide.transaction.metadata": "true"]), sample.finish())
    #expect(
      records.first == #"""
        {"topic":"golden.transaction","headers":[],"key":{"id":"0-101-28"},"value":{"status":"BEGIN","id":"0-101-28",\#
        "event_count":null,"data_collections":null,"ts_ms":1795217763000}}
        """#)
    #expect(
      records.last == #"""
        {"topic":"golden.transaction","headers":[],"key":{"id":"0-101-28"},"value":{"status":"END","id":"0-101-28",\#
        "event_count":4,"data_collections":[{"data_collection":"golden.a","event_count":2},\#
        {"data_collection":"golden.b","event_count":2}],"ts_ms":1795217763000}}
        """#)
    let orders = records.compactMap { record in
      record.range(of: #""transaction":\{[^}]*\}"#, options: .regularExpression).map { String(record[$0]) }
    }
    #expect(
      orders
        == [(1, 1), (2, 1), (3, 2), (4, 2)].map { total, collection in
          #""transaction":{"id":"0-101-28","total_order":\#(total),"data_collection_order":\#(collection)}"#
        })
  }

  @Test func anEventThatIsRefusedIsNotCounted() throws {
    let (a, b) = (table(ColumnSchema(name: "j", type: .json), name: "a"), table(name: "b"))
    let key = TableSchema(name: TableName(namespace: "golden", table: "k"), columns: a.columns, key: [1])
    var sample = SampleBatch()
    sample.insert(b, [.int(1)])
    sample.insert(key, [.int(1), .absent])
    sample.insert(b, [.int(2)])
    sample.insert(b, [.int(3)])
    let batch = sample.finish()
    let part = batch.transactions[0]
    let encoder = try encoder(["provide.transaction.metadata": "true"])
    var writer = ByteWriter()
    var list: [EncodedRecord] = []
    encoder.start(batch, processingTime: sampleNow)
    encoder.encodeBegin(of: part, in: batch, into: &writer, records: &list)
    list = []
    #expect(throws: UnencodableChange.self) {
      try encoder.encode(part.range, of: part, in: batch, into: &writer, records: &list)
    }
    #expect(list.map(\.change) == [0])
    list = []
    try encoder.encode(2..<4, of: part, in: batch, into: &writer, records: &list)
    encoder.takeBack(list[1..<2], in: batch)
    list = []
    let start = writer.count
    encoder.encodeEnd(of: part, in: batch, into: &writer, records: &list)
    #expect(
      writer.text(from: start).contains(
        #""event_count":2,"data_collections":[{"data_collection":"golden.b","event_count":2}]"#))
    #expect(writer.text().contains(#""total_order":2,"data_collection_order":2"#))
  }

  @Test func aTruncationIsAnEventOnlyWhenAskedFor() throws {
    let sample = SampleBatch()
    sample.builder.append(
      SchemaChange(kind: .truncate, table: table().name, before: nil, after: table(), statement: "TRUNCATE t"),
      time: sample.time, logOffset: 9)
    let batch = sample.finish()
    #expect(try lines(try encoder(), batch).isEmpty)
    let line = try #require(try lines(try encoder(["skipped.operations": "none", "envelope": "full"]), batch).first)
    #expect(
      line.hasPrefix(
        #"{"topic":"golden.golden.t","headers":[],"key":null,"value":{"before":null,"after":null,"source":"#))
    #expect(line.contains(#""op":"t""#))
  }

  @Test func wrongOptionsAreNamed() {
    #expect(throws: Failure.self) { try DebeziumOptions(properties: ["decimal.handling.mode": "exact"]) }
    #expect(throws: Failure.self) { try DebeziumOptions(properties: ["decimal.mode": "string"]) }
    #expect(throws: Failure.self) { try DebeziumOptions(properties: ["tombstones.on.delete": "yes"]) }
    #expect(throws: Failure.self) { try DebeziumOptions(properties: ["skipped.operations": "x"]) }
  }
}
