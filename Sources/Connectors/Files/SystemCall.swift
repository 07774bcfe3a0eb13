package import Change
package import Formats
import Glibc

/// Turns what the operating system refuses into a `Failure` that says what was attempted and where.
package enum SystemCall {
  /// The failure of a call that has just returned -1.
  package static func failure(_ attempt: String, _ path: String, errno code: Int32 = errno) -> Failure {
    let reason = String(cString: strerror(code))
    switch code {
    case ENOSPC, EDQUOT:
      return Failure(
        .diskFull, "cannot \(attempt): \(reason)", at: path,
        hint: "make room; what is in the manifest stays valid, and the pipeline goes on from there",
        cause: "errno \(code)")
    case EACCES, EPERM, EROFS:
      return Failure(.permission, "cannot \(attempt): \(reason)", at: path, cause: "errno \(code)")
    case ELOOP, ENOTDIR, EXDEV:
      return Failure(
        .inputOutput, "cannot \(attempt): \(reason)", at: path,
        hint: "below the sink's folder there may be no links and no other file systems", cause: "errno \(code)")
    default:
      return Failure(.inputOutput, "cannot \(attempt): \(reason)", at: path, cause: "errno \(code)")
    }
  }

  /// Repeats a call that a signal interrupted; throws when it returns a negative number.
  @discardableResult
  package static func check(
    _ attempt: @autoclosure () -> String, _ path: @autoclosure () -> String, _ call: () -> Int
  ) throws(Failure) -> Int {
    while true {
      let result = call()
      if result >= 0 { return result }
      if errno != EINTR { throw failure(attempt(), path()) }
    }
  }

  /// Writes all of `bytes` at `offset`.
  package static func write(
    _ bytes: RawSpan, to descriptor: Int32, at offset: Int, _ path: @autoclosure () -> String
  ) throws(Failure) {
    var done = 0
    while done < bytes.byteCount {
      let count = bytes.byteCount
      done += try check("write", path()) {
        // The address lies inside the span, and so does everything up to its end.
        bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress.map { $0 + done }, count - done, offset + done) }
      }
    }
  }

  package static func write(
    _ content: borrowing ByteWriter, to descriptor: Int32, at offset: Int, _ path: @autoclosure () -> String
  ) throws(Failure) {
    try write(content.bytes, to: descriptor, at: offset, path())
  }

  package static func write(
    _ content: [UInt8], to descriptor: Int32, at offset: Int, _ path: @autoclosure () -> String
  ) throws(Failure) {
    try write(content.span.bytes, to: descriptor, at: offset, path())
  }

  /// Writes all of `content` to a pipe, a terminal or a file where it stands.
  package static func write(
    _ content: borrowing ByteWriter, toStream descriptor: Int32, _ path: @autoclosure () -> String
  ) throws(Failure) {
    let bytes = content.bytes
    var done = 0
    while done < bytes.byteCount {
      let count = bytes.byteCount
      // The address lies inside the span, and so does everything up to its end.
      let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, count - done) }
      if written >= 0 {
        done += written
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&wanted, 1, 1000)
      case EPIPE:
        throw Failure(
          .inputOutput, "whoever read the output has closed it", at: path(), cause: "errno \(EPIPE)")
      default: throw failure("write", path())
      }
    }
  }
}

extension Failure {
  /// Whether a file or folder was not there.
  var isMissing: Bool { cause == "errno \(ENOENT)" }

  /// Whether a folder may not be read, or lies on another file system.
  var isForeignFolder: Bool { cause == "errno \(EACCES)" || cause == "errno \(EXDEV)" }
}
