internal import Change

/// Reads one column's definition, from behind its name to the end of the element.
struct ColumnDefinitionReader {
  var tokens: SQLTokens
  var isPrimary = false
  var isUnique = false
  /// Set in an ALTER by FIRST and AFTER.
  var place: DataDefinition.Alteration.Place?
  private var column = TableHints.Column(name: "", nativeType: "")
  private var saysNullability = false

  init(tokens: SQLTokens) { self.tokens = tokens }

  /// nil: something was not understood.
  mutating func read(name: String) -> TableHints.Column? {
    column.name = name
    guard readType() else { return nil }
    while !tokens.isAtElementEnd {
      guard readAttribute() else { return nil }
    }
    if isPrimary { column.isNullable = false }
    // Whether a bare TIMESTAMP takes NULL is up to a variable of the server that the log does not tell.
    let base = NativeType(column.nativeType).base
    if base == "timestamp", !saysNullability { column.isNullable = nil }
    return column
  }

  private static let types: Set<String> = [
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit", "char", "varchar",
    "tinytext",
    "text", "mediumtext", "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "date",
    "time",
    "datetime", "timestamp", "year", "enum", "set", "json", "geometry", "point", "linestring", "polygon", "multipoint",
    "multilinestring", "multipolygon", "geometrycollection", "uuid", "inet4", "inet6", "serial", "vector",
  ]

  private mutating func readType() -> Bool {
    guard let first = tokens.current, first.kind == .word else { return false }
    tokens.index += 1
    var text = first.text.lowercased()
    if ["double", "character", "national", "long"].contains(text), let next = tokens.current, next.kind == .word,
      ["PRECISION", "VARYING", "VARCHAR", "CHAR", "CHARACTER", "VARBINARY"].contains(next.text.uppercased()),
      !tokens.isWord("SET", ahead: 1)
    {
      text += " " + next.text.lowercased()
      tokens.index += 1
    }
    if tokens.isSign("(") {
      guard let arguments = readArguments() else { return false }
      text += arguments
    }
    while true {
      if tokens.accept("UNSIGNED") {
        text += " unsigned"
      } else if tokens.accept("ZEROFILL") {
        text += " zerofill"
      } else if !tokens.accept("SIGNED") {
        break
      }
    }
    if text == "serial" {
      text = "bigint(20) unsigned"
      isUnique = true
      column.isNullable = false
      column.isAutoIncrement = true
    }
    column.nativeType = text
    return ColumnDefinitionReader.types.contains(NativeType(text).base)
  }

  /// The arguments as the server prints them: without blanks, members between single quotes.
  private mutating func readArguments() -> String? {
    tokens.index += 1
    var text = "("
    while let token = tokens.current {
      tokens.index += 1
      switch token.kind {
      case .string:
        text += "'" + token.text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
      case .number: text += token.text
      case .sign where token.text == ",": text += ","
      case .sign where token.text == ")": return text + ")"
      default: return nil
      }
    }
    return nil
  }

  private mutating func readAttribute() -> Bool {
    if tokens.accept("NOT", "NULL") {
      saysNullability = true
      column.isNullable = false
      return true
    }
    if tokens.accept("NULL") {
      saysNullability = true
      column.isNullable = true
      return true
    }
    if tokens.accept("DEFAULT") { return readDefault() }
    if tokens.accept("ON", "UPDATE") { return skipExpression() }
    if tokens.accept("AUTO_INCREMENT") {
      column.isNullable = false
      column.isAutoIncrement = true
      return true
    }
    if tokens.accept("PRIMARY", "KEY") || tokens.accept("PRIMARY") || tokens.accept("KEY") {
      isPrimary = true
      return true
    }
    if tokens.accept("UNIQUE", "KEY") || tokens.accept("UNIQUE") {
      isUnique = true
      return true
    }
    if tokens.accept("CHARACTER", "SET") || tokens.accept("CHARSET") { return readCharset() }
    if tokens.accept("COLLATE") { return readCollation() }
    if tokens.accept("COMMENT") { return tokens.string() != nil }
    if tokens.accept("GENERATED", "ALWAYS", "AS") || tokens.accept("AS") { return readGeneration() }
    return readRareAttribute()
  }

