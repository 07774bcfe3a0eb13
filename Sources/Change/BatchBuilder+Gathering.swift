extension BatchBuilder {
  /// Copies whole parts of a batch behind what was collected, for a reader that makes one batch of several.
  ///
  /// *Cost*: the cells and the log's bytes that the parts use are copied in one piece each; each cell and change is looked
  /// at twice. The builder must have no transaction open and belong to nobody who opens one.
  /// - Parameter relabel: what is to be said of each part, before it is placed.
  /// - Precondition: `hasRoom(for:)`.
  public func append(
    _ parts: Range<Int>, of batch: Batch, relabel: (inout TransactionPart) -> Void
  ) {
    precondition(open == nil, "gathered parts are whole")
    guard let first = parts.first, let last = parts.last else { return }
    let range = batch.transactions[first].range.lowerBound..<batch.transactions[last].range.upperBound
    let base = Int32(changes.count) - Int32(range.lowerBound)
    if !range.isEmpty { appendChanges(range, of: batch) }
    for index in parts {
      var part = batch.transactions[index]
      let identifier = arena.count
      arena.append(part.identifier.range, of: batch.arena)
      part.identifier = Range32(offset: identifier, length: arena.count - identifier)
      part.first += base
      relabel(&part)
      transactions.append(part)
    }
  }

  /// Whether the schemas of another batch still fit behind those that were collected.
  public func hasRoom(for batch: Batch) -> Bool { schemas.count + batch.schemas.count < Int(UInt16.max) }

  private func appendChanges(_ range: Range<Int>, of batch: Batch) {
    let run = BatchBuilder.cells(of: range, in: batch)
    let delta = UInt32(truncatingIfNeeded: cells.count - run.lowerBound)
    if !run.isEmpty { appendCells(run, of: batch) }
    let first = changes.count
    changes.append(range, of: batch.changes)
    // Runs of changes of one schema are the rule: it is looked up when another one comes.
    var known: (source: UInt16, index: UInt16)?
    changes.withUnsafeMutableBufferPointer { changes in
      for position in first..<changes.count {
        var change = unsafe changes[position]
        if change.operation == .schema {
          schemaChanges.append(batch.schemaChanges[Int(change.row)])
          change.row = UInt32(schemaChanges.count - 1)
        } else {
          if known?.source != change.schema {
            known = (change.schema, index(of: batch.schemas[Int(change.schema)]))
          }
          change.schema = known?.index ?? 0
          if change.hasBefore { change.before &+= delta }
          if change.hasAfter { change.after &+= delta }
        }
        unsafe changes[position] = change
      }
    }
  }

  /// The smallest range that holds the cells of all changes.
  private static func cells(of range: Range<Int>, in batch: Batch) -> Range<Int> {
    var (low, high) = (UInt32.max, UInt32(0))
    var known: (schema: UInt16, width: UInt32)?
    batch.changes.withUnsafeBufferPointer { changes in
      for position in range {
        let change = unsafe changes[position]
        if change.operation == .schema { continue }
        if known?.schema != change.schema {
          known = (change.schema, UInt32(batch.schemas[Int(change.schema)].columns.count))
        }
        let width = known?.width ?? 0
        if change.hasBefore {
          low = min(low, change.before)
          high = max(high, change.before + width)
        }
        if change.hasAfter {
          low = min(low, change.after)
          high = max(high, change.after + width)
        }
      }
    }
    return low < high ? Int(low)..<Int(high) : 0..<0
  }

  /// Copies a run of cells with the bytes that they stand for.
  private func appendCells(_ run: Range<Int>, of batch: Batch) {
    var (low, high, used, slices) = (Int.max, 0, 0, 0)
    batch.cells.withUnsafeBufferPointer { cells in
      for index in run {
        let cell = unsafe cells[index]
        guard cell.isSlice else { continue }
        slices += 1
        guard cell.length > 0 else { continue }
        low = min(low, cell.offset)
        high = max(high, cell.offset + cell.length)
        used += cell.length
      }
    }
    let first = cells.count
    cells.append(run, of: batch.cells)
    guard slices > 0 else { return }
    // Where the bytes lie far apart, what is between them is not worth its memory.
    let span = max(0, high - low)
    if span > 4096, span / 16 > used { return copyBytes(ofCellsFrom: first, of: batch) }
    let moved = arena.count - low
    if span > 0 { arena.append(low..<high, of: batch.arena) }
    cells.withUnsafeMutableBufferPointer { cells in
      for index in first..<cells.count where unsafe cells[index].isSlice { unsafe cells[index].moveSlice(by: moved) }
    }
  }

  private func copyBytes(ofCellsFrom first: Int, of batch: Batch) {
    for index in first..<cells.count where cells[index].isSlice {
      let cell = cells[index]
      let offset = arena.count
      arena.append(cell.range, of: batch.arena)
      cells[index] = .slice(cell.tag, offset: offset, length: cell.length, scale: cell.scale)
    }
  }
}

extension Cell {
  /// The same slice of an arena in which its bytes lie so much further behind.
  fileprivate mutating func moveSlice(by distance: Int) {
    // The offset is the lower half, and neither before nor behind it goes beyond that. A slice of nothing begins at 0.
    payload = length > 0 ? payload &+ UInt64(bitPattern: Int64(distance)) : 0
  }
}

extension Array where Element: BitwiseCopyable {
  /// Appends a part of another array in one step.
  fileprivate mutating func append(_ range: Range<Int>, of other: [Element]) {
    other.withUnsafeBufferPointer { unsafe append(contentsOf: UnsafeBufferPointer(rebasing: $0[range])) }
  }
}
