import Compression
import Foundation
import Testing

@Suite struct GzipTests {
  @Test(arguments: [1, 6, 12])
  func membersOneAfterTheOtherAreAFileThatGunzipReads(level: Int) throws {
    var encoder = try GzipEncoder(level: level)
    var file: [UInt8] = []
    var expected: [UInt8] = []
    for block in 0..<4 {
      let bytes = [UInt8](repeating: UInt8(97 + block), count: block * 100_000)
      try bytes.withUnsafeBytes { try encoder.encode($0, into: &file) }
      expected += bytes
    }
    #expect(try gunzip(file) == expected)
  }

  @Test func aLevelThatDoesNotExistIsRefused() {
    #expect(throws: CompressionFailure.self) { _ = try GzipEncoder(level: 13) }
  }

  private func gunzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let path = NSTemporaryDirectory() + "freshet-\(UUID().uuidString).gz"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }  // a leftover in the temporary directory harms nobody
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return Array(output)
  }
}
