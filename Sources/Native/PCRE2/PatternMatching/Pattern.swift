import CPCRE2
package import Change

/// A regular expression that is compiled once: PCRE2's syntax, over UTF-8, case-sensitive.
///
/// *Thread*: any. The compiled code is never written after `init` (pcre2api(3), "Multithreading").
package final class Pattern: @unchecked Sendable {
  package static let lengthLimit = 16 << 10
  let code: OpaquePointer
  /// How many groups a match tells of at most.
  let groups: Int

  /// Errors: `.configuration` with the offset in the pattern.
  /// - Parameter groups: how many of the pattern's groups are asked for; the fewer, the faster is a match.
  package init(_ text: String, groups: Int = 0) throws(Failure) {
    self.groups = groups
    guard text.utf8.count <= Pattern.lengthLimit else {
      throw Failure(.configuration, "a regular expression is longer than \(Pattern.lengthLimit) bytes")
    }
    let bytes = Array(text.utf8)
    var number: Int32 = 0
    var offset = 0
    // Without \C, which cuts characters apart.
    let options = UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP) | UInt32(PCRE2_NEVER_BACKSLASH_C)
    guard let code = pcre2_compile_8(bytes, bytes.count, options, &number, &offset, nil) else {
      throw Failure(
        .configuration, "a regular expression is wrong at its byte \(offset): \(Pattern.message(number))")
    }
    self.code = code
    // Where there is no just-in-time compiler, matching is interpreted: slower, with the same results.
    _ = pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
  }

  deinit { pcre2_code_free_8(code) }

  private static func message(_ number: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 256)
    let length = pcre2_get_error_message_8(number, &text, text.count)
    return String(decoding: text.prefix(max(0, Int(length))), as: UTF8.self)
  }
}
