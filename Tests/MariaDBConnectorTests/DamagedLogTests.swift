import Change
import Foundation
import MariaDBConnector
import Testing

@Suite(.enabled(if: Fixtures.arePresent, "the fixtures lie beside the package"))
struct DamagedLogTests {
  /// Decodes bytes by way of a file, as a person would find them.
  private func decode(_ bytes: [UInt8], _ path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    _ = try DecodedLog.read(path)
  }

  private func withFile(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "damaged-\(UUID().uuidString).000001"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test(
    "a flipped bit anywhere in a log with checksums is found",
    arguments: ["master-bin-seq_10.3.36.000001", "mysql-bin.compressed"])
  func flipsAreFound(_ name: String) throws {
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixtures.binlog(name))))
    try withFile { path in
      for index in bytes.indices {
        var damaged = bytes
        damaged[index] ^= 1 << UInt8(index % 8)
        // The server changes the in-use flag without a new checksum.
        if index == 21 { damaged[21] ^= 0xff }
        #expect(throws: Failure.self, "byte \(index)") { try decode(damaged, path) }
      }
    }
  }

  @Test("a log cut off anywhere gives an error or a shorter log, never a trap")
  func cutsNeverTrap() throws {
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixtures.binlog("mysql-bin.compressed"))))
    let borders: Set<Int> = [4, 126, 157, 236, 724, 771]
    try withFile { path in
      for count in bytes.indices where !borders.contains(count) {
        #expect(throws: Failure.self, "\(count) bytes") { try decode(Array(bytes[..<count]), path) }
      }
    }
  }

  @Test("flipped bits in a log without checksums never trap")
  func flipsWithoutChecksumsNeverTrap() throws {
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixtures.binlog("mysql-bin.checksum-none"))))
    try withFile { path in
      var refused = 0
      for index in stride(from: 4, to: min(bytes.count, 6000), by: 3) {
        var damaged = bytes
        damaged[index] ^= 1 << UInt8(index / 3 % 8)
        do { try decode(damaged, path) } catch is Failure { refused += 1 }
      }
      #expect(refused > 0)
    }
  }
}
