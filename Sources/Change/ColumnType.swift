/// What a column can hold, independent of the system it comes from. Exact: no type here rounds another.
public enum ColumnType: Hashable, Sendable {
  /// Two values. Cells: `boolean`.
  case boolean
  /// Cells: `int`, or `uint` when unsigned. `bits` is 8, 16, 24, 32 or 64.
  case integer(bits: Int, unsigned: Bool)
  /// Cells: `decimal64` when `precision` is at most 18, otherwise `decimal`.
  case decimal(precision: Int, scale: Int, unsigned: Bool)
  /// A decimal that declares neither precision nor scale (PostgreSQL's bare numeric). Cells: `decimal`.
  case unboundedDecimal
  /// Cells: `float32`.
  case float32
  /// Cells: `float64`.
  case float64
  /// Text of at most `length` characters; 0: no limit is known. Cells: `text`.
  case text(length: Int)
  /// Bytes, at most `length`; 0: no limit is known. With `padded`, values are always `length` long. Cells: `bytes`.
  case bytes(length: Int, padded: Bool)
  /// A calendar date. Cells: `date` or `civil`.
  case date
  /// A signed span of time with `fraction` digits of a second. Cells: `time`.
  case time(fraction: Int)
  /// A date and time without a zone with `fraction` digits of a second. Cells: `timestamp` or `civil`.
  case timestamp(fraction: Int)
  /// An instant with `fraction` digits of a second. Cells: `timestampZoned` or `civil` (the zero instant).
  case timestampZoned(fraction: Int)
  /// A year, 0 or 1901 to 2155. Cells: `int`.
  case year
  /// `width` bits. Cells: `bits`.
  case bit(width: Int)
  /// One of `members`, or the empty string for an invalid one. Cells: `text`.
  case enumeration(members: [String])
  /// Any of `members`, separated by commas. Cells: `text`.
  case set(members: [String])
  /// Cells: `json`.
  case json
  /// Cells: `text`, 36 characters in lower case.
  case uuid
  /// An IPv4 or IPv6 address in its canonical text. Cells: `text`.
  case address
  /// A geometry as MariaDB and MySQL store it: 4 bytes of SRID (little-endian), then WKB. Cells: `bytes`.
  case geometry(GeometryKind)
}

public enum GeometryKind: String, Hashable, Sendable {
  case geometry, point, linestring, polygon, multipoint, multilinestring, multipolygon, geometrycollection
}
