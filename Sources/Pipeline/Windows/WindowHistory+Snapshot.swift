import Change

extension WindowHistory {
  /// Refuses to go on inside a snapshot from a place that is not the sinks'.
  ///
  /// A snapshot that goes on reads again what one of them lacks, at another time and in another order; what the state then
  /// leaves out is not proved to be what it has.
  static func refuseOtherPlaceInSnapshot(
    _ generation: WindowStore.Generation?, _ checkpoints: [Position], _ coverage: WindowCoverage
  ) throws(Failure) {
    guard let log = generation?.log else { return }
    for checkpoint in checkpoints {
      let place = WindowPosition(checkpoint).log
      guard place.token != log.token else { continue }
      let (isMine, isState) = (try coverage.isInsideSnapshot(place), try coverage.isInsideSnapshot(log))
      guard isMine || isState else { continue }
      throw Failure(
        .corruptState,
        "the pipeline was ended inside a snapshot, and the state of the windows is of another place in it",
        at: checkpoint.text,
        hint: "begin anew: remove windows.state from the state directory, and the tables and checkpoints of the sinks")
    }
  }
}
