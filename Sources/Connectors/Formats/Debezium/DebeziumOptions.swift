package import Change

/// The settings of `debezium-json`, with Debezium's names, values and defaults (Debezium reference, MariaDB connector,
/// "Connector configuration properties").
package struct DebeziumOptions: Hashable, Sendable {
  /// `decimal.handling.mode`: `precise` is base64 of the unscaled two's complement, `double` rounds to 53 bits.
  package enum Decimals: String, Sendable, CaseIterable { case precise, double, string }

  /// `time.precision.mode`.
  package enum Times: String, Sendable, CaseIterable {
    /// TIME in microseconds; DATETIME in milliseconds up to 3 digits, otherwise in microseconds.
    case adaptiveTimeMicroseconds = "adaptive_time_microseconds"
    /// As above, but TIME up to 3 digits in milliseconds.
    case adaptive
    /// Everything in milliseconds; finer digits are cut, a TIME that is no time of day becomes null.
    case connect
    /// ISO 8601; a TIME that is no time of day becomes null.
    case isostring
    case microseconds
    case nanoseconds
  }

  /// `binary.handling.mode`; `bytes` is base64 in JSON.
  package enum Binaries: String, Sendable, CaseIterable {
    case bytes, base64
    case base64URLSafe = "base64-url-safe"
    case hex

    var text: BinaryText {
      switch self {
      case .bytes, .base64: .base64
      case .base64URLSafe: .base64URLSafe
      case .hex: .hex
      }
    }
  }

  /// `bigint.unsigned.handling.mode`: `long` wraps from 2^63 on, `precise` is base64 as for decimals.
  package enum UnsignedBigints: String, Sendable, CaseIterable { case long, precise }

  /// `lossy.values`, Freshet's own: what becomes of a value that the chosen modes cannot carry.
  package enum LossyValues: String, Sendable, CaseIterable {
    /// Write what Debezium writes, and count it.
    case debezium
    /// Refuse the change.
    case refuse
  }

  /// `envelope`, Freshet's own: what a line holds.
  package enum Envelope: String, Sendable, CaseIterable {
    /// The value of each record; tombstones have none and make no line.
    case value
    /// `{"topic","headers","key","value"}`, tombstones with a null value.
    case full
  }

  package var decimals = Decimals.precise
  package var times = Times.adaptiveTimeMicroseconds
  package var binaries = Binaries.bytes
  package var unsignedBigints = UnsignedBigints.long
  /// `tombstones.on.delete`.
  package var tombstonesOnDelete = true
  /// `provide.transaction.metadata`.
  package var providesTransactionMetadata = false
  /// `include.schema.changes`.
  package var includesSchemaChanges = true
  /// `skipped.operations`: any of c, u, d, t; empty: `none`.
  package var skippedOperations: Set<Character> = ["t"]
  /// `replace.null.with.default` of Kafka Connect's JSON converter.
  package var replacesNullWithDefault = true
  /// `key.converter.schemas.enable` and `value.converter.schemas.enable` of Kafka Connect's JSON converter: whether a
  /// schema stands before each payload.
  package var keySchemas = false
  package var valueSchemas = false
  package var lossyValues = LossyValues.debezium
  package var envelope = Envelope.value

  package init() {}

  /// Reads the settings by their names; what is not named keeps its default.
  package init(properties: [String: String]) throws(Failure) {
    for (name, value) in properties.sorted(by: { $0.key < $1.key }) { try set(name, to: value) }
  }

  package static let names = [
    "decimal.handling.mode", "time.precision.mode", "binary.handling.mode", "bigint.unsigned.handling.mode",
    "tombstones.on.delete", "provide.transaction.metadata", "include.schema.changes", "skipped.operations",
    "replace.null.with.default", "key.converter.schemas.enable", "value.converter.schemas.enable", "lossy.values",
    "envelope",
  ]

  package mutating func set(_ name: String, to value: String) throws(Failure) {
    switch name {
    case "decimal.handling.mode": decimals = try Self.choice(name, value)
    case "time.precision.mode": times = try Self.choice(name, value)
    case "binary.handling.mode": binaries = try Self.choice(name, value)
    case "bigint.unsigned.handling.mode": unsignedBigints = try Self.choice(name, value)
    case "tombstones.on.delete": tombstonesOnDelete = try Self.flag(name, value)
    case "provide.transaction.metadata": providesTransactionMetadata = try Self.flag(name, value)
    case "include.schema.changes": includesSchemaChanges = try Self.flag(name, value)
    case "skipped.operations": skippedOperations = try Self.operations(name, value)
    case "replace.null.with.default": replacesNullWithDefault = try Self.flag(name, value)
    case "key.converter.schemas.enable": keySchemas = try Self.flag(name, value)
    case "value.converter.schemas.enable": valueSchemas = try Self.flag(name, value)
    case "lossy.values": lossyValues = try Self.choice(name, value)
    case "envelope": envelope = try Self.choice(name, value)
    default:
      throw Failure(
        .configuration, "unknown option \"\(name)\" of debezium-json",
        hint: "one of: \(Self.names.joined(separator: ", "))")
    }
  }

  private static func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _ value: String
  ) throws(Failure) -> Choice where Choice.RawValue == String {
    if let choice = Choice(rawValue: value) { return choice }
    throw Failure(
      .configuration, "option \"\(name)\" cannot be \"\(value)\"",
      hint: "one of: \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
  }

  private static func flag(_ name: String, _ value: String) throws(Failure) -> Bool {
    switch value {
    case "true": return true
    case "false": return false
    default: throw Failure(.configuration, "option \"\(name)\" cannot be \"\(value)\"", hint: "one of: true, false")
    }
  }

  private static func operations(_ name: String, _ value: String) throws(Failure) -> Set<Character> {
    if value == "none" { return [] }
    let parts = value.split(separator: ",").map { $0.filter { $0 != " " } }
    guard !parts.isEmpty, parts.allSatisfy({ ["c", "u", "d", "t"].contains($0) }) else {
      throw Failure(
        .configuration, "option \"\(name)\" cannot be \"\(value)\"", hint: "none, or a list of: c, u, d, t")
    }
    return Set(parts.compactMap(\.first))
  }
}
