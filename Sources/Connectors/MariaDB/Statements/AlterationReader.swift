internal import Change

/// Reads the comma-separated parts of an ALTER TABLE.
struct AlterationReader {
  var tokens: SQLTokens
  let database: String
  /// Whether rows that a new unique key has twice go without a word: ALTER IGNORE.
  private let dropsDuplicates: Bool
  private(set) var newName: TableName?

  init(tokens: SQLTokens, database: String, dropsDuplicates: Bool = false) {
    self.tokens = tokens
    self.database = database
    self.dropsDuplicates = dropsDuplicates
  }

  /// nil: one of the parts was not understood.
  mutating func read() -> [DataDefinition.Alteration]? {
    var alterations: [DataDefinition.Alteration] = []
    var isUnderstood = true
    while !tokens.isAtEnd {
      if let read = readOne() {
        alterations += read
      } else {
        isUnderstood = false
      }
      // A part that was not understood is passed over: a new name may still follow.
      while !tokens.isAtEnd, !tokens.isSign(",") {
        if tokens.isSign("("), tokens.skipParentheses() { continue }
        tokens.index += 1
      }
      _ = tokens.acceptSign(",")
    }
    if alterations.contains(where: \.changesRows) { return alterations }
    return isUnderstood ? alterations : nil
  }

  private mutating func readOne() -> [DataDefinition.Alteration]? {
    if tokens.accept("ADD") { return readAdd() }
    if tokens.accept("DROP") { return readDrop() }
    if tokens.accept("MODIFY") {
      _ = tokens.accept("COLUMN")
      _ = tokens.accept("IF", "EXISTS")
      guard let name = tokens.name() else { return nil }
      return readColumn(name) { column, place in .change(name, column, place) }
    }
    if tokens.accept("CHANGE") {
      _ = tokens.accept("COLUMN")
      _ = tokens.accept("IF", "EXISTS")
      guard let old = tokens.name(), let name = tokens.name() else { return nil }
      return readColumn(name) { column, place in .change(old, column, place) }
    }
    if tokens.accept("RENAME") { return readRename() }
    if tokens.accept("ALTER") { return readDefault() }
    return readMovedRows() ?? readOptions()
  }

  /// Parts that bring or take rows as files.
  private mutating func readMovedRows() -> [DataDefinition.Alteration]? {
    for verb in ["TRUNCATE", "EXCHANGE", "CONVERT"] where tokens.isWord(verb) && tokens.isWord("PARTITION", ahead: 1) {
      tokens.index += 2
      _ = tokens.name()
      _ = tokens.accept("WITH") || tokens.accept("TO")
      let other = tokens.accept("TABLE") ? tokens.tableName(database) : nil
      return [.changeRows(what: "\(verb) PARTITION", other: other)]
    }
    if tokens.accept("CONVERT", "TABLE") {
      return [.changeRows(what: "CONVERT TABLE", other: tokens.tableName(database))]
    }
    guard tokens.isWord("DISCARD") || tokens.isWord("IMPORT"), let verb = tokens.name() else { return nil }
    return [.changeRows(what: "\(verb.uppercased()) TABLESPACE", other: nil)]
  }

  /// What changes no schema: options of storage and of the statement itself.
  private mutating func readOptions() -> [DataDefinition.Alteration]? {
    let words: Set<String> = [
      "ENGINE", "COMMENT", "AUTO_INCREMENT", "ALGORITHM", "LOCK", "ROW_FORMAT", "FORCE", "DISABLE", "ENABLE",
      "KEY_BLOCK_SIZE", "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES", "CHECKSUM", "MAX_ROWS",
      "MIN_ROWS",
      "AVG_ROW_LENGTH", "PACK_KEYS", "DELAY_KEY_WRITE", "PAGE_COMPRESSED", "NOWAIT", "WAIT", "DEFAULT", "CHARACTER",
      "CHARSET", "COLLATE",
    ]
    guard let token = tokens.current, token.kind == .word, words.contains(token.text.uppercased()) else { return nil }
    // Several options may follow each other without commas.
    var list = tokens
    while !tokens.isAtEnd, !tokens.isSign(",") {
      if !tokens.skipParentheses() { tokens.index += 1 }
    }
    list = SQLTokens(tokens: Array(tokens.tokens[..<tokens.index]), bytes: tokens.bytes, index: list.index)
    let (charset, collation) = list.charsetOptions()
    if charset == nil, collation == nil { return [.nothing] }
    guard let name = charset.flatMap({ CharacterSet(named: $0)?.name }) else { return nil }
    return [.setCharset(name, collation: collation?.lowercased())]
  }

