public import Change

/// The batches that a group holds until it is applied; shared by the net changes of all its tables.
public final class Segment {
  public private(set) var batches: [Batch] = []
  /// Where the changes of a reshaped batch come from, by its number.
  private var origins: [Int32: ChangeOrigin] = [:]
  /// The memory that the batches keep alive, in bytes.
  public private(set) var byteCount = 0
  /// Which of the pipeline's sources the changes come from that are appended now.
  @exclusivity(unchecked) public var source: UInt16 = 0

  public init() {}

  /// The number by which entries name `batch`.
  /// - Parameter origin: where its changes come from, when it was reshaped.
  package func add(_ batch: Batch, from origin: ChangeOrigin? = nil) -> Int32 {
    if let last = batches.last, last === batch { return Int32(batches.count - 1) }
    let number = Int32(batches.count)
    batches.append(batch)
    byteCount += batch.byteCount
    if let origin {
      origins[number] = origin
      byteCount += origin.batch.byteCount
    }
    return number
  }

  /// The change at the source of a change that may be reshaped.
  public func original(of place: ChangePlace) -> ChangePlace {
    guard let number = batches.lastIndex(where: { $0 === place.batch }), let origin = origins[Int32(number)] else {
      return place
    }
    return ChangePlace(batch: origin.batch, index: origin.firstChange + place.index)
  }

  public func removeAll() {
    batches.removeAll(keepingCapacity: true)
    origins.removeAll(keepingCapacity: true)
    byteCount = 0
  }
}
