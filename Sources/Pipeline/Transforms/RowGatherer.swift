import Change

/// What is done with the rows of one schema.
struct Projection {
  let target: TableSchema
  /// The columns of the result, as indexes of the row's cells.
  let sources: [Int]
  /// The columns are a run of the row's cells, from this one: the cells stay where they are.
  let run: Int?

  init(_ schema: TableSchema, _ columns: [(index: Int, name: String)]) {
    self.init(to: schema.projected(columns), from: columns.map(\.index))
  }

  /// - Parameter sources: where each column of `target` comes from.
  init(to target: TableSchema, from sources: [Int]) {
    self.target = target
    self.sources = sources
    let first = sources.first ?? 0
    run = zip(sources, first...).allSatisfy { $0 == $1 } ? first : nil
  }
}

/// Copies the cells of chosen columns together.
final class RowGatherer {
  /// The cells of a batch before this one, to be written over.
  private var spare: [Cell] = []

  /// Writes the cells that stay, row by row, into the buffer of a batch before, which then belongs to this one.
  func gather(_ draft: BatchDraft, _ projections: [Projection?], widths: [Int]) {
    // Most rows get no longer, so they fit; the cells that are there are all written over.
    spare.reserve(draft.cells.count)
    var end = 0
    for index in draft.changes.indices where draft.changes[index].operation != .schema {
      let number = Int(draft.changes[index].schema)
      let before = draft.changes[index].before
      let after = draft.changes[index].after
      if before != RowChange.noCells {
        draft.changes[index].before = UInt32(end)
        end = copy(draft, Int(before), projections[number], widths[number], to: end)
      }
      if after != RowChange.noCells {
        draft.changes[index].after = UInt32(end)
        end = copy(draft, Int(after), projections[number], widths[number], to: end)
      }
    }
    spare.removeSubrange(end...)
    swap(&spare, &draft.cells)
  }

  @inline(__always)
  private func copy(_ draft: BatchDraft, _ first: Int, _ projection: Projection?, _ width: Int, to end: Int) -> Int {
    // Only where two images share their cells, or a column is there twice.
    let length = max(width, projection?.sources.count ?? 0)
    if end + length > spare.count { spare.reserve(2 * (end + length)) }
    if let projection, projection.run == nil {
      for (offset, source) in projection.sources.enumerated() { spare[end + offset] = draft.cells[first + source] }
      return end + projection.sources.count
    }
    let start = first + (projection?.run ?? 0)
    let count = projection?.sources.count ?? width
    for offset in 0..<count { spare[end + offset] = draft.cells[start + offset] }
    return end + count
  }
}

extension [Cell] {
  /// Makes the buffer at least so long; what it holds does not matter.
  mutating func reserve(_ length: Int) {
    if count < length { append(contentsOf: repeatElement(.null, count: length - count)) }
  }
}
