package import Change

/// The secrets of a pipeline, so that no text that leaves the process shows one: each prints as `***`.
package struct Redaction: Sendable {
  /// Longest first, so that a secret inside another one does not leave a rest behind.
  private var secrets: [String] = []

  package init() {}

  /// Adds a secret. An empty one is ignored; so is one of fewer than four characters, which would cut every text to pieces.
  package mutating func add(_ secret: String) {
    guard secret.utf8.count >= 4, !secrets.contains(secret) else { return }
    secrets.append(secret)
    secrets.sort { $0.utf8.count > $1.utf8.count }
  }

  /// Adds the password of a URL, as it is written and as it reads once `%xx` is decoded.
  package mutating func addPassword(ofURL url: String) {
    guard let start = url.firstRange(of: "://")?.upperBound else { return }
    let authority = url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    // A password may hold an unescaped `@` or `/` by mistake: take everything up to the last `@` of the URL, too.
    for part in [authority, url[start...]] {
      guard let at = part.lastIndex(of: "@"), let colon = part[..<at].firstIndex(of: ":") else { continue }
      let password = String(part[part.index(after: colon)..<at])
      add(password)
      add(Redaction.percentDecoded(password))
    }
  }

  package func callAsFunction(_ text: String) -> String {
    var text = text
    for secret in secrets where text.contains(secret) { text = text.replacing(secret, with: "***") }
    return text
  }

  package func callAsFunction(_ failure: Failure) -> Failure {
    var failure = failure
    failure.message = self(failure.message)
    failure.hint = self(failure.hint)
    failure.place = self(failure.place)
    failure.cause = self(failure.cause)
    return failure
  }

  /// The text with each `%xx` turned into its byte.
  private static func percentDecoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
