package import Change
import Glibc

/// Reads whole small files.
package enum FileText {
  /// The bytes of a file of at most `limit` bytes.
  /// - Throws: `.usage` when there is no such file, `.permission`, `.limit` or `.inputOutput`, with the path as the place.
  package static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
    // Non-blocking, so that a named pipe without a writer cannot hang the program; regular files do not care.
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { throw failure(errno, path) }
    defer { close(file) }
    var bytes: [UInt8] = []
    let chunk = 65_536
    while bytes.count <= limit {
      var count = 0
      let got = [UInt8](unsafeUninitializedCapacity: chunk) { buffer, initialized in
        count = unsafe Glibc.read(file, buffer.baseAddress, chunk)
        initialized = max(count, 0)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(errno, path) }
      if count == 0 { return bytes }
      bytes += got
    }
    throw Failure(.limit, "the file has more than \(limit >> 10) KiB", at: path)
  }

  private static func failure(_ number: Int32, _ path: String) -> Failure {
    switch number {
    case ENOENT, ENOTDIR: Failure(.usage, "there is no such file", at: path)
    case EISDIR: Failure(.usage, "it is a directory, not a file", at: path)
    case EACCES, EPERM: Failure(.permission, "the file may not be read", at: path)
    default: Failure(.inputOutput, "the file cannot be read", at: path, cause: unsafe String(cString: strerror(number)))
    }
  }
}
