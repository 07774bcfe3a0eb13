internal import Change

/// Reads columns and keys between the parentheses of a CREATE TABLE.
struct TableDefinitionReader {
  var tokens: SQLTokens
  private var definition = TableHints(columns: [], indexes: [])

  init(tokens: SQLTokens) { self.tokens = tokens }

  /// nil: something was not understood.
  mutating func read() -> TableHints? {
    guard tokens.acceptSign("(") else { return nil }
    repeat {
      guard readElement() else { return nil }
    } while tokens.acceptSign(",")
    guard tokens.acceptSign(")"), !definition.columns.isEmpty, readOptions() else { return nil }
    for name in definition.primaryKey {
      guard let index = definition.index(of: name) else { return nil }
      definition.columns[index].isNullable = false
    }
    return definition
  }

  private mutating func readElement() -> Bool {
    if tokens.current?.kind == .word {
      switch tokens.current?.text.uppercased() {
      case "PRIMARY", "UNIQUE", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "CONSTRAINT", "FOREIGN", "CHECK", "VECTOR":
        return readKey()
      case "PERIOD": return false
      default: break
      }
    }
    guard let name = tokens.name() else { return false }
    var reader = ColumnDefinitionReader(tokens: tokens)
    guard let column = reader.read(name: name) else { return false }
    tokens = reader.tokens
    if reader.isPrimary { definition.primaryKey = [name] }
    definition.columns.append(column)
    if reader.isUnique { definition.add(TableHints.Index(name: "", kind: .unique, parts: [.init(column: name)])) }
    return true
  }

  private mutating func readKey() -> Bool {
    var constraint: String?
    if tokens.accept("CONSTRAINT"), !tokens.isWord("PRIMARY"), !tokens.isWord("UNIQUE"), !tokens.isWord("FOREIGN"),
      !tokens.isWord("CHECK")
    {
      constraint = tokens.name()
    }
    if tokens.accept("PRIMARY", "KEY") {
      guard let columns = keyColumns() else { return false }
      definition.primaryKey = columns
      return skipElement()
    }
    // An index that the server makes for a foreign key is not in the statement.
    if tokens.isWord("FOREIGN") { definition.indexes = nil }
    if tokens.isWord("FOREIGN") || tokens.isWord("CHECK") { return skipElement() }
    var reader = IndexReader(tokens: tokens)
    // One over an expression names no columns; it identifies no rows, either.
    definition.add(reader.read(constraint: constraint))
    tokens = reader.tokens
    return skipElement()
  }

  /// Steps to the end of the element.
  mutating func skipElement() -> Bool {
    while !tokens.isAtElementEnd {
      if tokens.isSign("(") {
        guard tokens.skipParentheses() else { return false }
      } else {
        tokens.index += 1
      }
    }
    return true
  }

  /// The names between the next parentheses, before which a name and a type may stand.
  mutating func keyColumns() -> [String]? {
    while !tokens.isAtElementEnd, !tokens.isSign("(") { tokens.index += 1 }
    let end = tokens.index
    guard tokens.acceptSign("(") else { return nil }
    var names: [String] = []
    repeat {
      guard tokens.current?.kind != .sign, let name = tokens.name() else {
        tokens.index = end
        _ = tokens.skipParentheses()
        return nil
      }
      names.append(name)
      if tokens.isSign("("), !tokens.skipParentheses() { return nil }
      _ = tokens.accept("ASC") || tokens.accept("DESC")
    } while tokens.acceptSign(",")
    return tokens.acceptSign(")") ? names : nil
  }

  /// What follows the parentheses: a default charset, or something that adds columns which were not seen.
  private mutating func readOptions() -> Bool {
    var options = tokens
    while !tokens.isAtEnd {
      if tokens.isWord("SELECT") || tokens.isWord("AS") || tokens.isWord("IGNORE") || tokens.isWord("REPLACE")
        || tokens.isWord("SYSTEM")
      {
        return false
      }
      tokens.index += 1
    }
    let (charset, collation) = options.charsetOptions()
    definition.charset = charset
    definition.collation = collation?.lowercased()
    applyDefault(charset: charset, collation: collation)
    return true
  }

  private mutating func applyDefault(charset: String?, collation: String?) {
    guard let charset else { return }
    for index in definition.columns.indices where definition.columns[index].charset == nil {
      switch NativeType(definition.columns[index].nativeType).base {
      case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set":
        definition.columns[index].charset = charset
        definition.columns[index].collation = collation
      default: break
      }
    }
  }
}
