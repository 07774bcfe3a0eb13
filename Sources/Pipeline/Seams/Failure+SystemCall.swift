package import Change
import Glibc

extension Failure {
  /// What the operating system has just refused, under the code that its number stands for (errno(3)).
  /// - Parameters:
  ///   - whenFull: what to do where the disk is full.
  ///   - hint: what to do otherwise.
  static func systemCall(
    _ message: String, at place: String, errno number: Int32 = errno, whenFull: String = "make room", hint: String = ""
  ) -> Failure {
    let code: Code =
      switch number {
      case EACCES, EPERM, EROFS: .permission
      case ENOSPC, EDQUOT, EFBIG: .diskFull
      default: .inputOutput
      }
    return Failure(
      code, message, at: place, hint: code == .diskFull ? whenFull : hint, cause: String(cString: strerror(number)))
  }
}

/// What the names in a directory need to survive a power cut.
package enum DurableDirectory {
  /// Makes the names of what was made, renamed or removed in a directory durable.
  package static func sync(_ path: String) throws(Failure) {
    let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw .systemCall("cannot open the directory", at: path) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw .systemCall("cannot sync the directory", at: path) }
  }
}
