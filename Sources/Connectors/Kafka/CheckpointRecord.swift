import Change
import Foundation
import Pipeline

/// What a sink stores with its data: the value of its record in the checkpoint topic, one object of JSON.
struct CheckpointRecord: Codable, Hashable {
  static let version = 1

  var version = CheckpointRecord.version
  var pipeline: String
  var sink: String
  /// Grows by one with each writer.
  var epoch: UInt64
  /// The position as text for people, and as the source reads it.
  var position: String
  var token: String
  /// Microseconds since 1970; nil: the source has promised nothing yet.
  var watermark: Int64?
  /// When it was written, microseconds since 1970.
  var written: Int64

  enum CodingKeys: String, CodingKey {
    case version, pipeline, sink, epoch, position, token
    case watermark = "watermark_us"
    case written = "written_us"
  }

  init(_ checkpoint: Checkpoint, pipeline: String, sink: String, epoch: UInt64, written: Int64) {
    self.pipeline = pipeline
    self.sink = sink
    self.epoch = epoch
    position = checkpoint.position.text
    token = checkpoint.position.token
    watermark = checkpoint.watermark == .distantPast ? nil : checkpoint.watermark.microseconds
    self.written = written
  }

  /// The epoch of the writer that goes on behind this checkpoint.
  func nextEpoch(at place: String) throws(Failure) -> UInt64 {
    guard epoch < .max else {
      throw Failure(.corruptState, "the checkpoint record has an epoch that no writer can follow", at: place)
    }
    return epoch + 1
  }

  /// The key under which a compacted topic keeps the newest one.
  static func key(pipeline: String, sink: String) -> [UInt8] { Array("\(pipeline)/\(sink)".utf8) }

  var bytes: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return Array(try encoder.encode(self))
    }
  }

  init(_ bytes: [UInt8], at place: String) throws(Failure) {
    do {
      self = try JSONDecoder().decode(CheckpointRecord.self, from: Data(bytes))
    } catch {
      throw Failure(.corruptState, "the checkpoint record is not one of this program", at: place)
    }
    guard version == CheckpointRecord.version else {
      throw Failure(
        .corruptState,
        "the checkpoint record has version \(version), and this program knows \(CheckpointRecord.version)",
        at: place)
    }
  }
}
