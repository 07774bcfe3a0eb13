package import Pipeline

/// What a files sink has committed: the one file whose renaming makes data and checkpoint durable together.
///
/// It lists the segments that may grow and the last ones that were closed. Older ones stand in sealed lists, files that
/// never change: the manifest names the newest of them, and each list names the one before, so that a commit writes a
/// manifest of bounded size whatever the number of segments.
package struct Manifest: Hashable, Sendable {
  /// The version of the manifest's own format.
  package static let version = 1
  package static let fileName = "manifest.json"
  /// How many closed segments a manifest lists before they are sealed.
  package static let sealCount = 256
  /// A manifest or list larger than this is not one.
  package static let byteLimit = 256 << 20

  package var pipeline: String
  package var epoch: UInt64
  /// Grows by one with each manifest.
  package var generation: UInt64
  /// nil: claimed, but nothing was ever committed.
  package var checkpoint: Checkpoint?
  /// The newest sealed list; nil: none.
  package var previous: SealedReference?
  /// Files of an epoch below this one that nobody lists were removed.
  package var cleanedEpoch: UInt64
  package var segments: [SegmentRecord]

  package init(pipeline: String) {
    self.pipeline = pipeline
    epoch = 0
    generation = 0
    cleanedEpoch = 0
    segments = []
  }
}

/// Names a sealed list, with what it takes to notice damage.
package struct SealedReference: Hashable, Sendable {
  package var file: String
  package var bytes: Int
  package var checksum: UInt32
}

/// Closed segments that stand together in one file that never changes.
package struct SealedList: Hashable, Sendable {
  package var previous: SealedReference?
  package var segments: [SegmentRecord]
  /// The highest epoch of a segment in it or in a list before it.
  package var highestEpoch: UInt64
}
