import Change

extension BatchDraft {
  /// Lends the draft as a batch, for what reads batches. Nothing of it is copied.
  func lend<Result>(_ body: (Batch) throws(Failure) -> Result) throws(Failure) -> Result {
    let batch = finish()
    let result = try body(batch)
    begin(consume batch)
    return result
  }

  /// The changes of each schema for which `wanted` holds, as indexes in log order.
  func changes(bySchema lists: inout [[UInt32]], where wanted: (RowChange) -> Bool) {
    while lists.count < schemas.count { lists.append([]) }
    for index in lists.indices { lists[index].removeAll(keepingCapacity: true) }
    // The list of the schema that rows have now is held by itself: most rows have that of the row before.
    var list: [UInt32] = []
    var holder: Int?
    for (index, change) in changes.enumerated() where change.operation != .schema && wanted(change) {
      let schema = Int(change.schema)
      if schema != holder {
        if let holder { swap(&list, &lists[holder]) }
        swap(&list, &lists[schema])
        holder = schema
      }
      list.append(UInt32(index))
    }
    if let holder { swap(&list, &lists[holder]) }
  }
}
