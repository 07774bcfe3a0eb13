internal import Change

/// A column that is written at the target, and how.
struct TargetColumn {
  /// How a value is written.
  enum Writing: Hashable, Sendable {
    case number
    /// Text in UTF-8, which the server converts to the column's character set.
    case text
    case bytes
    /// A number of so many bits.
    case bit(width: Int)
    case date
    case time(fraction: Int)
    /// A date and time without a zone.
    case timestamp(fraction: Int)
    /// An instant, written as Coordinated Universal Time: the session's `time_zone` is `+00:00`.
    case instant(fraction: Int)
    case json
    /// SRID and WKB, as both servers store it: written as bytes.
    case geometry
  }

  /// Into the schema's columns.
  let index: Int
  /// As the target spells it.
  let name: String
  let quotedName: String
  let writing: Writing
  let isKey: Bool
  let isNullable: Bool
  /// As the target declares it, in lower case: `decimal(12,2) unsigned`.
  let nativeType: String
  let charset: String?
  /// Whether an UPDATE must name the column, or it would change by itself.
  let updatesItself: Bool

  init(_ index: Int, of schema: TableSchema, at found: TargetShape.Column) throws(Failure) {
    self.index = index
    name = found.name
    quotedName = try TargetText.name(found.name)
    writing = TargetColumn.writing(of: schema.columns[index].type, target: found.type)
    isKey = schema.key.contains(index)
    isNullable = found.isNullable
    nativeType = found.nativeType.lowercased()
    charset = found.charset
    updatesItself = found.updatesItself
  }

  private static func writing(of type: ColumnType, target: ColumnType) -> Writing {
    switch type {
    case .boolean, .integer, .float32, .float64, .year: return .number
    case .decimal, .unboundedDecimal:
      if case .text = target { return .text }
      return .number
    case .text, .enumeration, .set, .uuid, .address: return .text
    case .bytes: return .bytes
    case .date: return .date
    case .time(let fraction): return .time(fraction: fraction)
    case .timestamp(let fraction): return .timestamp(fraction: fraction)
    case .timestampZoned(let fraction): return .instant(fraction: fraction)
    case .bit(let width): return .bit(width: width)
    case .json: return .json
    case .geometry: return .geometry
    }
  }
}
