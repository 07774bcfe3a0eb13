import Change
import FilesConnector
import Formats
import Foundation
import Pipeline
import Testing

@Suite struct StandardOutputTests {
  private let work = Workload()

  private func print(_ encoder: any ChangeEncoder, _ batch: Batch) async throws -> (text: String, Receipt) {
    let pipe = Pipe()
    let sink = StandardOutputSink(to: pipe.fileHandleForWriting.fileDescriptor, encoder)
    #expect(try await sink.open() == nil)
    try await sink.write(batch, parts: 0..<batch.transactions.count)
    let receipt = try await sink.commit(Sample.checkpoint(1))
    await sink.close()
    try pipe.fileHandleForWriting.close()
    return (String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self), receipt)
  }

  @Test func eachChangeIsALineAndTheReceiptCountsThem() async throws {
    let (orders, items) = (Sample.table("orders"), Sample.table("items"))
    for _ in 0..<3 { work.insert(into: [orders, items, orders]) }
    let (text, receipt) = try await print(JSONChangeEncoder(context: Sample.encoding), work.take())
    #expect(text.split(separator: "\n").count == 9)
    #expect(receipt.outcomes == [orders.name: Outcome(delivered: 6), items.name: Outcome(delivered: 3)])
  }

  @Test func prettyLinesAreAlignedAndCannotSteerATerminal() async throws {
    let table = Sample.table("orders")
    work.time = EventTime(microseconds: 1_709_251_199_123_456)
    work.insert(into: [table], note: "\u{1b}[31mred")
    work.transaction += 1
    work.begin()
    let first = UInt32(work.builder.cells.count)
    let same = work.builder.text("old")
    work.builder.cells += [.int(5), same, .int(5), work.builder.text("new")]
    work.builder.append(
      RowChange(
        operation: .update, schema: work.builder.index(of: table), before: first, after: first + 2, time: work.time))
    work.end()
    let batch = work.take()
    let (text, _) = try await print(PrettyChangeEncoder(hasColors: false), batch)
    #expect(
      text == """
        23:59:59.124  +  shop.orders   id=1 note="\\u001B[31mred"
        23:59:59.124  ~  shop.orders   id=5 note="old"→"new"

        """)
    let (colored, _) = try await print(PrettyChangeEncoder(hasColors: true), batch)
    #expect(colored.contains("\u{1b}[32m+"))
    #expect(!colored.contains("\u{1b}[31mred"))
  }

  @Test func whatTheFormatLeavesOutOrCannotCarryIsNotCountedAsDelivered() async throws {
    let table = Sample.table("t")
    work.begin()
    let first = UInt32(work.builder.cells.count)
    work.builder.cells += [.int(77), Cell.absent]
    work.append(table, "a")
    work.builder.append(
      RowChange(operation: .insert, schema: work.builder.index(of: table), after: first, time: work.time, logOffset: 1))
    work.builder.append(
      SchemaChange(kind: .truncate, table: table.name, before: table, after: table, statement: "TRUNCATE t"),
      time: work.time, logOffset: 2)
    work.append(table, "b")
    work.end()
    let batch = work.take()
    let (output, errors) = (Pipe(), Pipe())
    let (outputEnd, errorsEnd) = (
      output.fileHandleForWriting.fileDescriptor, errors.fileHandleForWriting.fileDescriptor
    )
    let strict = StandardOutputSink(to: outputEnd, errors: errorsEnd, try CSVChangeEncoder(options: CSVOptions()))
    let failure = await #expect(throws: Failure.self) { try await strict.write(batch, parts: 0..<1) }
    #expect(failure?.code == .badValue)
    let patient = StandardOutputSink(
      to: outputEnd, errors: errorsEnd, badRows: .quarantine, try CSVChangeEncoder(options: CSVOptions()))
    try await patient.write(batch, parts: 0..<1)
    let receipt = try await patient.commit(Sample.checkpoint(1))
    #expect(receipt.outcomes == [table.name: Outcome(delivered: 2, filtered: 1, quarantined: 1)])
    try output.fileHandleForWriting.close()
    try errors.fileHandleForWriting.close()
    let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(lines == "c,1,a\r\nc,2,b\r\n")
    let told = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(told.contains("badValue") && told.contains("shop.t") && !told.contains("77"))
  }

  @Test func aReaderThatGoesAwayIsAFailureThatSaysSo() async throws {
    let pipe = Pipe()
    let sink = StandardOutputSink(
      to: pipe.fileHandleForWriting.fileDescriptor, JSONChangeEncoder(context: Sample.encoding))
    _ = try await sink.open()
    try pipe.fileHandleForReading.close()
    work.insert(into: [Sample.table("t")])
    let batch = work.take()
    try await sink.write(batch, parts: 0..<1)
    let failure = await #expect(throws: Failure.self) { _ = try await sink.commit(Sample.checkpoint(1)) }
    #expect(failure.map(StandardOutputSink.isReaderGone) == true)
    #expect(failure?.code == .inputOutput)
  }
}
