import Change
import Foundation
import Pipeline

enum ReportFile {
  /// Writes the report and puts it in its place by rename, so that a reader never sees half of it.
  static func write(_ report: PipelineReport, to path: String) throws(Failure) {
    do {
      try report.json().write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw Failure(.inputOutput, "the report cannot be written", at: path, cause: error.localizedDescription)
    }
  }
}
