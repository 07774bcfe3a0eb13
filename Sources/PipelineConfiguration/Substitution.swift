import Change
import Pipeline

/// Replaces `${NAME}`, `${NAME:-default}` and `${file:PATH}` in scalars, after the YAML was parsed: a value can never
/// become structure. `$${` stands for `${`.
struct Substitution {
  /// Bytes that all replacements of a file together may have.
  static let byteLimit = 1 << 20

  private let environment: [String: String]
  private let directory: String
  private var bytes = 0
  /// What was put in.
  private(set) var redaction = Redaction()

  /// - Parameter directory: what `PATH` is relative to.
  init(environment: [String: String], directory: String) {
    self.environment = environment
    self.directory = directory
  }

  /// The text with everything replaced, and whether anything was.
  mutating func replace(_ text: String) throws(Failure) -> (text: String, isSecret: Bool) {
    guard text.contains("${") else { return (text, false) }
    var result = ""
    var rest = text[...]
    var isSecret = false
    while let dollar = rest.firstRange(of: "${") {
      let before = rest[..<dollar.lowerBound]
      let after = rest[dollar.upperBound...]
      if before.last == "$" {
        result += before.dropLast() + "${"
        rest = after
        continue
      }
      guard let end = after.firstIndex(of: "}") else {
        throw Failure(.configuration, "\"${\" has no \"}\"", hint: "write \"$${\" for a literal \"${\"")
      }
      let value = try value(of: after[..<end])
      bytes += value.utf8.count
      guard bytes <= Substitution.byteLimit else {
        throw Failure(.configuration, "what \"${…}\" puts into a pipeline file has at most 1 MiB")
      }
      redaction.add(value)
      result += before + value
      rest = after[after.index(after: end)...]
      isSecret = true
    }
    return (result + rest, isSecret)
  }

  private func value(of expression: Substring) throws(Failure) -> String {
    if expression.hasPrefix("file:") { return try contents(ofFile: String(expression.dropFirst(5))) }
    let parts = expression.firstRange(of: ":-").map {
      (name: expression[..<$0.lowerBound], fallback: String?(String(expression[$0.upperBound...])))
    }
    let name = String(parts?.name ?? expression)
    guard Substitution.isName(name) else {
      throw Failure(
        .configuration, "the text between \"${\" and \"}\" is not understood",
        hint: "write ${NAME}, ${NAME:-default} or ${file:PATH}; \"$${\" for a literal \"${\"")
    }
    if let value = environment[name], !value.isEmpty || parts?.fallback == nil { return value }
    if let fallback = parts?.fallback { return fallback }
    throw Failure(
      .configuration, "the environment variable \"\(name)\" is not set",
      hint: "set it, or write ${\(name):-default}")
  }

  private func contents(ofFile path: String) throws(Failure) -> String {
    let full = path.hasPrefix("/") ? path : "\(directory)/\(path)"
    let bytes: [UInt8]
    do {
      bytes = try FileText.read(full, limit: Substitution.byteLimit)
    } catch {
      throw Failure(.configuration, "the file \(NearestName.quoted(path)) cannot be read", cause: error.message)
    }
    guard var text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.configuration, "the file \(NearestName.quoted(path)) is not UTF-8 text")
    }
    if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
    return text
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }
}
