package import Change
import Glibc

/// The folder that a files sink owns. Every file in it is reached from this one descriptor, part by part, without
/// following links, so that no name can lead outside.
package final class RootDirectory {
  package let path: String
  private let descriptor: Descriptor
  private let device: UInt64

  /// Opens the folder; makes it and its parents when `creates` says so.
  package init(_ path: String, creates: Bool) throws(Failure) {
    self.path = path
    if creates { try RootDirectory.create(path, canMakeParents: true) }
    let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw SystemCall.failure("open the folder", path) }
    descriptor = Descriptor(number)
    var status = stat()
    guard fstat(number, &status) == 0 else { throw SystemCall.failure("look at the folder", path) }
    device = UInt64(status.st_dev)
  }

  package var number: Int32 { descriptor.number }

  package func place(_ relative: String) -> String { relative.isEmpty ? path : "\(path)/\(relative)" }

  private static func create(_ path: String, canMakeParents: Bool) throws(Failure) {
    if mkdir(path, 0o750) == 0 { return try syncParent(of: path) }
    switch errno {
    // Whoever made it may have died before its entry was durable.
    case EEXIST: try syncParent(of: path, isMade: false)
    // Once: where no folder can be made, as in /proc, it stays missing with all its parents there.
    case ENOENT where canMakeParents && path != parentPath(of: path):
      try create(parentPath(of: path), canMakeParents: true)
      try create(path, canMakeParents: false)
    default: throw SystemCall.failure("make the folder", path)
    }
  }

  private static func syncParent(of path: String, isMade: Bool = true) throws(Failure) {
    let number = open(parentPath(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // A folder that somebody else has prepared may lie in one that may not be read; the sink would not have made it there.
    if number < 0, errno == EACCES, !isMade { return }
    guard number >= 0 else { throw SystemCall.failure("open the folder", parentPath(of: path)) }
    let parent = Descriptor(number)
    try SystemCall.check("sync the folder", parentPath(of: path)) { Int(fsync(parent.number)) }
  }

  private static func parentPath(of path: String) -> String {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
  }

  /// Opens a folder below the root.
  /// - Parameter made: told the parent of each folder that had to be made; nil: a missing folder is an error.
  package func openFolder(_ parts: ArraySlice<String>, made: ((String) -> Void)? = nil) throws(Failure) -> Descriptor {
    var current = Descriptor(try SystemCall.check("open the folder", path) { Int(dup(number)) }.asDescriptor)
    for (index, part) in parts.enumerated() {
      let parent = parts.prefix(index).joined(separator: "/")
      let place = place(parts.prefix(index + 1).joined(separator: "/"))
      guard RootDirectory.isPlain(part) else {
        throw Failure(.corruptState, "a path may not have the part \"\(part)\"", at: place)
      }
      var next = openat(current.number, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
      if next < 0, errno == ENOENT, let made {
        guard mkdirat(current.number, part, 0o750) == 0 || errno == EEXIST else {
          throw SystemCall.failure("make the folder", place)
        }
        made(parent)
        next = openat(current.number, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
      }
      guard next >= 0 else { throw SystemCall.failure("open the folder", place) }
      current = Descriptor(next)
      try checkDevice(of: current, place)
    }
    return current
  }

  /// Opens a file below the root; `made` is told each folder with a new entry.
  package func openFile(
    _ relative: String, _ flags: Int32, made: ((String) -> Void)? = nil
  ) throws(Failure) -> Descriptor {
    let parts = relative.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard let name = parts.last, RootDirectory.isPlain(name) else {
      throw Failure(.corruptState, "\"\(relative)\" is not a path of a file", at: path)
    }
    let folder = try openFolder(parts.dropLast(), made: made)
    let file = openat(folder.number, name, flags | O_NOFOLLOW | O_CLOEXEC, 0o640)
    guard file >= 0 else { throw SystemCall.failure("open the file", place(relative)) }
    if flags & O_CREAT != 0 { made?(parts.dropLast().joined(separator: "/")) }
    return Descriptor(file)
  }

  /// Makes the entries of a folder durable.
  package func syncFolder(_ relative: String) throws(Failure) {
    let parts = relative.split(separator: "/").map(String.init)
    let folder = try openFolder(parts[...])
    try SystemCall.check("sync the folder", place(relative)) { Int(fsync(folder.number)) }
  }

  private static func isPlain(_ part: String) -> Bool {
    !part.isEmpty && part != "." && part != ".." && !part.utf8.contains(0)
  }

  /// What is synced together has to lie on one file system.
  private func checkDevice(of folder: borrowing Descriptor, _ place: String) throws(Failure) {
    var status = stat()
    guard fstat(folder.number, &status) == 0 else { throw SystemCall.failure("look at the folder", place) }
    if UInt64(status.st_dev) != device { throw SystemCall.failure("use the folder", place, errno: EXDEV) }
  }
}

extension Int {
  /// A result of a call that gives descriptors.
  fileprivate var asDescriptor: Int32 { Int32(truncatingIfNeeded: self) }
}
