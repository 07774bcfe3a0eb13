internal import Change
internal import Glibc

/// Turns rows of the text protocol into the cells that the log gives for the same rows.
///
/// The connection's `character_set_results` is NULL, so that text arrives in its column's own character set, as it
/// stands in the log, and goes through the same conversion; `time_zone` is UTC.
/// Source of the layout: mariadb.com/kb/en/resultset-row.
struct TextRowReader {
  enum Kind: UInt8 {
    case signed, unsigned, float32, float64, decimal64, decimal, utf8, converted, json, bytes
    case date, time, timestamp, timestampZoned, bit
  }

  struct Column {
    var kind: Kind
    var scale: UInt8 = 0
    /// Index into the converters.
    var slot = 0
  }

  let schema: TableSchema
  private(set) var columns: [Column] = []
  private var converters: [TextConverter] = []

  init(_ schema: TableSchema) throws(Failure) {
    self.schema = schema
    for column in schema.columns { columns.append(try reader(for: column)) }
  }

  /// The expression that selects the column exactly: MariaDB prints a FLOAT with six digits, as a DOUBLE with all.
  static func expression(_ column: ColumnSchema) -> String {
    let name = SQLText.identifier(column.name)
    switch column.type {
    case .float32, .float64: return "CAST(\(name) AS DOUBLE)"
    default: return name
    }
  }

  /// Appends the cells of one row; the text goes to the arena.
  func append(_ packet: UnsafeRawBufferPointer, to builder: BatchBuilder) throws(Failure) {
    let start = builder.append(packet)
    var offset = 0
    for column in columns {
      guard offset < packet.count else { throw damaged }
      if packet[offset] == 0xfb {
        builder.cells.append(.null)
        offset += 1
        continue
      }
      let count = try length(packet, &offset)
      guard count <= packet.count - offset else { throw damaged }
      let value = UnsafeRawBufferPointer(rebasing: packet[offset..<(offset + count)])
      guard let cell = cell(value, column, at: start + offset, builder) else { throw unreadable }
      builder.cells.append(cell)
      offset += count
    }
  }

  @inline(__always)
  private func length(_ packet: UnsafeRawBufferPointer, _ offset: inout Int) throws(Failure) -> Int {
    let first = packet[offset]
    offset += 1
    if first < 0xfb { return Int(first) }
    let width = first == 0xfc ? 2 : first == 0xfd ? 3 : 8
    guard width <= packet.count - offset, first != 0xff else { throw damaged }
    var value: UInt64 = 0
    for index in (0..<width).reversed() { value = value << 8 | UInt64(packet[offset + index]) }
    offset += width
    return Int(clamping: value)
  }

  @inline(__always)
  private func cell(
    _ value: UnsafeRawBufferPointer, _ column: Column, at offset: Int, _ builder: BatchBuilder
  ) -> Cell? {
    switch column.kind {
    case .signed: return TextNumber.signed(value).map { .int($0) }
    case .unsigned: return TextNumber.unsigned(value).map { .uint($0) }
    case .decimal64:
      return TextNumber.decimal(value, scale: column.scale).map { .decimal64(unscaled: $0, scale: column.scale) }
    case .utf8: return UTF8Check.isValid(value) ? .slice(.text, offset: offset, length: value.count) : nil
    case .json: return UTF8Check.isValid(value) ? .slice(.json, offset: offset, length: value.count) : nil
    case .bytes: return .slice(.bytes, offset: offset, length: value.count)
    case .timestamp, .timestampZoned, .date: return moment(value, column.kind)
    default: return rareCell(value, column, at: offset, builder)
    }
  }

