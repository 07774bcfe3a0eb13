import Benchmark
import Change
import MariaDBConnector

private let rowCount = 100_000

/// A log in memory becomes batches that are cut and dropped: checksums, table maps, cells.
func addDecodingBenchmarks() {
  Benchmark("decoding A") { try measureDecoding(insertLog.bytes, $0) }
  Benchmark("decoding B") { try measureDecoding(mixtureLog.bytes, $0) }
}

// Made when they are first used, in a benchmark's warm-up.
private let insertLog = SyntheticLog.inserts(rowCount)
private let mixtureLog = SyntheticLog.mixture(rowCount)
private let position = ShopRows().position

private func measureDecoding(_ log: [UInt8], _ benchmark: Benchmark) throws {
  let builder = BatchBuilder()
  var decoded = 0
  try benchmark.measure(rowCount) { decoded = try decode(log, builder, position) }
  guard decoded == rowCount else {
    return benchmark.error("\(decoded) rows were decoded of \(rowCount)")
  }
}

/// Decodes a whole log and returns how many changes of rows it holds.
private func decode(_ log: [UInt8], _ builder: BatchBuilder, _ position: Position) throws -> Int {
  let decoder = BinlogDecoder(position: BinlogPosition(file: "binlog.000001"))
  var rows = 0
  try log.withUnsafeBytes { log in
    var start = 4
    while start < log.count {
      let size = Int(UInt32(littleEndian: log.loadUnaligned(fromByteOffset: start + 9, as: UInt32.self)))
      let event = UnsafeRawBufferPointer(rebasing: log[start..<(start + size)])
      var action = try decoder.decode(event, from: .file, into: builder)
      while action == .more {
        rows += builder.take(position: position).rowCount
        action = try decoder.continueDecoding(into: builder)
      }
      if builder.isFull { rows += builder.take(position: position).rowCount }
      start += size
    }
  }
  return rows + builder.take(position: position).rowCount
}

extension Batch {
  fileprivate var rowCount: Int {
    changes.reduce(0) { $0 + ($1.operation == .schema ? 0 : 1) }
  }
}
