/// Finds the name that somebody probably meant, and prints names that nobody vouches for.
public enum NearestName {
  /// ` (did you mean "threads"?)`; empty when nothing is near.
  public static func suggestion(for name: String, in names: [String]) -> String {
    nearest(to: name, in: names).map { " (did you mean \"\($0)\"?)" } ?? ""
  }

  /// The nearest of the names: at most one edit for three characters away; nil when none is.
  public static func nearest(to name: String, in names: [String]) -> String? {
    let written = Array(name.lowercased().prefix(64))
    let allowed = max(1, written.count / 3)
    let ranked = names.map { (name: $0, distance: distance(written, Array($0.lowercased()))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= allowed else { return nil }
    return best.name
  }

  /// `valid keys: a, b, c` when they are few enough to read; empty otherwise.
  public static func list(_ title: String, _ names: [String]) -> String {
    names.isEmpty || names.count > 16 ? "" : "\(title): \(names.joined(separator: ", "))"
  }

  /// A text from a file in quotes: shortened, control characters replaced, and `***` when it looks like a URL or
  /// a substitution, because in the wrong place they may hold a password.
  public static func quoted(_ text: String) -> String {
    if text.contains("://") || text.contains("${") { return "***" }
    let clean = text.unicodeScalars.prefix(40).map { scalar in
      scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
        ? "\u{fffd}" : scalar
    }
    var shown = String.UnicodeScalarView()
    shown.append(contentsOf: clean)
    return "\"\(String(shown))\(text.unicodeScalars.count > 40 ? "…" : "")\""
  }

  /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
  private static func distance(_ left: [Character], _ right: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
      var current = [row + 1]
      for column in 0..<right.count {
        let replace = last[column] + (left[row] == right[column] ? 0 : 1)
        var best = min(replace, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, beforeLast[column - 1] + 1)
        }
        current.append(best)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
