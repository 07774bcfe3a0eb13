import Change
import Foundation
import Pipeline

/// The value of `--until`: `now`, a time, or else a position that the source reads.
enum UntilText {
  private static let hint = "now, a time with its zone (2026-01-31T12:00:00Z), or a position of the source"

  /// - Throws: `.usage` when it looks like a time and is none.
  static func until(_ text: String?) throws(Failure) -> Until {
    guard let text else { return .never }
    if text == "now" { return .now }
    if text.isEmpty { throw Failure(.usage, "it is empty", at: "--until", hint: hint) }
    guard looksLikeTime(text) else {
      // A position has digits, whatever the source; a word such as `yesterday` has none.
      guard text.contains(where: \.isNumber) else {
        throw Failure(.usage, "\(NearestName.quoted(text)) is no place to end at", at: "--until", hint: hint)
      }
      return .position(text)
    }
    for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
      do {
        let seconds = try style.parse(text).timeIntervalSince1970
        return .time(EventTime(microseconds: Int64((seconds * 1_000_000).rounded())))
      } catch {
        // The other style may read it; when none does, that is told below.
        continue
      }
    }
    throw Failure(
      .usage, "the time is not understood", at: "--until", hint: "write it with its zone: 2026-01-31T12:00:00Z")
  }

  /// `2026-01-31T…`: no position begins like this.
  private static func looksLikeTime(_ text: String) -> Bool {
    text.wholeMatch(of: #/[0-9]{4}-[0-9]{2}-[0-9]{2}T.*/#) != nil
  }
}