  private mutating func readAdd() -> [DataDefinition.Alteration]? {
    if let token = tokens.current, token.kind == .word {
      switch token.text.uppercased() {
      case "PRIMARY", "UNIQUE", "CONSTRAINT", "KEY", "INDEX", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK", "VECTOR":
        return readAddKey()
      case "PARTITION": return [.nothing]
      case "SYSTEM", "PERIOD": return nil
      default: break
      }
    }
    _ = tokens.accept("COLUMN")
    _ = tokens.accept("IF", "NOT", "EXISTS")
    guard tokens.acceptSign("(") else {
      guard let name = tokens.name() else { return nil }
      return readColumn(name) { column, place in .add(column, place ?? .last) }
    }
    var all: [DataDefinition.Alteration] = []
    repeat {
      guard let name = tokens.name(), let read = readColumn(name, { column, place in .add(column, place ?? .last) })
      else {
        return nil
      }
      all += read
    } while tokens.acceptSign(",")
    return tokens.acceptSign(")") ? all : nil
  }

  private mutating func readAddKey() -> [DataDefinition.Alteration]? {
    var constraint: String?
    if tokens.accept("CONSTRAINT"), !tokens.isWord("PRIMARY"), !tokens.isWord("UNIQUE"), !tokens.isWord("FOREIGN"),
      !tokens.isWord("CHECK")
    {
      constraint = tokens.name()
    }
    if tokens.accept("PRIMARY", "KEY") {
      var reader = TableDefinitionReader(tokens: tokens)
      let columns = reader.keyColumns()
      tokens = reader.tokens
      return columns.map { kept([.addPrimaryKey($0)]) }
    }
    // The server may make an index for a foreign key, of which the statement says nothing.
    if tokens.isWord("FOREIGN") { return [.forgetIndexes] }
    if tokens.isWord("CHECK") { return [.nothing] }
    var reader = IndexReader(tokens: tokens)
    let index = reader.read(constraint: constraint)
    tokens = reader.tokens
    return index?.kind == .unique ? kept([.addIndex(index)]) : [.addIndex(index)]
  }

  /// A new unique key.
  private func kept(_ alterations: [DataDefinition.Alteration]) -> [DataDefinition.Alteration] {
    dropsDuplicates ? [.changeRows(what: "IGNORE with a unique key", other: nil)] : alterations
  }

  private mutating func readDrop() -> [DataDefinition.Alteration]? {
    if tokens.accept("PRIMARY", "KEY") { return [.dropPrimaryKey] }
    if tokens.accept("FOREIGN", "KEY") || tokens.accept("CHECK") { return [.nothing] }
    if tokens.accept("PARTITION") { return [.changeRows(what: "DROP PARTITION", other: nil)] }
    if tokens.accept("INDEX") || tokens.accept("KEY") || tokens.accept("CONSTRAINT") {
      _ = tokens.accept("IF", "EXISTS")
      return tokens.name().map { [.dropIndex($0)] }
    }
    if tokens.isWord("SYSTEM") || tokens.isWord("PERIOD") { return nil }
    _ = tokens.accept("COLUMN")
    _ = tokens.accept("IF", "EXISTS")
    return tokens.name().map { [.drop($0)] }
  }

  private mutating func readRename() -> [DataDefinition.Alteration]? {
    if tokens.accept("COLUMN") {
      _ = tokens.accept("IF", "EXISTS")
      guard let old = tokens.name(), tokens.accept("TO"), let name = tokens.name() else { return nil }
      return [.rename(old, name)]
    }
    if tokens.accept("INDEX") || tokens.accept("KEY") {
      guard let old = tokens.name(), tokens.accept("TO"), let name = tokens.name() else { return nil }
      return [.renameIndex(old, name)]
    }
    _ = tokens.accept("TO") || tokens.accept("AS") || tokens.acceptSign("=")
    newName = tokens.tableName(database)
    return newName == nil ? nil : [.nothing]
  }

  private mutating func readDefault() -> [DataDefinition.Alteration]? {
    if tokens.accept("INDEX") || tokens.accept("KEY") { return [.nothing] }
    _ = tokens.accept("COLUMN")
    guard let name = tokens.name() else { return nil }
    if tokens.accept("DROP", "DEFAULT") { return [.setDefault(name, nil)] }
    guard tokens.accept("SET"), tokens.isWord("DEFAULT") else { return nil }
    // A default alone reads like a definition without a type.
    let bytes = tokens.bytes
    let rest = tokens.tokens[tokens.index...]
    let type = SQLToken(kind: .word, text: "int", range: 0..<0)
    var reader = ColumnDefinitionReader(tokens: SQLTokens(tokens: [type] + rest, bytes: bytes))
    return reader.read(name: name).map { [.setDefault(name, $0.defaultValue)] }
  }

  private mutating func readColumn(
    _ name: String, _ make: (TableHints.Column, DataDefinition.Alteration.Place?) -> DataDefinition.Alteration
  ) -> [DataDefinition.Alteration]? {
    var reader = ColumnDefinitionReader(tokens: tokens)
    guard let column = reader.read(name: name) else { return nil }
    tokens = reader.tokens
    var all = [make(column, reader.place)]
    if reader.isPrimary { all.append(.addPrimaryKey([name])) }
    if reader.isUnique {
      all.append(.addIndex(TableHints.Index(name: "", kind: .unique, parts: [.init(column: name)])))
    }
    return all
  }
}
