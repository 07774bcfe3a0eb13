/// How a pipeline's memory limit is divided, in bytes. What is left is for the program itself and its libraries.
struct MemoryShares {
  /// A quarter for the sources, half for the sinks with their channels.
  let source: Int
  let sink: Int
  let channel: Int
  /// The channel between one of several sources and their order, which holds as much again outside of it.
  let lane: Int

  init(limit: Int, sources: Int, sinks: Int, hasTransforms: Bool) {
    source = limit / 4 / sources
    lane = max(1 << 20, min(8 << 20, limit / 16 / sources))
    // The channel in front of the transforms takes its part from those of the sinks.
    let parts = (sources > 1 ? 8 : 6) * (hasTransforms ? sinks + 1 : sinks)
    channel = max(1 << 20, min(48 << 20, limit / parts))
    sink = max(4 << 20, limit * 3 / 8 / sinks)
  }
}
