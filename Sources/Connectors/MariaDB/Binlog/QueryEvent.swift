internal import Change

/// A statement as it stands in a query event.
///
/// Source: mariadb.com/kb/en/query_event.
struct QueryEvent {
  /// The default database.
  var database: String
  var thread: UInt32
  var dialect = SQLTokenizer.Dialect()
  /// The number of the collation that the statement is written in; nil: the log does not say.
  var collation: Int?
  /// The number of the collation that a new database gets when its statement names none; nil: the log does not say.
  var serverCollation: Int?
  /// Where the statement begins in the body.
  var statement: Int

  init(_ body: UnsafeRawBufferPointer, isMariaDB: Bool) throws {
    var cursor = ByteCursor(body.bytes)
    thread = try cursor.uint32()
    _ = try cursor.uint32()
    let databaseBytes = Int(try cursor.uint8())
    _ = try cursor.uint16()
    let variableBytes = Int(try cursor.uint16())
    var variables = ByteCursor(try cursor.take(variableBytes))
    guard let database = String(validating: try cursor.take(databaseBytes)) else {
      throw Failure(.corruptLog, "a statement's database has a name that is no text")
    }
    self.database = database
    _ = try cursor.uint8()
    statement = cursor.offset
    dialect.isMariaDB = isMariaDB
    // Variables come in a fixed order and carry no length: the first one that is not known ends the reading.
    try? readVariables(&variables)
  }

  private mutating func readVariables(_ cursor: inout ByteCursor) throws(Truncated) {
    while !cursor.isAtEnd {
      switch try cursor.uint8() {
      case 0: _ = try cursor.uint32()
      case 1:
        let mode = try cursor.uint64()
        dialect.ansiQuotes = mode & 4 != 0
        dialect.backslashIsPlain = mode & 0x10_0000 != 0
      case 2: _ = try cursor.advance(Int(try cursor.uint8()) + 1)
      case 3: _ = try cursor.uint32()
      case 4:
        collation = Int(try cursor.uint16())
        _ = try cursor.uint16()
        serverCollation = Int(try cursor.uint16())
        return
      case 5, 6: _ = try cursor.advance(Int(try cursor.uint8()))
      default: return
      }
    }
  }

  /// The statement's text as UTF-8.
  func utf8(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    if UTF8Check.isValid(bytes) { return Array(bytes) }
    guard let charset = collation.flatMap(CharacterSet.init(collation:)) else { return Array(bytes) }
    var output: [UInt8] = []
    return TextConverter(charset).append(bytes, to: &output) ? output : Array(bytes)
  }
}
