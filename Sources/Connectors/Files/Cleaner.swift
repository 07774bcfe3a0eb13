import Change
import Glibc

/// Brings the files of a folder back to what the manifest says, after a writer that may have been killed.
struct Cleaner {
  let root: RootDirectory
  let manifest: Manifest

  /// Cuts what stands behind the committed length of segments that could still grow, so that whoever reads the plain
  /// files sees committed lines only.
  /// - Throws: `.corruptState` when a file is missing or shorter than what was committed.
  func truncateOpen() throws(Failure) {
    for segment in manifest.segments where segment.isOpen {
      let place = root.place(segment.path)
      let file: Descriptor
      do {
        file = try root.openFile(segment.path, O_WRONLY)
      } catch {
        guard error.isMissing else { throw error }
        throw lost(place, "is missing")
      }
      let number = file.number
      let size = try RootDirectory.size(of: number, place)
      if size < segment.bytes { throw lost(place, "has \(size) bytes, \(segment.bytes) were committed") }
      if size == segment.bytes { continue }
      try SystemCall.check("truncate", place) { Int(ftruncate(number, off_t(segment.bytes))) }
      try SystemCall.check("sync", place) { Int(fsync(number)) }
    }
  }

  private func lost(_ place: String, _ what: String) -> Failure {
    Failure(
      .corruptState, "a committed segment \(what)", at: place,
      hint: "restore the folder from a backup, or give the sink an empty folder and let the pipeline start anew")
  }

  /// Removes the segments, lists and temporary manifests of older epochs that nobody lists. Other files stay.
  func removeUnlisted() throws(Failure) {
    var listed = Set(manifest.segments.map(\.path))
    var next = manifest.previous
    while let reference = next {
      listed.insert(reference.file)
      let list = try SealedList.read(reference, in: root)
      for segment in list.segments { listed.insert(segment.path) }
      // Lists before this one name only files that were checked when an earlier epoch was cleaned.
      next = list.highestEpoch < manifest.cleanedEpoch ? nil : list.previous
    }
    var unlisted: [String] = []
    try root.visitFiles { (path) throws(Failure) in
      if let epoch = SegmentName.epoch(of: path) {
        if epoch >= manifest.cleanedEpoch, epoch < manifest.epoch, !listed.contains(path) { unlisted.append(path) }
      } else if path.hasPrefix("manifest-"), path.hasSuffix(".tmp"), let epoch = UInt64(path.dropFirst(9).dropLast(4)),
        epoch < manifest.epoch
      {
        unlisted.append(path)
      }
    }
    for path in unlisted { try root.remove(path) }
  }
}

extension SealedList {
  /// Reads the list that a manifest or another list names.
  static func read(_ reference: SealedReference, in root: RootDirectory) throws(Failure) -> SealedList {
    guard !reference.file.contains("/"), SegmentName.epoch(of: reference.file) != nil else {
      throw ManifestText.damaged(root.place(reference.file), "this is not the name of a list")
    }
    guard let bytes = try root.content(of: reference.file, limit: Manifest.byteLimit) else {
      throw ManifestText.damaged(root.place(reference.file), "the list is missing")
    }
    return try SealedList(bytes: bytes, reference, root.place(reference.file))
  }
}
