import Change
import Compression
import Glibc

/// The committed bytes of one segment, decompressed, in pieces of bounded size.
struct SegmentContent: ~Copyable {
  private static let piece = 1 << 20
  /// A gzip member holds what one write of the sink had: its largest line, and little more.
  private static let memberLimit = 4 << 30

  private let compression: CompressionKind
  private var range: Range<Int>
  private var zstd: ZstdDecoder?
  private var gzip: GzipDecoder?
  /// Compressed bytes of `range`'s part before its begin that were not decompressed yet.
  private var input: [UInt8] = []
  private var inputOffset = 0
  private var output: [UInt8]

  init(_ compression: CompressionKind, _ range: Range<Int>) throws {
    self.compression = compression
    self.range = range
    output = []
    switch compression {
    case .none: break
    case .zstd:
      zstd = try ZstdDecoder(outputLimit: .max - 1)
      output = [UInt8](repeating: 0, count: SegmentContent.piece)
    case .gzip: gzip = try GzipDecoder()
    }
  }

  /// The next piece; nil at the end. Decompression errors have the code `.corruptState`.
  mutating func next(_ file: Int32, _ place: String) throws(Failure) -> [UInt8]? {
    switch compression {
    case .none: return try readPiece(file, place, SegmentContent.piece)
    case .zstd: return try nextZstd(file, place)
    case .gzip: return try nextMember(file, place)
    }
  }

  private mutating func readPiece(_ file: Int32, _ place: String, _ limit: Int) throws(Failure) -> [UInt8]? {
    if range.isEmpty { return nil }
    let end = min(range.upperBound, range.lowerBound + limit)
    let bytes = try RootDirectory.bytes(of: file, range.lowerBound..<end, place)
    guard bytes.count == end - range.lowerBound else {
      throw Failure(.corruptState, "the segment is shorter than its committed length", at: place)
    }
    range = end..<range.upperBound
    return bytes
  }

  private mutating func nextZstd(_ file: Int32, _ place: String) throws(Failure) -> [UInt8]? {
    while true {
      if inputOffset == input.count {
        guard let more = try readPiece(file, place, SegmentContent.piece) else {
          if zstd?.isAtFrameEnd == false { throw damaged(place, "the last frame is cut off") }
          return nil
        }
        (input, inputOffset) = (more, 0)
      }
      let produced = try step(place)
      if produced > 0 { return Array(output[..<produced]) }
    }
  }

  private mutating func step(_ place: String) throws(Failure) -> Int {
    var target: [UInt8] = []
    var (consumed, produced) = (0, 0)
    swap(&target, &output)
    defer { swap(&target, &output) }
    do {
      // Both addresses are used only inside the closures.
      try input[inputOffset...].withUnsafeBytes { source in
        try target.withUnsafeMutableBytes { target in
          guard let step = try zstd?.step(source, into: target) else { return }
          (consumed, produced) = (step.consumed, step.produced)
        }
      }
    } catch {
      throw damaged(place, "\(error)")
    }
    inputOffset += consumed
    return produced
  }

  /// Reads all that is left of the range once: a segment's size is bounded by its rolling.
  private mutating func nextMember(_ file: Int32, _ place: String) throws(Failure) -> [UInt8]? {
    if let all = try readPiece(file, place, range.count) { (input, inputOffset) = (all, 0) }
    if inputOffset == input.count { return nil }
    var member: [UInt8] = []
    var taken = 0
    do {
      // The address is used only inside the closure.
      try input[inputOffset...].withUnsafeBytes { source in
        taken = try gzip?.decodeMember(source, outputLimit: SegmentContent.memberLimit, into: &member) ?? 0
      }
    } catch {
      throw damaged(place, "\(error)")
    }
    inputOffset += taken
    return member
  }

  private func damaged(_ place: String, _ reason: String) -> Failure {
    Failure(.corruptState, "cannot decompress the segment", at: place, cause: reason)
  }
}