  @inline(never)
  private func rareCell(
    _ value: UnsafeRawBufferPointer, _ column: Column, at offset: Int, _ builder: BatchBuilder
  ) -> Cell? {
    switch column.kind {
    case .float32: return TextNumber.double(value).map { .float32(Float($0)) }
    case .float64: return TextNumber.double(value).map { .float64($0) }
    case .decimal: return longDecimal(value, column, at: offset)
    case .converted: return converted(value, column, at: offset, builder)
    case .time: return TextNumber.time(value).map { .time(microseconds: $0) }
    case .bit:
      guard value.count <= 8 else { return nil }
      return .bits(value.reduce(0) { $0 << 8 | UInt64($1) })
    default: return nil
    }
  }

  private func converted(
    _ value: UnsafeRawBufferPointer, _ column: Column, at offset: Int, _ builder: BatchBuilder
  ) -> Cell? {
    let converter = converters[column.slot]
    let keepsASCII: Bool
    switch converter.charset.conversion {
    case .latin1, .none: keepsASCII = true
    default: keepsASCII = false
    }
    if keepsASCII, UTF8Check.isASCII(value) { return .slice(.text, offset: offset, length: value.count) }
    let start = builder.arena.count
    guard converter.append(value, to: &builder.arena) else { return nil }
    return .slice(.text, offset: start, length: builder.arena.count - start)
  }

  /// The plain text without the zeros that ZEROFILL puts before it.
  private func longDecimal(_ value: UnsafeRawBufferPointer, _ column: Column, at offset: Int) -> Cell? {
    var skipped = 0
    while skipped + 1 < value.count, value[skipped] == 0x30, value[skipped + 1] != 0x2e { skipped += 1 }
    return .slice(.decimal, offset: offset + skipped, length: value.count - skipped, scale: column.scale)
  }

  private func moment(_ value: UnsafeRawBufferPointer, _ kind: Kind) -> Cell? {
    guard let civil = TextNumber.civil(value) else { return nil }
    guard civil.isOnCalendar else { return .civil(civil) }
    switch kind {
    case .date: return .date(days: civil.daysSinceEpoch)
    case .timestamp: return .timestamp(microseconds: civil.microsecondsSinceEpoch)
    default: return .timestampZoned(microseconds: civil.microsecondsSinceEpoch)
    }
  }

  private var damaged: Failure {
    Failure(.unreachable, "a row of table \"\(schema.name)\" does not end where its packet does")
  }

  private var unreadable: Failure {
    Failure(
      .badValue, "a row of table \"\(schema.name)\" holds a value that is none of its column's type or character set")
  }
}

extension TextRowReader {
  private mutating func reader(for column: ColumnSchema) throws(Failure) -> Column {
    switch column.type {
    case .integer(_, let unsigned): return Column(kind: unsigned ? .unsigned : .signed)
    case .year, .boolean: return Column(kind: .signed)
    case .decimal(let precision, let scale, _):
      return Column(kind: precision <= 18 ? .decimal64 : .decimal, scale: UInt8(clamping: scale))
    case .float32: return Column(kind: .float32)
    case .float64: return Column(kind: .float64)
    case .bytes, .geometry: return Column(kind: .bytes)
    case .date: return Column(kind: .date)
    case .time: return Column(kind: .time)
    case .timestamp: return Column(kind: .timestamp)
    case .timestampZoned: return Column(kind: .timestampZoned)
    case .bit: return Column(kind: .bit)
    case .json: return Column(kind: .json)
    case .uuid, .address: return Column(kind: .utf8)
    case .text, .enumeration, .set: return try textReader(for: column)
    case .unboundedDecimal: throw Failure(.internal, "column \"\(column.name)\" has a type that MariaDB does not have")
    }
  }

  private mutating func textReader(for column: ColumnSchema) throws(Failure) -> Column {
    guard let charset = CharacterSet(named: column.charset ?? "utf8mb4") else {
      throw Failure(
        .unsupportedLog, "column \"\(column.name)\" of table \"\(schema.name)\" has a character set that is not known")
    }
    switch charset.conversion {
    case .utf8: return Column(kind: .utf8)
    case .binary: return Column(kind: .bytes)
    default:
      converters.append(TextConverter(charset))
      return Column(kind: .converted, slot: converters.count - 1)
    }
  }
}
