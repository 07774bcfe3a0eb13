import Change
import Foundation
import Pipeline

enum ReportFile {
  /// Refuses a place that a report cannot be written to, before a run has begun that would end without it.
  static func check(_ path: String) throws(Failure) {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard access(folder, W_OK | X_OK) == 0 else {
      throw Failure(
        .inputOutput, "the report's folder cannot be written to", at: folder,
        hint: "make it, or choose another --report", cause: String(cString: strerror(errno)))
    }
  }

  /// Writes the report and puts it in its place by rename, so that a reader never sees half of it.
  static func write(_ report: PipelineReport, to path: String) throws(Failure) {
    do {
      try report.json().write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw Failure(.inputOutput, "the report cannot be written", at: path, cause: error.localizedDescription)
    }
  }
}
