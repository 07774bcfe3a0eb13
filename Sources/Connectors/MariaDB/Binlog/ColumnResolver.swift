internal import Change

/// Finds the exact type of a column, and how to read it, from its table map and the table's definition where it is known.
struct ColumnResolver {
  let plan: TablePlan
  /// The charset of text whose log names none.
  let fallbackCharset: CharacterSet

  /// The column's type, and how to read it.
  func resolve(_ column: TableMap.Column, hint: TableHints.Column?, index: Int) -> (ColumnType, ColumnDecoder) {
    let native = hint.map { NativeType($0.nativeType) }
    let unsigned = column.isUnsigned ?? native?.isUnsigned ?? false
    switch column.type {
    case .tiny: return integer(8, unsigned, .int8, .uint8)
    case .short: return integer(16, unsigned, .int16, .uint16)
    case .int24: return integer(24, unsigned, .int24, .uint24)
    case .long: return integer(32, unsigned, .int32, .uint32)
    case .longlong: return integer(64, unsigned, .int64, .uint64)
    case .float: return (.float32, ColumnDecoder(.float32))
    case .double: return (.float64, ColumnDecoder(.float64))
    case .year: return (.year, ColumnDecoder(.year))
    case .newDecimal: return decimal(column, unsigned, index)
    case .bit: return bit(column, index)
    case .date, .newDate: return (.date, ColumnDecoder(.date))
    case .time: return (.time(fraction: 0), ColumnDecoder(.oldTime))
    case .datetime: return (.timestamp(fraction: 0), ColumnDecoder(.oldDatetime))
    case .timestamp: return (.timestampZoned(fraction: 0), ColumnDecoder(.oldTimestamp))
    case .time2, .datetime2, .timestamp2: return temporal(column, index)
    case .enumeration, .set: return members(column, hint: hint, native: native, index: index)
    case .json: return (.json, ColumnDecoder(.binaryJSON, small: prefix(column)))
    case .geometry: return geometry(column, native: native)
    default: return characters(column, hint: hint, native: native, index: index)
    }
  }

  private func integer(
    _ bits: Int, _ unsigned: Bool, _ signedKind: ColumnDecoder.Kind, _ unsignedKind: ColumnDecoder.Kind
  ) -> (ColumnType, ColumnDecoder) {
    (.integer(bits: bits, unsigned: unsigned), ColumnDecoder(unsigned ? unsignedKind : signedKind))
  }

  private func refuse(_ index: Int, _ reason: String) -> (ColumnType, ColumnDecoder) {
    plan.refusals[index] = reason
    return (.bytes(length: 0, padded: false), ColumnDecoder(.refused))
  }

  private func decimal(_ column: TableMap.Column, _ unsigned: Bool, _ index: Int) -> (ColumnType, ColumnDecoder) {
    let precision = Int(column.metadata >> 8)
    let scale = Int(column.metadata & 0xff)
    guard precision >= 1, precision <= 65, scale <= 38, scale <= precision else {
      return refuse(index, "a decimal of \(precision) digits with \(scale) behind the point")
    }
    return (
      .decimal(precision: precision, scale: scale, unsigned: unsigned),
      ColumnDecoder(precision <= 18 ? .decimal64 : .decimal, small: scale, wide: precision)
    )
  }

  private func bit(_ column: TableMap.Column, _ index: Int) -> (ColumnType, ColumnDecoder) {
    let bits = Int(column.metadata >> 8)
    let width = Int(column.metadata & 0xff) * 8 + bits
    guard bits < 8, width >= 1, width <= 64 else { return refuse(index, "a bit field of \(width) bits") }
    return (.bit(width: width), ColumnDecoder(.bit, small: (width + 7) / 8))
  }

  private func temporal(_ column: TableMap.Column, _ index: Int) -> (ColumnType, ColumnDecoder) {
    let fraction = Int(column.metadata)
    guard fraction <= 6 else { return refuse(index, "a time with \(fraction) digits of a second") }
    switch column.type {
    case .time2: return (.time(fraction: fraction), ColumnDecoder(.time, small: fraction))
    case .datetime2: return (.timestamp(fraction: fraction), ColumnDecoder(.datetime, small: fraction))
    default: return (.timestampZoned(fraction: fraction), ColumnDecoder(.timestamp, small: fraction))
    }
  }

  private func geometry(_ column: TableMap.Column, native: NativeType?) -> (ColumnType, ColumnDecoder) {
    let kinds: [GeometryKind] = [
      .geometry, .point, .linestring, .polygon, .multipoint, .multilinestring, .multipolygon, .geometrycollection,
    ]
    let named = native.flatMap { GeometryKind(rawValue: $0.base) }
    let logged = column.geometry.flatMap { kinds.indices.contains($0) ? kinds[$0] : nil }
    return (.geometry(logged ?? named ?? .geometry), ColumnDecoder(.bytes, small: prefix(column)))
  }

