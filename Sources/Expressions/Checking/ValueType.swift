package import Change

/// What an expression gives: a kind that decides how it is computed, and what its results look like.
package struct ValueType: Hashable, Sendable {
  package enum Kind: String, Sendable {
    /// Of the literal NULL: goes with every kind.
    case null
    case boolean, integer
    case exact = "decimal"
    case float = "double"
    case text, bytes, json, date, time, timestamp
    /// A timestamp of a known zone; computed and shown in UTC.
    case instant
  }

  package var kind: Kind
  package var isNullable: Bool
  package var isUnsigned = false
  /// Digits, of an integer or a decimal.
  package var precision = 0
  /// Digits behind the point of a decimal, or of a second.
  package var scale = 0
  /// A decimal that declares no scale: results are not rounded to one.
  package var isUnbounded = false
  /// Characters of a text at most; 0: no limit is known.
  package var length = 0
  /// The column's own type, of a column that is taken as it is.
  package var declared: ColumnType?

  package init(_ kind: Kind, isNullable: Bool, precision: Int = 0, scale: Int = 0) {
    self.kind = kind
    self.isNullable = isNullable
    self.precision = precision
    self.scale = scale
  }

  static let decimalPrecision = 65
  static let decimalScale = 38

  /// The type of a column's values.
  package init(_ column: ColumnType, isNullable: Bool) {
    self.init(.text, isNullable: isNullable)
    declared = column
    switch column {
    case .boolean: (kind, precision) = (.boolean, 1)
    case .integer(let bits, let unsigned):
      (kind, isUnsigned) = (.integer, unsigned)
      precision = [8: 3, 16: 5, 24: unsigned ? 8 : 7, 32: 10][bits] ?? (unsigned ? 20 : 19)
    case .decimal(let digits, let fraction, _): (kind, precision, scale) = (.exact, digits, fraction)
    case .unboundedDecimal: (kind, precision, scale, isUnbounded) = (.exact, 65, 38, true)
    case .float32, .float64: kind = .float
    case .text(let limit): length = limit
    case .bytes, .geometry: kind = .bytes
    case .date: kind = .date
    case .time(let fraction): (kind, scale) = (.time, fraction)
    case .timestamp(let fraction): (kind, scale) = (.timestamp, fraction)
    case .timestampZoned(let fraction): (kind, scale) = (.instant, fraction)
    case .year: (kind, isUnsigned, precision) = (.integer, true, 4)
    case .bit(let width): (kind, isUnsigned, precision) = (.integer, true, min(20, width * 3 / 10 + 1))
    case .enumeration, .set, .uuid, .address: break
    case .json: kind = .json
    }
  }

  /// What a column that holds the results must be able to hold.
  package var columnType: ColumnType {
    if let declared { return declared }
    switch kind {
    case .null: return .text(length: 0)
    case .boolean: return .boolean
    case .integer: return .integer(bits: 64, unsigned: isUnsigned)
    case .exact: return isUnbounded ? .unboundedDecimal : .decimal(precision: precision, scale: scale, unsigned: false)
    case .float: return .float64
    case .text: return .text(length: length)
    case .bytes: return .bytes(length: 0, padded: false)
    case .json: return .json
    case .date: return .date
    case .time: return .time(fraction: scale)
    case .timestamp: return .timestamp(fraction: scale)
    case .instant: return .timestampZoned(fraction: scale)
    }
  }

  var isNumber: Bool { [.boolean, .integer, .exact, .float, .null].contains(kind) }
  var isWhole: Bool { [.boolean, .integer, .null].contains(kind) }
  var isText: Bool { [.text, .json, .null].contains(kind) }
  /// A place on the calendar.
  var isMoment: Bool { [.date, .timestamp, .instant, .null].contains(kind) }

  /// The same, with nullability, and no longer a column's own type.
  func computed(isNullable: Bool) -> ValueType {
    var type = self
    type.isNullable = isNullable
    type.declared = nil
    return type
  }

  /// For messages: with its article.
  package var named: String { (kind == .integer ? "an " : "a ") + name }
  /// For messages.
  package var name: String { kind == .instant ? "timestamp with a zone" : kind.rawValue }
}

extension ValueType {
  /// The type that values of both fit without a change of meaning, as MariaDB chooses it for `coalesce` and `case`;
  /// nil where there is none.
  func union(_ other: ValueType) -> ValueType? {
    let isNullable = isNullable || other.isNullable
    if kind == .null { return other.computed(isNullable: true) }
    if other.kind == .null { return computed(isNullable: true) }
    if isNumber, other.isNumber { return numberUnion(other, isNullable: isNullable) }
    var result = computed(isNullable: isNullable)
    result.scale = max(scale, other.scale)
    if kind == other.kind {
      result.length = length == 0 || other.length == 0 ? 0 : max(length, other.length)
      return result
    }
    let kinds: Set<Kind> = [kind, other.kind]
    if isText, other.isText {
      result.kind = .text
    } else if kinds == [.date, .timestamp] {
      result.kind = .timestamp
    } else if isMoment, other.isMoment {
      result.kind = .instant
    } else {
      return nil
    }
    return result
  }

  private func numberUnion(_ other: ValueType, isNullable: Bool) -> ValueType {
    if kind == .float || other.kind == .float { return ValueType(.float, isNullable: isNullable) }
    if kind == .boolean, other.kind == .boolean { return ValueType(.boolean, isNullable: isNullable, precision: 1) }
    if isWhole, other.isWhole, isUnsigned == other.isUnsigned || max(precision, other.precision) < 19 {
      var result = ValueType(.integer, isNullable: isNullable, precision: max(precision, other.precision))
      result.isUnsigned = isUnsigned && other.isUnsigned
      return result
    }
    let scale = max(scale, other.scale)
    let whole = max(precision - self.scale, other.precision - other.scale)
    var result = ValueType(
      .exact, isNullable: isNullable, precision: min(whole + scale, ValueType.decimalPrecision), scale: scale)
    result.isUnbounded = isUnbounded || other.isUnbounded
    return result
  }
}
