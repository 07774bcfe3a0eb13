internal import Change

/// Writes a column's definition for the target: type, character set, nullability, default, generation.
///
/// A native type is taken apart and written anew, so that no text of the source becomes SQL as it is.
struct ColumnDefinition {
  let column: ColumnSchema
  /// Whether rows are found by the column, or kept apart by it.
  let isKey: Bool
  let server: TargetServer
  /// Whether the source is a server of the target's kind, so that expressions mean the same.
  let sharesDialect: Bool

  /// A remark for people on something that the target has otherwise than the source.
  struct Remark: Hashable { var text: String }

  /// Whether the target computes the column itself.
  var isGenerated: Bool { generation != nil }

  /// The definition from behind the name on; `remarks` gets what differs from the source's.
  func text(_ remarks: inout [Remark], allowsAutoIncrement: Bool = true) throws(Failure) -> String {
    var text = try typeText(&remarks)
    if let generation {
      text += " GENERATED ALWAYS AS (\(generation)) \(column.generation == .stored ? "STORED" : "VIRTUAL")"
    } else {
      text += column.isNullable ? " NULL" : " NOT NULL"
      if column.isAutoIncrement, allowsAutoIncrement {
        text += " AUTO_INCREMENT"
      } else if let value = defaultText(&remarks) {
        text += " DEFAULT \(value)"
      } else if !column.isNullable, server.promotesTimestamps, NativeType(text).base == "timestamp" {
        // What such a server gives the table's second one; the first would get ON UPDATE besides.
        text += " DEFAULT '0000-00-00 00:00:00'"
      }
    }
    if column.isInvisible, server.isMariaDB ? server.version >= 100_300 : server.version >= 80_023 {
      text += " INVISIBLE"
    }
    return text
  }

  // MARK: Generation and default

  private var generation: String? {
    guard column.generation != .no, sharesDialect, let expression = column.generationExpression else { return nil }
    return ExpressionText.isClosed(expression, isMariaDB: server.isMariaDB) ? expression : nil
  }

  private func defaultText(_ remarks: inout [Remark]) -> String? {
    switch column.defaultValue {
    case nil: return nil
    case .literal(let value): return literalText(value)
    case .expression(let text):
      if let clock = ExpressionText.clock(text) { return clock }
      if case .bit = column.type, ExpressionText.isBits(text) { return text }
      guard sharesDialect, ExpressionText.isClosed(text, isMariaDB: server.isMariaDB),
        !text.lowercased().contains("nextval"), !text.lowercased().contains("next value")
      else {
        remarks.append(Remark(text: "the default of column \"\(column.name)\" is left out"))
        return nil
      }
      return "(\(text))"
    }
  }

  private func literalText(_ value: String) -> String {
    switch column.type {
    case .bit where ExpressionText.isBits(value): return value
    case .bit, .integer, .decimal, .float32, .float64, .year, .boolean:
      return ExpressionText.isNumber(value) ? value : TargetText.literal(value)
    case .timestamp, .timestampZoned:
      return ExpressionText.clock(value) ?? TargetText.literal(value)
    case .json, .geometry: return "(\(TargetText.literal(value)))"
    case .text(let length) where length > 16_383 && !server.isMariaDB: return "(\(TargetText.literal(value)))"
    default: return TargetText.literal(value)
    }
  }

  // MARK: Type

  private func typeText(_ remarks: inout [Remark]) throws(Failure) -> String {
    let native = NativeType(column.nativeType)
    switch column.type {
    case .enumeration(let members): return "enum(\(list(members)))" + (try charsetText(&remarks))
    case .set(let members): return "set(\(list(members)))" + (try charsetText(&remarks))
    case .json: return "json"
    case .uuid: return server.hasUUID ? "uuid" : "char(36) CHARACTER SET ascii COLLATE ascii_bin"
    case .address:
      return server.hasAddress(native.base) && ["inet4", "inet6"].contains(native.base)
        ? native.base : "varchar(45) CHARACTER SET ascii COLLATE ascii_bin"
    case .geometry(let kind): return kind.rawValue
    default: break
    }
    guard !column.nativeType.isEmpty, let text = nativeText(native) else { return try plainText(&remarks) }
    return text + (ColumnDefinition.texts.contains(native.base) ? try charsetText(&remarks) : "")
  }

