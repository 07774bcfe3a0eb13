import ArgumentParser
import Flow
import Foundation
import Logging
import Pipeline
import PipelineConfiguration

enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

/// Writes each log event as one line to standard error, as text or as a JSON object, with secrets as `***`.
struct LineLogHandler: LogHandler {
  let format: LogFormat
  let redaction: Redaction
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel: Logger.Level = .info

  init(_ format: LogFormat, redaction: Redaction) {
    self.format = format
    self.redaction = redaction
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var all = metadata
    if let metadataProvider { all.merge(metadataProvider.get()) { $1 } }
    all.merge(event.metadata ?? [:]) { $1 }
    if let error = event.error { all["error"] = "\(error)" }
    let values = all.mapValues { redaction("\($0)") }
    StandardError.shared.print(line(event.level, redaction("\(event.message)"), values))
  }

  private func line(_ level: Logger.Level, _ message: String, _ values: [String: String]) -> String {
    let time = Date(timeIntervalSince1970: Double(WallClock.microseconds()) / 1_000_000)
      .formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
    switch format {
    case .json:
      var members = values.mapValues(JSONValue.string)
      members["ts"] = .string(time)
      members["level"] = .string(level.rawValue)
      members["message"] = .string(message)
      return JSONValue.object(members).text(isPretty: false)
    case .text:
      let pairs = values.sorted { $0.key < $1.key }.map { " \($0.key)=\(LineLogHandler.word($0.value))" }.joined()
      return "\(time) \(level.rawValue.padding(toLength: 7, withPad: " ", startingAt: 0)) "
        + LineLogHandler.oneLine(message) + pairs
    }
  }

  private static func word(_ text: String) -> String {
    let line = oneLine(text)
    return line.contains(" ") || line.contains("\"") || line.isEmpty
      ? "\"\(line.replacing("\"", with: "\\\""))\"" : line
  }

  /// What comes from outside cannot begin a log line of its own.
  private static func oneLine(_ text: String) -> String { TextTable.printable(text.replacing("\n", with: " ")) }
}

extension Logger {
  static func freshet(_ format: LogFormat, redaction: Redaction, pipeline: String) -> Logger {
    var logger = Logger(label: "freshet") { _ in LineLogHandler(format, redaction: redaction) }
    logger[metadataKey: "pipeline"] = "\(pipeline)"
    return logger
  }
}
