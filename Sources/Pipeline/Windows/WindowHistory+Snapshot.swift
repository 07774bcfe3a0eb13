import Change

extension WindowHistory {
  /// Refuses to go on inside a snapshot from a place that is not the sinks'.
  ///
  /// A snapshot that goes on reads again what the state lacks, at another time and in another order: its results could not
  /// be told apart from those that the sinks have.
  static func refuseOtherPlaceInSnapshot(
    _ generation: WindowStore.Generation?, _ checkpoints: [Position], _ coverage: WindowCoverage
  ) throws(Failure) {
    guard let generation else { return }
    for checkpoint in checkpoints {
      let log = WindowPosition(checkpoint).log
      guard try VectorPosition(log) == nil, log.token != generation.log?.token,
        try !coverage.covers(LogMark(), isSnapshot: true, in: log)
      else { continue }
      throw Failure(
        .corruptState,
        "the pipeline was ended inside a snapshot, and the state of the windows is of another place in it",
        at: checkpoint.text,
        hint: "begin anew: remove windows.state from the state directory, and the tables and checkpoints of the sinks")
    }
  }
}