  private mutating func readRareAttribute() -> Bool {
    if tokens.accept("INVISIBLE") {
      column.isInvisible = true
      return true
    }
    if tokens.accept("VISIBLE") { return true }
    if tokens.accept("FIRST") {
      place = .first
      return true
    }
    if tokens.accept("AFTER") {
      guard let name = tokens.name() else { return false }
      place = .after(name)
      return true
    }
    if tokens.accept("CHECK") || tokens.accept("REF_SYSTEM_ID") {
      _ = tokens.acceptSign("=")
      return tokens.skipParentheses()
    }
    if tokens.accept("CONSTRAINT") {
      if !tokens.isWord("CHECK") { _ = tokens.name() }
      return tokens.isWord("CHECK")
    }
    if tokens.accept("REFERENCES") {
      while !tokens.isAtElementEnd, !tokens.isSign("(") { tokens.index += 1 }
      guard tokens.skipParentheses() else { return false }
      while tokens.accept("ON", "DELETE") || tokens.accept("ON", "UPDATE") || tokens.accept("MATCH") {
        if tokens.accept("SET", "NULL") || tokens.accept("NO", "ACTION") || tokens.accept("SET", "DEFAULT") { continue }
        tokens.index += 1
      }
      return true
    }
    if tokens.accept("COLUMN_FORMAT") || tokens.accept("STORAGE") || tokens.accept("SRID") {
      tokens.index += 1
      return true
    }
    return false
  }

  private mutating func readCharset() -> Bool {
    _ = tokens.acceptSign("=")
    guard let name = tokens.name() ?? tokens.string() else { return false }
    column.charset = name.lowercased()
    return true
  }

  private mutating func readCollation() -> Bool {
    _ = tokens.acceptSign("=")
    guard let name = tokens.name() ?? tokens.string() else { return false }
    column.collation = name.lowercased()
    if column.charset == nil, !name.lowercased().hasPrefix("uca1400") {
      column.charset = name.split(separator: "_").first.map { $0.lowercased() }
    }
    return true
  }

  private mutating func readDefault() -> Bool {
    let start = tokens.index
    if tokens.accept("NULL") { return true }
    if let text = tokens.string() {
      column.defaultValue = .literal(text)
      return true
    }
    let sign = tokens.acceptSign("-") ? "-" : tokens.acceptSign("+") ? "" : ""
    if let token = tokens.current, token.kind == .number {
      tokens.index += 1
      column.defaultValue = .literal(sign + token.text)
      return true
    }
    if tokens.accept("TRUE") {
      column.defaultValue = .literal("1")
      return true
    }
    if tokens.accept("FALSE") {
      column.defaultValue = .literal("0")
      return true
    }
    guard skipExpression() else { return false }
    column.defaultValue = .expression(tokens.text(from: start))
    return true
  }

  /// `(…)`, `name(…)`, `name`, `b'…'`.
  private mutating func skipExpression() -> Bool {
    if tokens.isSign("(") { return tokens.skipParentheses() }
    guard tokens.name() != nil else { return false }
    if tokens.current?.kind == .string { tokens.index += 1 }
    return tokens.isSign("(") ? tokens.skipParentheses() : true
  }

  private mutating func readGeneration() -> Bool {
    if tokens.isWord("ROW") { return false }
    let start = tokens.index
    guard tokens.skipParentheses() else { return false }
    column.generationExpression = String(tokens.text(from: start).dropFirst().dropLast())
    column.generation = .virtual
    if tokens.accept("STORED") || tokens.accept("PERSISTENT") {
      column.generation = .stored
    } else {
      _ = tokens.accept("VIRTUAL")
    }
    return true
  }
}