  private func members(
    _ column: TableMap.Column, hint: TableHints.Column?, native: NativeType?, index: Int
  ) -> (ColumnType, ColumnDecoder) {
    let size = Int(column.metadata)
    guard column.type == .set ? [1, 2, 3, 4, 8].contains(size) : size == 1 || size == 2 else {
      return refuse(index, "an enumeration of \(size) bytes")
    }
    guard let texts = memberTexts(column, native: native) else {
      if column.members != nil { return refuse(index, "members in a character set that cannot be converted") }
      // Without its members a value is only its number, and that is what `mariadb-binlog -v` prints, too.
      let kinds: [Int: ColumnDecoder.Kind] = [1: .uint8, 2: .uint16, 3: .uint24, 4: .uint32, 8: .uint64]
      return (.integer(bits: size * 8, unsigned: true), ColumnDecoder(kinds[size] ?? .refused))
    }
    plan.members.append(texts.map { Array($0.utf8) })
    let slot = plan.members.count - 1
    return column.type == .set
      ? (.set(members: texts), ColumnDecoder(.set, small: size, slot: slot))
      : (.enumeration(members: texts), ColumnDecoder(.enumeration, small: size, slot: slot))
  }

  private func memberTexts(_ column: TableMap.Column, native: NativeType?) -> [String]? {
    guard let members = column.members else { return native.flatMap { $0.members.isEmpty ? nil : $0.members } }
    let charset = column.collation.flatMap(CharacterSet.init(collation:)) ?? fallbackCharset
    let converter = TextConverter(charset)
    var texts: [String] = []
    for member in members {
      var bytes: [UInt8] = []
      guard member.withUnsafeBytes({ converter.append($0, to: &bytes) }) else { return nil }
      texts.append(String(decoding: bytes, as: UTF8.self))
    }
    return texts
  }

  /// Bytes of the length before a BLOB's value.
  private func prefix(_ column: TableMap.Column) -> Int {
    switch column.type {
    case .tinyBlob: 1
    case .mediumBlob: 3
    case .longBlob: 4
    default: Int(column.metadata)
    }
  }
}

extension ColumnResolver {
  private func characters(
    _ column: TableMap.Column, hint: TableHints.Column?, native: NativeType?, index: Int
  ) -> (ColumnType, ColumnDecoder) {
    let length: Int
    let prefix: Int
    switch column.type {
    case .varchar, .varString, .string:
      length = Int(column.metadata)
      prefix = length > 255 ? 2 : 1
    case .tinyBlob, .mediumBlob, .longBlob, .blob:
      prefix = self.prefix(column)
      guard prefix >= 1, prefix <= 4 else { return refuse(index, "a length of \(prefix) bytes") }
      length = 1 << (8 * prefix) - 1
    case .vector: return (.bytes(length: 0, padded: false), ColumnDecoder(.bytes, small: Int(column.metadata)))
    case .blobCompressed, .varcharCompressed: return refuse(index, "a column declared COMPRESSED")
    default: return refuse(index, "column type \(column.type.rawValue), which is not known")
    }
    if column.type == .string, let address = fixedBinary(native, length: length) { return address }
    let isBlob = column.type != .varchar && column.type != .varString && column.type != .string
    guard let charset = charset(column, hint: hint, native: native) else {
      return refuse(
        index, "text in collation \(column.collation.map { "\($0)" } ?? hint?.charset ?? "?"), which is not known")
    }
    return text(charset, length: length, prefix: prefix, isBlob: isBlob, isFixed: column.type == .string, native, hint)
  }

  /// UUID, INET4 and INET6, which the log stores like BINARY(n).
  private func fixedBinary(_ native: NativeType?, length: Int) -> (ColumnType, ColumnDecoder)? {
    switch (native?.base, length) {
    case ("uuid", 16): (.uuid, ColumnDecoder(.uuid, small: 1, wide: 16))
    case ("inet6", 16): (.address, ColumnDecoder(.inet6, small: 1, wide: 16))
    case ("inet4", 4): (.address, ColumnDecoder(.inet4, small: 1, wide: 4))
    default: nil
    }
  }

  /// nil: the log or the definition names one that is not known.
  private func charset(_ column: TableMap.Column, hint: TableHints.Column?, native: NativeType?) -> CharacterSet? {
    if let collation = column.collation { return CharacterSet(collation: collation) }
    switch native?.base {
    case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector":
      return CharacterSet(named: "binary")
    default: break
    }
    if let name = hint?.charset { return CharacterSet(named: name) }
    return fallbackCharset
  }

  private func text(
    _ charset: CharacterSet, length: Int, prefix: Int, isBlob: Bool, isFixed: Bool, _ native: NativeType?,
    _ hint: TableHints.Column?
  ) -> (ColumnType, ColumnDecoder) {
    if charset.conversion == .binary {
      return isFixed
        ? (.bytes(length: length, padded: true), ColumnDecoder(.paddedBytes, small: prefix, wide: length))
        : (.bytes(length: length, padded: false), ColumnDecoder(.bytes, small: prefix))
    }
    let isJSON = native?.base == "json" && charset.conversion == .utf8
    let type: ColumnType = isJSON ? .json : .text(length: isBlob ? length : length / charset.widest)
    switch charset.conversion {
    case .utf8 where isJSON: return (type, ColumnDecoder(.jsonText, small: prefix))
    case .utf8 where charset.name == "ascii": return (type, ColumnDecoder(.ascii, small: prefix))
    case .utf8: return (type, ColumnDecoder(.utf8, small: prefix))
    case .latin1: return (type, ColumnDecoder(.latin1, small: prefix, slot: plan.slot(for: charset)))
    default: return (type, ColumnDecoder(.converted, small: prefix, slot: plan.slot(for: charset)))
    }
  }
}