  private static let texts: Set<String> = ["char", "varchar", "tinytext", "text", "mediumtext", "longtext"]
  private static let others: Set<String> = [
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit", "binary", "varbinary",
    "tinyblob", "blob", "mediumblob", "longblob", "date", "time", "datetime", "timestamp", "year", "vector",
  ]

  /// The source's own type, written anew; nil when it is none that is known.
  private func nativeText(_ native: NativeType) -> String? {
    guard ColumnDefinition.texts.contains(native.base) || ColumnDefinition.others.contains(native.base) else {
      return nil
    }
    var text = native.base
    if !native.numbers.isEmpty { text += "(\(native.numbers.map(String.init).joined(separator: ",")))" }
    if native.isUnsigned { text += " unsigned" }
    if native.isUnsigned, column.nativeType.lowercased().hasSuffix(" zerofill") { text += " zerofill" }
    return text
  }

  private func list(_ members: [String]) -> String { members.map(TargetText.literal).joined(separator: ",") }

  /// The type of a column of which only the kind of values is known.
  private func plainText(_ remarks: inout [Remark]) throws(Failure) -> String {
    switch column.type {
    case .boolean: return "tinyint(1)"
    case .integer(let bits, let unsigned):
      let name = [8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int"][bits] ?? "bigint"
      return name + (unsigned ? " unsigned" : "")
    case .decimal(let precision, let scale, let unsigned) where precision <= 65 && scale <= 38 && scale >= 0:
      return "decimal(\(precision),\(scale))" + (unsigned ? " unsigned" : "")
    case .decimal, .unboundedDecimal:
      return "\(isKey ? "varchar(512)" : "longtext") CHARACTER SET ascii COLLATE ascii_bin"
    case .float32: return "float"
    case .float64: return "double"
    case .date: return "date"
    case .time(let fraction): return "time(\(min(fraction, 6)))"
    case .timestamp(let fraction): return "datetime(\(min(fraction, 6)))"
    case .timestampZoned(let fraction): return "timestamp(\(min(fraction, 6)))"
    case .year: return "year"
    case .bit(let width): return "bit(\(width))"
    case .bytes(let length, let padded): return bytesText(length, padded)
    case .text(let length): return textText(length) + (try charsetText(&remarks))
    default: throw Failure(.internal, "no type for column \"\(column.name)\" is known")
    }
  }

  private func bytesText(_ length: Int, _ padded: Bool) -> String {
    if padded, (1...255).contains(length) { return "binary(\(length))" }
    if isKey { return "varbinary(\(length == 0 ? 3072 : min(length, 3072)))" }
    switch length {
    case 1...16_383: return "varbinary(\(length))"
    case 1...65_535: return "blob"
    case 1...16_777_215: return "mediumblob"
    default: return "longblob"
    }
  }

  private func textText(_ length: Int) -> String {
    if isKey { return "varchar(\(length == 0 ? 768 : min(length, 768)))" }
    switch length {
    case 1...16_383: return "varchar(\(length))"
    // A character takes up to four bytes.
    case 1...4_194_303: return "mediumtext"
    default: return "longtext"
    }
  }

  private func charsetText(_ remarks: inout [Remark]) throws(Failure) -> String {
    let chosen = try TargetCollation.choose(
      charset: column.charset, collation: column.collation, isKey: isKey, server: server, column: column.name)
    if let remark = chosen.remark { remarks.append(Remark(text: remark)) }
    return " CHARACTER SET \(chosen.charset)" + (chosen.collation.map { " COLLATE \($0)" } ?? "")
  }
}
