import Change

/// A row image; what it does not hold stands in another image of the same change, if anywhere.
struct RowImages: BitwiseCopyable {
  let first: Int
  /// The same as `first` where there is no other image.
  let other: Int

  @inline(__always)
  func cell(_ index: Int, _ cells: Span<Cell>) -> Cell {
    let cell = cells[first + index]
    return cell.isKnown ? cell : cells[other + index]
  }
}
