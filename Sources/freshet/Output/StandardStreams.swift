import Glibc
import Synchronization

/// Standard error, with at most one live line at its end that every other line is written above.
///
/// *Thread*: any. A write that fails is dropped: there is nowhere left to say so.
final class StandardError: Sendable {
  static let shared = StandardError()

  /// The live line; empty: none.
  private let live = Mutex("")
  let isTerminal = isatty(STDERR_FILENO) == 1

  /// Writes a line, or several.
  func print(_ text: String) {
    live.withLock { live in
      let erase = live.isEmpty ? "" : "\r\u{1b}[K"
      writeFully(erase + text + "\n" + live, to: STDERR_FILENO)
    }
  }

  /// Replaces the live line; an empty one removes it. For terminals only.
  func show(_ text: String) {
    // A line that wraps could not be erased.
    let line = String(text.prefix(max(20, columns(of: STDERR_FILENO) - 1)))
    live.withLock { live in
      guard live != line else { return }
      live = line
      writeFully("\r\u{1b}[K" + line, to: STDERR_FILENO)
    }
  }
}

/// A terminal's width in characters; 80 when it does not say.
private func columns(of file: Int32) -> Int {
  var size = winsize()
  let status = unsafe ioctl(file, UInt(TIOCGWINSZ), &size)
  return status == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
}

/// Standard output: results.
enum StandardOutput {
  /// Characters that fit in a line of the terminal; nil: it is none, and lines may be of any length.
  static var width: Int? { isatty(STDOUT_FILENO) == 1 ? columns(of: STDOUT_FILENO) : nil }

  static func print(_ text: String) { write(text + "\n") }

  static func write(_ text: String) {
    // A reader that has gone wants no more results, and so no more of us.
    if !writeFully(text, to: STDOUT_FILENO) { exit(errno == EPIPE ? EX_OK : EX_IOERR) }
  }
}

@discardableResult
private func writeFully(_ text: String, to file: Int32) -> Bool {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      return false
    }
    rest = rest.dropFirst(count)
  }
  return true
}
