import Change
import Testing

@testable import Formats

@Suite struct CSVChangeEncoderTests {
  private func csv(_ batch: Batch, _ schema: TableSchema, _ options: CSVOptions = CSVOptions()) throws -> String {
    let encoder = try CSVChangeEncoder(options: options)
    var writer = ByteWriter()
    encoder.encodeHeader(of: schema, into: &writer)
    try encoder.encode(batch, processingTime: sampleNow, into: &writer)
    return writer.text()
  }

  @Test func valuesAreQuotedOnlyWhereAReaderNeedsIt() throws {
    let schema = table(ColumnSchema(name: "a,\"b\"", type: .text(length: 0)))
    var sample = SampleBatch()
    let texts = ["plain", "", "a,b", "say \"hi\"", "line\nbreak", "\\N", "\"", " é "]
    for (index, text) in texts.enumerated() { sample.insert(schema, [.int(Int64(index)), sample.text(text)]) }
    sample.insert(schema, [.int(8), .null])
    let expected = [
      #"op,id,"a,""b""""#, "c,0,plain", "c,1,", #"c,2,"a,b""#, #"c,3,"say ""hi""""#, "c,4,\"line\nbreak\"",
      #"c,5,"\N""#,
      #"c,6,"""""#, "c,7, é ", #"c,8,\N"#, "",
    ]
    #expect(try csv(sample.finish(), schema) == expected.joined(separator: "\r\n"))
  }

  @Test func updatesCanShowTheRowBefore() throws {
    let schema = table(
      ColumnSchema(name: "d", type: .date), ColumnSchema(name: "b", type: .bytes(length: 0, padded: false)))
    var sample = SampleBatch()
    sample.update(
      schema, [.int(1), .date(days: 0), sample.bytes([1])], [.int(1), .date(days: 1), sample.bytes([255])])
    sample.delete(schema, [.int(1), .null, .null])
    let batch = sample.finish()
    var options = CSVOptions()
    options.outputsOldValue = true
    options.includesCommitTime = true
    options.binary = .hex
    options.null = ""
    options.delimiter = UInt8(ascii: ";")
    let time = "1795217763000000"
    let expected = [
      "op;commit_ts;is_update;id;d;b", "d;\(time);true;1;1970-01-01;01", "c;\(time);true;1;1970-01-02;ff",
      "d;\(time);false;1;;", "",
    ]
    #expect(try csv(batch, schema, options) == expected.joined(separator: "\r\n"))
    #expect(try csv(batch, schema).contains("u,1,1970-01-02,/w==\r\n"))
  }

  @Test func aValueThatTheLogDoesNotHoldIsRefused() throws {
    let schema = table()
    var sample = SampleBatch()
    sample.insert(schema, [.absent])
    let batch = sample.finish()
    #expect(throws: UnencodableChange.self) { try csv(batch, schema) }
  }

  @Test func separatorsThatCannotBeToldApartAreRefused() {
    var options = CSVOptions()
    options.quote = options.delimiter
    #expect(throws: Failure.self) { try CSVChangeEncoder(options: options) }
    options = CSVOptions()
    options.null = "a,b"
    #expect(throws: Failure.self) { try CSVChangeEncoder(options: options) }
  }
}
