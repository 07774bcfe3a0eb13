import Change

/// How the values of one column are written under the chosen options.
struct DebeziumColumn: BitwiseCopyable {
  enum Form: UInt8, BitwiseCopyable {
    /// As the cell's tag says: numbers, text, booleans.
    case plain
    /// An integer that is declared BOOL: true unless it is 0.
    case integerBoolean
    /// FLOAT(m,d): the 32-bit number with the digits of the 64-bit number that it equals.
    case widenedFloat
    case unsignedWrapping, unsignedPrecise
    case decimalPrecise, decimalText, decimalDouble
    case bitBoolean, bitBytes
    case base64, base64URLSafe, hex
    case geometry, point
    case days, isoDate
    case milliseconds, microseconds, nanoseconds
    /// A time of day in milliseconds, or null.
    case dayMilliseconds
    /// A time of day in ISO 8601, or null.
    case isoTime
    case isoTimestamp
    /// `…T12:34:56.700Z` with the column's digits.
    case zoned
  }

  /// The column's `,"name":` in the plan's names.
  var nameStart = 0
  var nameEnd = 0
  /// What is written for NULL, in the plan's substitutes.
  var nullStart = 0
  var nullEnd = 0
  /// What is written for a date that no calendar has.
  var noDateStart = 0
  var noDateEnd = 0
  var form: Form
  /// Digits of a second that the column keeps.
  var fraction: UInt8 = 0
  /// Bytes of a BIT column.
  var width: UInt8 = 0

  init(_ column: ColumnSchema, _ options: DebeziumOptions) {
    form = .plain
    switch column.type {
    case .integer(8, false):
      if ["bool", "boolean"].contains(column.nativeType.lowercased()) { form = .integerBoolean }
    case .float32: if column.nativeType.contains(",") { form = .widenedFloat }
    case .integer(64, true): form = options.unsignedBigints == .long ? .unsignedWrapping : .unsignedPrecise
    case .decimal, .unboundedDecimal: form = Self.form(options.decimals)
    case .bit(let bits):
      form = bits == 1 ? .bitBoolean : .bitBytes
      width = UInt8(clamping: (bits + 7) / 8)
    case .bytes: form = Self.form(options.binaries)
    case .geometry(let kind): form = kind == .point ? .point : .geometry
    case .date: form = options.times == .isostring ? .isoDate : .days
    case .time(let digits):
      fraction = UInt8(clamping: digits)
      form = Self.timeForm(options.times, digits)
    case .timestamp(let digits):
      fraction = UInt8(clamping: digits)
      form = Self.timestampForm(options.times, digits)
    case .timestampZoned(let digits):
      fraction = UInt8(clamping: digits)
      form = .zoned
    default: break
    }
  }

  private static func form(_ decimals: DebeziumOptions.Decimals) -> Form {
    switch decimals {
    case .precise: .decimalPrecise
    case .double: .decimalDouble
    case .string: .decimalText
    }
  }

  private static func form(_ binaries: DebeziumOptions.Binaries) -> Form {
    switch binaries.text {
    case .base64: .base64
    case .base64URLSafe: .base64URLSafe
    case .hex: .hex
    }
  }

  private static func timeForm(_ times: DebeziumOptions.Times, _ digits: Int) -> Form {
    switch times {
    case .adaptiveTimeMicroseconds, .microseconds: .microseconds
    case .adaptive: digits <= 3 ? .milliseconds : .microseconds
    case .connect: .dayMilliseconds
    case .isostring: .isoTime
    case .nanoseconds: .nanoseconds
    }
  }

  private static func timestampForm(_ times: DebeziumOptions.Times, _ digits: Int) -> Form {
    switch times {
    case .adaptiveTimeMicroseconds, .adaptive: digits <= 3 ? .milliseconds : .microseconds
    case .connect: .milliseconds
    case .isostring: .isoTimestamp
    case .microseconds: .microseconds
    case .nanoseconds: .nanoseconds
    }
  }
}
