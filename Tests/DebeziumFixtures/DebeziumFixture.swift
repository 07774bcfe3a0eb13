package import Foundation

/// The records that Debezium emitted for one workload under several settings; they lie beside the package.
package enum DebeziumFixture {
  package static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "../shared/fixtures/debezium/mariadb").standardized
  package static var isPresent: Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: "events-default.jsonl").path)
  }

  /// The records under a setting, each as Debezium wrote it.
  package static func lines(_ name: String) throws -> [String] { try content("events-\(name).jsonl") }

  /// The schemas under a setting: each topic's, in order of appearance.
  package static func schemas(_ name: String) throws -> [String] { try content("schemas-\(name).jsonl") }

  private static func content(_ file: String) throws -> [String] {
    try String(contentsOf: folder.appending(path: file), encoding: .utf8).split(separator: "\n").map(String.init)
  }

  package static func parse(_ line: String) throws -> FixtureValue {
    try JSONDecoder().decode(FixtureValue.self, from: Data(line.utf8))
  }

  /// A line without what differs from run to run, without the headers that name the task, and with plain characters.
  package static func comparable(_ line: String) -> String {
    var line = line
    for (pattern, replacement) in [
      (#"\{"key":"__debezium\.context\.[^}]*\},?"#, ""), (#",\],"key":"#, #"],"key":"#),
      (#""version":"[^"]*""#, #""version":"""#),
      (#"("op":"[a-z]"),"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+"#, "$1"),
      (#""ts_ms":\d+,"databaseName""#, #""databaseName""#),
    ] {
      line = line.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
    }
    return combiningSurrogates(line)
  }

  /// Replaces `\uD83D\uDE00` by the character itself.
  private static func combiningSurrogates(_ line: String) -> String {
    var result = ""
    var rest = Substring(line)
    while let found = rest.range(of: #"\\uD[89AB][0-9A-F]{2}\\uD[C-F][0-9A-F]{2}"#, options: .regularExpression) {
      result += rest[..<found.lowerBound]
      let units = rest[found].split(separator: "\\u").compactMap { UInt16($0, radix: 16) }
      result += String(decoding: units, as: UTF16.self)
      rest = rest[found.upperBound...]
    }
    return result + rest
  }
}
