package import Change
import Compression
import Foundation
import Pipeline

extension Manifest {
  /// Reads a manifest's bytes.
  /// - Throws: `.corruptState` for anything that is not, to the byte, what a sink wrote.
  package init(bytes: [UInt8], _ place: String) throws(Failure) {
    let text = try ManifestText.decode(ManifestContent.self, bytes, place)
    guard let version = text.freshetManifest, let pipeline = text.pipeline, let epoch = text.epoch,
      let generation = text.generation, let cleaned = text.cleanedEpoch
    else { throw ManifestText.damaged(place, "a field is missing") }
    guard version == Manifest.version else {
      throw Failure(
        .corruptState, "the manifest has format \(version), this program reads \(Manifest.version)", at: place,
        hint: "use the version of the program that wrote it, or a newer one")
    }
    self.init(pipeline: pipeline)
    self.epoch = epoch
    self.generation = generation
    cleanedEpoch = cleaned
    checkpoint = text.checkpoint.map { stored in
      Checkpoint(
        position: Position(text: stored.position, token: stored.token),
        watermark: stored.watermarkUs.map { EventTime(microseconds: $0) } ?? .distantPast)
    }
    previous = text.previous?.reference
    segments = try text.records(place)
  }
}

extension SealedList {
  /// Reads the bytes of the list that `reference` names.
  package init(bytes: [UInt8], _ reference: SealedReference, _ place: String) throws(Failure) {
    let text = try ManifestText.decode(ManifestContent.self, bytes, place)
    guard bytes.count == reference.bytes, ManifestText.checksum(of: bytes.span.bytes) == reference.checksum else {
      throw ManifestText.damaged(place, "it is not the list that the manifest names")
    }
    guard text.freshetSegments == Manifest.version, let highest = text.highestEpoch else {
      throw ManifestText.damaged(place, "a field is missing")
    }
    self.init(previous: text.previous?.reference, segments: try text.records(place), highestEpoch: highest)
  }
}

extension ManifestText {
  static func checksum(of bytes: RawSpan) -> UInt32 {
    Checksum.crc32(bytes.extracting(min(prefixLength, bytes.byteCount)..<bytes.byteCount))
  }

  static func decode<Content: Decodable>(
    _ type: Content.Type, _ bytes: [UInt8], _ place: String
  ) throws(Failure) -> Content {
    guard bytes.count > prefixLength, Array(bytes.prefix(prefixLength)) == prefix(checksum(of: bytes.span.bytes)) else {
      throw damaged(place, "its checksum does not match")
    }
    do {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(Content.self, from: Data(bytes))
    } catch {
      throw damaged(place, "\(error)")
    }
  }

  static func damaged(_ place: String, _ reason: String) -> Failure {
    Failure(
      .corruptState, "the manifest is damaged: \(reason)", at: place,
      hint: "restore the folder from a backup, or give the sink an empty folder and let the pipeline start anew")
  }
}

/// The JSON of a manifest and of a sealed list; the names are those of the text in camel case.
private struct ManifestContent: Decodable {
  struct StoredCheckpoint: Decodable {
    var position: String
    var token: String
    /// Nil: nothing is promised yet.
    var watermarkUs: Int64?
  }

  struct Reference: Decodable {
    var file: String
    var bytes: Int
    var crc32: UInt32

    var reference: SealedReference { SealedReference(file: file, bytes: bytes, checksum: crc32) }
  }

  struct Place: Decodable {
    var tx: String
    var file: UInt32
    var offset: UInt64
    var row: UInt32
    var tsUs: Int64

    var place: ChangePlace {
      ChangePlace(
        transaction: tx, file: file, offset: offset, row: row, commitTime: EventTime(microseconds: tsUs))
    }
  }

  struct Segment: Decodable {
    var path: String
    var bytes: Int
    var changes: UInt64
    var schema: String?
    var table: String?
    var date: String
    var format: String
    var quote: String?
    var compression: String
    var epoch: UInt64
    var open: Bool
    var first: Place
    var last: Place

    /// Segments of csv without one were written when it was always the same.
    var quoteByte: UInt8? {
      guard let quote else { return format == "csv" ? UInt8(ascii: "\"") : nil }
      return quote.utf8.count == 1 ? quote.utf8.first : nil
    }
  }

  var freshetManifest: Int?
  var freshetSegments: Int?
  var pipeline: String?
  var epoch: UInt64?
  var generation: UInt64?
  var cleanedEpoch: UInt64?
  var highestEpoch: UInt64?
  var checkpoint: StoredCheckpoint?
  var previous: Reference?
  var segments: [Segment]

  func records(_ place: String) throws(Failure) -> [SegmentRecord] {
    var records: [SegmentRecord] = []
    for segment in segments {
      guard let compression = CompressionKind(rawValue: segment.compression), segment.bytes >= 0 else {
        throw ManifestText.damaged(place, "a segment's compression or length is unknown")
      }
      var table: TableName?
      if let schema = segment.schema, let name = segment.table { table = TableName(namespace: schema, table: name) }
      records.append(
        SegmentRecord(
          path: segment.path, bytes: segment.bytes, changes: segment.changes, table: table, date: segment.date,
          format: segment.format, quote: segment.quoteByte, compression: compression, epoch: segment.epoch,
          isOpen: segment.open,
          first: segment.first.place, last: segment.last.place))
    }
    return records
  }
}
