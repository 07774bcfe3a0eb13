import Change
import MessageDigest

/// A masked column of one schema.
struct MaskedColumn: Sendable, BitwiseCopyable {
  let index: Int
  let action: MaskAction

  /// The type of the masked values.
  /// - Parameter place: of the column's name in the file.
  /// - Throws: `.configuration` for a key that would no longer tell rows apart, and for a type that the action does not suit.
  func type(in schema: TableSchema, at place: String) throws(Failure) -> ColumnType {
    let column = schema.columns[index]
    let named = "column \"\(column.name)\" of table \"\(schema.name)\""
    guard action == .hash || !schema.key.contains(index) else {
      throw Failure(
        .configuration, "`mask` would make values of the key equal: \(named)", at: place,
        hint: "a column of the key can only be masked by `hash`")
    }
    guard let type = action.type(for: column.type) else {
      throw Failure(
        .configuration, "`mask` cannot use \(action.name) on \(named), because of its type", at: place,
        hint: "`redact` and `null` suit every type")
    }
    return type
  }
}

/// What a table looks like when some of its columns are masked.
struct MaskPlan {
  let target: TableSchema
  let columns: [MaskedColumn]

  /// - Parameter named: the columns, and where the file names them.
  /// - Throws: `.configuration` when an action does not suit its column.
  init(
    _ schema: TableSchema, _ named: [(column: MaskedColumn, place: String)], _ hash: KeyedHash
  ) throws(Failure) {
    var columns = schema.columns.map(\.holdingValues)
    for (mask, place) in named {
      let type = try mask.type(in: schema, at: place)
      columns[mask.index] = MaskPlan.masked(schema.columns[mask.index], mask.action, type, hash)
    }
    let masked = named.map(\.column)
    self.columns = masked
    target = TableSchema(
      name: schema.name, columns: columns, key: schema.key, keyIsPrimary: schema.keyIsPrimary,
      uniqueKeys: schema.uniqueKeys.filter { key in !masked.contains { $0.action != .hash && key.contains($0.index) } },
      indexes: schema.indexes?.filter { MaskPlan.stays($0, masked) }, version: schema.version)
  }

  private static func masked(
    _ old: ColumnSchema, _ action: MaskAction, _ type: ColumnType, _ hash: KeyedHash
  ) -> ColumnSchema {
    var column = old.holdingValues
    column.type = type
    column.nativeType = ""
    column.charset = nil
    column.collation = nil
    column.isAutoIncrement = false
    column.defaultValue = maskedDefault(of: old, action, hash)
    if action == .null { column.isNullable = true }
    return column
  }

  /// Whether an index makes sense of the masked values.
  private static func stays(_ index: TableIndex, _ masked: [MaskedColumn]) -> Bool {
    index.parts.allSatisfy { part in
      guard let mask = masked.first(where: { $0.index == part.column }) else { return true }
      return mask.action == .hash && part.prefix == nil && (index.kind == .ordinary || index.kind == .unique)
    }
  }
}

extension MaskAction {
  var name: String {
    switch self {
    case .hash: "hash"
    case .last4: "last4"
    case .redact: "redact"
    case .null: "null"
    case .truncate: "truncate"
    }
  }

  /// The type of the masked values; nil when the action does not suit the type.
  func type(for type: ColumnType) -> ColumnType? {
    switch self {
    case .hash: type.hasHashableText ? .text(length: KeyedHash.digitCount) : nil
    case .last4: type.isTextual || type.isInteger ? .text(length: 7) : nil
    case .redact: .text(length: 3)
    case .null: type
    case .truncate(let length):
      switch type {
      case .bytes: .bytes(length: max(1, length), padded: false)
      default: type.isTextual ? .text(length: max(1, length)) : nil
      }
    }
  }
}

extension ColumnType {
  /// Whether cells are plain text.
  var isTextual: Bool {
    switch self {
    case .text, .enumeration, .set, .uuid, .address: true
    default: false
    }
  }

  var isInteger: Bool {
    switch self {
    case .integer, .year: true
    default: false
    }
  }

  /// Whether each value that a column of `old` had has the same text in this one.
  func keepsTexts(of old: ColumnType) -> Bool {
    switch (old, self) {
    case (.integer, .integer), (.text, .text), (.unboundedDecimal, .unboundedDecimal): true
    case (.decimal(_, let scale, _), .decimal(_, let newScale, _)): scale == newScale
    case (.bytes(_, let isPadded), .bytes(_, let isPaddedNow)): self == old || !(isPadded || isPaddedNow)
    case (.enumeration(let members), .enumeration(let newMembers)), (.set(let members), .set(let newMembers)):
      newMembers.starts(with: members)
    default: self == old
    }
  }

  /// Whether a value has one text, the same in every system: what a hash is made of. A floating-point number and a time
  /// have many.
  fileprivate var hasHashableText: Bool {
    switch self {
    case .text, .enumeration, .set, .uuid, .address, .json, .bytes, .integer, .year, .boolean: true
    case .decimal, .unboundedDecimal: true
    default: false
    }
  }
}
