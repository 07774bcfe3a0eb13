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
  /// Of the last match: where it and its groups begin and end, and how many of these pairs were written.
  private let bounds: UnsafeMutablePointer<Int>
  private var boundCount = 0

  package init(_ pattern: Pattern) {
    guard let data = pcre2_match_data_create_8(UInt32(1 + pattern.groups), nil),
      let context = pcre2_match_context_create_8(nil)
    else {
      preconditionFailure("no memory for a regular expression")
    }
    self.pattern = pattern
    self.data = data
    bounds = pcre2_get_ovector_pointer_8(data)
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

  /// Whether the pattern is found in these bytes, anywhere from `offset` on.
  /// - Parameter offset: 0, or the end of a match in the same bytes; these are then known to be UTF-8.
  package func find(in text: UnsafeRawBufferPointer, from offset: Int = 0) -> Answer {
    var none: UInt8 = 0
    let result = withUnsafePointer(to: &none) { empty in
      let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty
      // Looked at anew for each match, a text with many would take the square of its length.
      let options = offset > 0 ? UInt32(PCRE2_NO_UTF_CHECK) : 0
      return pcre2_match_8(pattern.code, start, text.count, offset, options, data, context)
    }
    if result >= 0 {
      // 0: there were more groups than pairs, and all pairs were written.
      boundCount = result == 0 ? 1 + pattern.groups : Int(result)
      return .found
    }
    return result == PCRE2_ERROR_NOMATCH ? .missing : .failed
  }

  /// Where the last match lies in its text, or a group of it; nil for a group that took no part, or is not in the pattern.
  /// - Parameter group: 0 for the match.
  package func range(ofGroup group: Int) -> Range<Int>? {
    guard group < boundCount else { return nil }
    let (start, end) = (bounds[2 * group], bounds[2 * group + 1])
    // PCRE2_UNSET is the largest size, here -1. `\K` could put the start of a match behind its end.
    return start >= 0 && start <= end ? start..<end : nil
  }
}
