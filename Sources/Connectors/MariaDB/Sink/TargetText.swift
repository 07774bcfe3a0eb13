internal import Change
internal import SQLRendering

/// Names and constants for sessions that have `NO_BACKSLASH_ESCAPES`.
enum TargetText {
  static func name(_ name: String) throws(Failure) -> String { try SQLDialect.mariadb.quoted(name) }

  static func name(_ name: TableName) throws(Failure) -> String {
    "\(try TargetText.name(name.namespace)).\(try TargetText.name(name.table))"
  }

  /// A text between single quotes, also where no expression may stand.
  static func literal(_ text: String) -> String {
    var result = "'"
    // By scalar: a combining mark behind a quote makes both one character.
    for scalar in text.unicodeScalars {
      if scalar == "'" { result.unicodeScalars.append(scalar) }
      result.unicodeScalars.append(scalar)
    }
    result.unicodeScalars.append("'")
    return result
  }
}
