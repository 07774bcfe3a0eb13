/// How a pipeline's memory limit is divided, in bytes. What is left is for the program itself and its libraries.
struct MemoryShares {
  /// A quarter for the sources, half for the sinks with their channels; windows take theirs from both.
  let source: Int
  let sink: Int
  let channel: Int
  /// The channel in front of the transforms: a few batches, which the processor's caches still hold when they are
  /// changed, and whose memory goes round. More would only let the source run ahead: what waits for a sink waits behind
  /// the transforms.
  let transforms: Int
  /// The channel between one of several sources and their order, which holds as much again outside of it.
  let lane: Int
  /// What is more lies in files, so small limits leave it less: the program itself takes 40 MiB.
  let windows: Int

  init(limit: Int, sources: Int, sinks: Int, hasTransforms: Bool, hasWindows: Bool) {
    source = limit / (hasWindows ? 8 : 4) / sources
    lane = max(1 << 20, min(8 << 20, limit / 16 / sources))
    // The channels in front of the transforms and windows take their part from those of the sinks.
    let parts = (sources > 1 || hasWindows ? 8 : 6) * (sinks + (hasTransforms ? 1 : 0) + (hasWindows ? 1 : 0))
    channel = max(1 << 20, min(48 << 20, limit / parts))
    transforms = min(4 << 20, channel)
    sink = max(4 << 20, limit * (hasWindows ? 1 : 3) / 8 / sinks)
    windows = hasWindows ? max(8 << 20, min(limit * 3 / 8, (limit - (64 << 20)) / 2)) : 0
  }
}
