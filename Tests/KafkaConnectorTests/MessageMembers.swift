import ConnectorConformance
import Testing

/// The members of a message's value, each as it stands there.
func members(of text: String?) throws -> [String: String] {
  try JSONMembers.read(Array(try #require(text).utf8)).mapValues { String(decoding: $0, as: UTF8.self) }
}
