package import Change
package import Formats
import Glibc

extension RootDirectory {
  /// The whole content of a file; nil when there is no such file.
  /// - Throws: `.corruptState` when it is larger than `limit` bytes.
  package func content(of relative: String, limit: Int) throws(Failure) -> [UInt8]? {
    let file: Descriptor
    do {
      file = try openFile(relative, O_RDONLY)
    } catch {
      if error.isMissing { return nil }
      throw error
    }
    return try content(of: file, limit: limit, place(relative))
  }

  package func content(of file: borrowing Descriptor, limit: Int, _ place: String) throws(Failure) -> [UInt8] {
    let number = file.number
    let size = try RootDirectory.size(of: number, place)
    guard size <= limit else {
      throw Failure(.corruptState, "a file of \(size) bytes is too large to be a manifest", at: place)
    }
    return try RootDirectory.bytes(of: number, 0..<size, place)
  }

  package static func size(of number: Int32, _ place: String) throws(Failure) -> Int {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw SystemCall.failure("look at the file", place) }
    return Int(status.st_size)
  }

  /// The bytes of a range of a file; fewer when the file ends before.
  package static func bytes(of number: Int32, _ range: Range<Int>, _ place: String) throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var done = 0
    while done < bytes.count {
      let count = try SystemCall.check("read", place) {
        // The address lies inside the array, and so does everything up to its end.
        bytes.withUnsafeMutableBytes {
          pread(number, $0.baseAddress.map { $0 + done }, $0.count - done, range.lowerBound + done)
        }
      }
      if count == 0 { break }
      done += count
    }
    bytes.removeLast(bytes.count - done)
    return bytes
  }

  /// Writes a new file, durable but for its entry in the folder; what had the name before is replaced.
  package func replace(_ relative: String, with content: borrowing ByteWriter) throws(Failure) -> Descriptor {
    let file = try openFile(relative, O_RDWR | O_CREAT | O_TRUNC)
    let number = file.number
    try SystemCall.write(content, to: number, at: 0, place(relative))
    try SystemCall.check("sync", place(relative)) { Int(fsync(number)) }
    return file
  }

  package func rename(_ old: String, to new: String) throws(Failure) {
    try SystemCall.check("rename \"\(old)\" to \"\(new)\"", place(new)) { Int(renameat(number, old, number, new)) }
  }

  /// Calls `visit` with the path of each regular file below the root, in no order. Links are not followed, and folders
  /// that no sink can have made or used are left alone: those with other names, those that may not be read, and other
  /// file systems.
  package func visitFiles(_ visit: (String) throws(Failure) -> Void) throws(Failure) {
    try visitFiles(in: [], visit)
  }

  private func visitFiles(in parts: [String], _ visit: (String) throws(Failure) -> Void) throws(Failure) {
    let folder = try openFolder(parts[...])
    let copy = try SystemCall.check("open the folder", path) { Int(dup(folder.number)) }
    guard let stream = fdopendir(Int32(truncatingIfNeeded: copy)) else {
      _ = close(Int32(truncatingIfNeeded: copy))
      throw SystemCall.failure("list the folder", place(parts.joined(separator: "/")))
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      var status = stat()
      // Whatever vanishes meanwhile needs no visit.
      guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      let child = parts + [name]
      switch status.st_mode & S_IFMT {
      case S_IFDIR where SegmentName.isFolder(name): try visitOwnFiles(in: child, visit)
      case S_IFREG: try visit(child.joined(separator: "/"))
      default: break
      }
    }
  }

  private func visitOwnFiles(in parts: [String], _ visit: (String) throws(Failure) -> Void) throws(Failure) {
    do throws(Failure) {
      try visitFiles(in: parts, visit)
    } catch {
      guard error.isForeignFolder else { throw error }
    }
  }

  package func remove(_ relative: String) throws(Failure) {
    let parts = relative.split(separator: "/").map(String.init)
    guard let name = parts.last else { return }
    let folder = try openFolder(parts.dropLast())
    if unlinkat(folder.number, name, 0) != 0, errno != ENOENT {
      throw SystemCall.failure("remove the file", place(relative))
    }
  }

  /// Whether there is anything in the folder.
  package func hasEntries() throws(Failure) -> Bool {
    var found = false
    try visitFiles { _ in found = true }
    return found
  }
}
