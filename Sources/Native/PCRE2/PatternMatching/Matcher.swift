import CPCRE2

/// Finds one pattern in many texts; holds what a match needs, so that a match allocates nothing.
///
/// *Thread*: one at a time; it is not `Sendable`.
package final class Matcher {
  package enum Answer: Equatable, Sendable {
    case found, missing
    /// The pattern needs more steps or stack than allowed for this text, or the text is not UTF-8.
    case failed
  }

  /// Steps of backtracking after which a match is given up: milliseconds, not hours.
  private static let stepLimit: UInt32 = 1_000_000
  private static let stackLimit = 1 << 20

  private let pattern: Pattern
  private let data: OpaquePointer
  private let context: OpaquePointer
  private let stack: OpaquePointer?

  package init(_ pattern: Pattern) {
    guard let data = pcre2_match_data_create_8(1, nil), let context = pcre2_match_context_create_8(nil) else {
      preconditionFailure("no memory for a regular expression")
    }
    self.pattern = pattern
    self.data = data
    self.context = context
    stack = pcre2_jit_stack_create_8(32 << 10, Matcher.stackLimit, nil)
    pcre2_set_match_limit_8(context, Matcher.stepLimit)
    pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
  }

  deinit {
    pcre2_jit_stack_free_8(stack)
    pcre2_match_context_free_8(context)
    pcre2_match_data_free_8(data)
  }

  /// Whether the pattern is found anywhere in these bytes.
  package func find(in text: UnsafeRawBufferPointer) -> Answer {
    var none: UInt8 = 0
    let result = withUnsafePointer(to: &none) { empty in
      let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty
      return pcre2_match_8(pattern.code, start, text.count, 0, 0, data, context)
    }
    if result >= 0 { return .found }
    return result == PCRE2_ERROR_NOMATCH ? .missing : .failed
  }
}
