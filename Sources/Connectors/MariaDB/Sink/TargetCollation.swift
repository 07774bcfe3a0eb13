internal import Change

/// Finds the collation at the target for one of the source's: the same, the same under another name, or a replacement that
/// is named to the user. Rows are never merged by it: where it decides which values are equal, a replacement compares bytes.
struct TargetCollation {
  var charset: String
  /// nil: the character set's default.
  var collation: String?
  /// What to tell a person; nil when it is the source's own.
  var remark: String?

  static func choose(
    charset: String?, collation: String?, isKey: Bool, server: TargetServer, column: String
  ) throws(Failure) -> TargetCollation {
    guard let charset else {
      // Nobody said which values the source takes for equal: only equal bytes are.
      return TargetCollation(charset: "utf8mb4", collation: exact(server), remark: nil)
    }
    guard let collation else {
      let same = try spelling(of: charset, nil, server)
      guard let same else { throw missing(charset, column) }
      // The default of the source is not this server's for sure, and could keep keys apart that are one here.
      guard isKey else { return same }
      let bytes = same.charset == "utf8mb4" ? exact(server) : "\(same.charset)_bin"
      let isThere = try server.has(charset: same.charset, collation: bytes)
      return isThere ? TargetCollation(charset: same.charset, collation: bytes, remark: nil) : same
    }
    let full = fullName(collation, charset)
    if let same = try spelling(of: charset, full, server) { return same }
    guard let plain = try spelling(of: charset, nil, server) else { throw missing(charset, column) }
    guard plain.charset == "utf8mb4" else { throw missing(full, column) }
    let substitute = isKey ? exact(server) : try replacement(for: full, server)
    guard let substitute, try server.has(charset: "utf8mb4", collation: substitute) else {
      throw missing(full, column)
    }
    return TargetCollation(
      charset: "utf8mb4", collation: substitute,
      remark:
        "collation \"\(full)\" of column \"\(column)\" is not known to the target: \"\(substitute)\" stands for it")
  }

  /// MariaDB also writes its UCA 14 collations without their character set.
  private static func fullName(_ collation: String, _ charset: String) -> String {
    collation.hasPrefix("uca1400") ? "\(charset)_\(collation)" : collation
  }

  /// The same under the name that the server knows: `utf8` and `utf8mb3` are two names of one character set.
  private static func spelling(
    of charset: String, _ collation: String?, _ server: TargetServer
  ) throws(Failure) -> TargetCollation? {
    if try server.has(charset: charset, collation: collation) {
      return TargetCollation(charset: charset, collation: collation)
    }
    guard charset == "utf8mb3" || charset == "utf8" else { return nil }
    for name in ["utf8mb3", "utf8"] {
      let renamed = collation.map { old in
        ["utf8mb3_", "utf8_"].first(where: old.hasPrefix).map { "\(name)_\(old.dropFirst($0.count))" } ?? old
      }
      if try server.has(charset: name, collation: renamed) { return TargetCollation(charset: name, collation: renamed) }
    }
    return nil
  }

  /// Compares bytes, trailing blanks too.
  private static func exact(_ server: TargetServer) -> String {
    server.isMariaDB ? "utf8mb4_nopad_bin" : server.version >= 80_017 ? "utf8mb4_0900_bin" : "utf8mb4_bin"
  }

  /// The nearest in order and equality; both are versions of the Unicode Collation Algorithm.
  private static func replacement(for collation: String, _ server: TargetServer) throws(Failure) -> String? {
    let candidates: [String: [String]] = [
      "utf8mb4_0900_ai_ci": ["utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_unicode_520_nopad_ci"],
      "utf8mb4_0900_as_ci": ["utf8mb4_uca1400_nopad_as_ci"],
      "utf8mb4_0900_as_cs": ["utf8mb4_uca1400_nopad_as_cs"],
      "utf8mb4_0900_bin": ["utf8mb4_nopad_bin"],
      "utf8mb4_uca1400_ai_ci": ["utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_ci"],
      "utf8mb4_uca1400_nopad_ai_ci": ["utf8mb4_0900_ai_ci"],
      "utf8mb4_uca1400_as_ci": ["utf8mb4_0900_as_ci"],
      "utf8mb4_uca1400_as_cs": ["utf8mb4_0900_as_cs"],
      "utf8mb4_nopad_bin": ["utf8mb4_0900_bin"],
      "utf8mb4_unicode_520_nopad_ci": ["utf8mb4_0900_ai_ci"],
    ]
    for name in candidates[collation] ?? [] where try server.has(charset: "utf8mb4", collation: name) { return name }
    return nil
  }

  private static func missing(_ name: String, _ column: String) -> Failure {
    Failure(
      .targetShape, "the target does not know \"\(name)\", in which column \"\(column)\" is",
      hint: "create the table at the target by hand with a collation that keeps the same values apart")
  }
}

extension TargetCollation {
  /// Whether the collation takes no two different texts for one.
  static func isExact(_ collation: String) -> Bool {
    collation == "binary" || (comparesBytes(collation) && isNoPad(collation))
  }

  /// Whether the collation takes no two different texts for one, but for blanks at their end.
  private static func comparesBytes(_ collation: String) -> Bool {
    collation.hasSuffix("_bin") || collation == "binary"
  }

  /// Whether values that are different in one collation stay different in another.
  static func keepsApart(_ source: String?, in target: String?) -> Bool {
    guard let source, let target else { return true }
    if source == target || target == "binary" || rules(source) == rules(target) { return true }
    return isExact(target) || (comparesBytes(target) && !isNoPad(source))
  }

  /// A collation that does not take blanks at the end for nothing.
  private static func isNoPad(_ collation: String) -> Bool { collation.contains("nopad") || collation.contains("0900") }

  /// The collation without its character set: the rules alone.
  private static func rules(_ collation: String) -> Substring {
    for charset in ["utf8mb4_", "utf8mb3_", "utf8_"] where collation.hasPrefix(charset) {
      return collation.dropFirst(charset.count)
    }
    return collation[...]
  }
}
