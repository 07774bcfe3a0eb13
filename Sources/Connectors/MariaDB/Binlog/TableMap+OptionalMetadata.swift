internal import Change

extension TableMap {
  /// The blocks behind the nullability of the columns.
  private enum Block: UInt8 {
    case signedness = 1
    case defaultCharset = 2
    case columnCharset = 3
    case columnName = 4
    case setMembers = 5
    case enumMembers = 6
    case geometryType = 7
    case simplePrimaryKey = 8
    case primaryKeyWithPrefix = 9
    case enumAndSetDefaultCharset = 10
    case enumAndSetColumnCharset = 11
    case columnVisibility = 12
    case vectorDimensionality = 13
  }

  /// Reads type, length and value until the event ends; a block that is not known describes, it holds no data.
  mutating func readOptionalMetadata(_ cursor: inout ByteCursor) throws {
    while !cursor.isAtEnd {
      let type = try cursor.uint8()
      let length = try cursor.lengthEncoded()
      var block = ByteCursor(try cursor.take(Int(clamping: length)))
      try read(Block(rawValue: type), &block)
    }
  }

  private mutating func read(_ type: Block?, _ block: inout ByteCursor) throws {
    switch type {
    case .signedness: try readSignedness(&block)
    case .defaultCharset: try readDefaultCharset(&block) { $0.isCharacter }
    case .columnCharset: try readColumnCharset(&block) { $0.isCharacter }
    case .enumAndSetDefaultCharset: try readDefaultCharset(&block) { $0 == .enumeration || $0 == .set }
    case .enumAndSetColumnCharset: try readColumnCharset(&block) { $0 == .enumeration || $0 == .set }
    case .columnName: try readNames(&block)
    case .setMembers: try readMembers(&block, of: .set)
    case .enumMembers: try readMembers(&block, of: .enumeration)
    case .geometryType:
      for index in columns.indices where columns[index].type == .geometry && !block.isAtEnd {
        columns[index].geometry = Int(clamping: try block.lengthEncoded())
      }
    case .simplePrimaryKey: try readKey(&block, withPrefixes: false)
    case .primaryKeyWithPrefix: try readKey(&block, withPrefixes: true)
    case .columnVisibility: try readVisibility(&block)
    case .vectorDimensionality, nil: break
    }
  }

  private mutating func readSignedness(_ block: inout ByteCursor) throws {
    var bit = 8
    var byte: UInt8 = 0
    for index in columns.indices where columns[index].type.isNumeric {
      if bit == 8 {
        // A writer that leaves YEAR out has fewer bits; the missing ones belong to the last columns.
        if block.isAtEnd { return }
        byte = try block.uint8()
        bit = 0
      }
      columns[index].isUnsigned = byte >> UInt8(7 - bit) & 1 == 1
      bit += 1
    }
  }

  private mutating func readDefaultCharset(_ block: inout ByteCursor, of isMember: (WireType) -> Bool) throws {
    let common = Int(clamping: try block.lengthEncoded())
    let indexes = columns.indices.filter { isMember(columns[$0].type) }
    for index in indexes { columns[index].collation = common }
    while !block.isAtEnd {
      let place = Int(clamping: try block.lengthEncoded())
      let collation = Int(clamping: try block.lengthEncoded())
      guard indexes.indices.contains(place) else { throw misplaced("charset", place) }
      columns[indexes[place]].collation = collation
    }
  }

  private mutating func readColumnCharset(_ block: inout ByteCursor, of isMember: (WireType) -> Bool) throws {
    for index in columns.indices where isMember(columns[index].type) {
      if block.isAtEnd { return }
      columns[index].collation = Int(clamping: try block.lengthEncoded())
    }
  }

  private mutating func readNames(_ block: inout ByteCursor) throws {
    for index in columns.indices {
      let length = Int(clamping: try block.lengthEncoded())
      let bytes = try block.take(length)
      guard let text = String(validating: bytes) else {
        throw Failure(.corruptLog, "column \(index + 1) of \"\(name)\" has a name that is no UTF-8")
      }
      columns[index].name = text
    }
  }

  private mutating func readMembers(_ block: inout ByteCursor, of type: WireType) throws {
    for index in columns.indices where columns[index].type == type && !block.isAtEnd {
      let count = try block.lengthEncoded()
      guard count <= 65_535 else { throw misplaced("member count", Int(clamping: count)) }
      var members: [[UInt8]] = []
      for _ in 0..<Int(count) {
        let length = Int(clamping: try block.lengthEncoded())
        members.append(Array(copying: try block.take(length)))
      }
      columns[index].members = members
    }
  }

  private mutating func readKey(_ block: inout ByteCursor, withPrefixes: Bool) throws {
    var indexes: [Int] = []
    while !block.isAtEnd {
      let index = Int(clamping: try block.lengthEncoded())
      if withPrefixes { _ = try block.lengthEncoded() }
      guard columns.indices.contains(index) else { throw misplaced("key column", index) }
      indexes.append(index)
    }
    key = indexes
  }

  private mutating func readVisibility(_ block: inout ByteCursor) throws {
    for index in columns.indices {
      guard index / 8 < block.bytes.byteCount else { return }
      let byte = block.bytes.unsafeLoad(fromByteOffset: index / 8, as: UInt8.self)
      columns[index].isInvisible = byte >> UInt8(7 - index % 8) & 1 == 0
    }
  }

  private func misplaced(_ what: String, _ number: Int) -> Failure {
    Failure(.corruptLog, "the table map of \"\(name)\" has \(what) \(number), which its columns do not allow")
  }
}

extension [UInt8] {
  /// The bytes of a span, copied.
  init(copying bytes: RawSpan) {
    self = bytes.withUnsafeBytes { Array($0) }
  }
}
