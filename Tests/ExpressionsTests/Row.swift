import Change
import Expressions

/// Evaluates expressions over single changes of one table, for tests that do not look at speed.
struct Row {
  let schema: TableSchema
  let batch: Batch

  /// One change; values as cells, texts through `text`.
  init(
    _ columns: [(String, ColumnType)], before: [Value]? = nil, after: [Value]? = nil, operation: Operation = .insert
  ) {
    schema = TableSchema(
      name: TableName(namespace: "shop", table: "orders"),
      columns: columns.map { ColumnSchema(name: $0.0, type: $0.1) }, key: [])
    let builder = BatchBuilder()
    batch = Row.batch(builder, schema, [(operation, before, after)])
  }

  enum Value {
    case cell(Cell)
    case text(String)
    case bytes([UInt8])
    case json(String)
    case decimal(String)
  }

  static func batch(
    _ builder: BatchBuilder, _ schema: TableSchema, _ changes: [(Operation, [Value]?, [Value]?)]
  ) -> Batch {
    builder.begin(commitTime: EventTime(microseconds: 1_700_000_000_123_000), mark: LogMark(), identifier: "0-1-1")
    for (operation, before, after) in changes {
      let first = before.map { append($0, builder) } ?? RowChange.noCells
      let second = after.map { append($0, builder) } ?? RowChange.noCells
      builder.append(
        RowChange(
          operation: operation, schema: builder.index(of: schema), before: first, after: second,
          time: EventTime(seconds: 1_600_000_000)))
    }
    builder.end(mark: LogMark())
    return builder.take(position: Position(text: "0-1-1", token: "{}"))
  }

  private static func append(_ values: [Value], _ builder: BatchBuilder) -> UInt32 {
    let row = UInt32(builder.cells.count)
    for value in values {
      let cell: Cell =
        switch value {
        case .cell(let cell): cell
        case .text(let text): builder.text(text)
        case .json(let text): builder.text(text, tag: .json)
        case .bytes(let bytes):
          bytes.withUnsafeBytes {
            .slice(.text, offset: builder.append($0), length: bytes.count)
          }
        case .decimal(let text):
          Cell(
            .decimal, builder.text(text).payload,
            scale: UInt8(text.split(separator: ".").dropFirst().first?.utf8.count ?? 0))
        }
      builder.cells.append(cell)
    }
    return row
  }

  /// The value as text; nil is NULL.
  func value(_ text: String, image: ExpressionEvaluator.Image = .row) throws(Failure) -> String? {
    let program = try Expression.parse(text).compiled(for: schema)
    let scratch = ScratchArena()
    var cells: [Cell] = []
    try ExpressionEvaluator(program).values(batch, [0], image: image, scratch: scratch, into: &cells)
    return shown(cells[0], batch, scratch)
  }

  func test(_ text: String, image: ExpressionEvaluator.Image = .row) throws(Failure) -> Bool {
    var results: [Bool] = []
    let program = try Expression.parse(text).compiledAsCondition(for: schema)
    try ExpressionEvaluator(program).test(batch, [0], image: image, into: &results)
    return results[0]
  }

  func failure(_ text: String) -> Failure? {
    do throws(Failure) {
      _ = try value(text)
      return nil
    } catch {
      return error
    }
  }
}

/// A cell as MariaDB's text protocol shows it; nil is NULL.
func shown(_ cell: Cell, _ batch: Batch, _ scratch: ScratchArena) -> String? {
  var bytes: [UInt8] {
    let offset = cell.offset - batch.arena.count
    return offset < 0 ? batch.bytes(of: cell) : Array(scratch.bytes[offset..<(offset + cell.length)])
  }
  func padded(_ value: some BinaryInteger, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
  switch cell.tag {
  case .null: return nil
  case .boolean, .int: return String(cell.int)
  case .uint, .bits: return String(cell.payload)
  case .float32: return "\(cell.float32)"
  case .float64: return "\(cell.float64)"
  case .decimal64:
    let digits = padded(cell.int.magnitude, Int(cell.scale) + 1)
    let sign = cell.int < 0 ? "-" : ""
    guard cell.scale > 0 else { return sign + digits }
    return sign + digits.dropLast(Int(cell.scale)) + "." + digits.suffix(Int(cell.scale))
  case .decimal, .text, .bytes, .json: return String(decoding: bytes, as: UTF8.self)
  case .date, .timestamp, .timestampZoned, .civil:
    let civil =
      cell.tag == .civil
      ? cell.civil
      : cell.tag == .date ? CivilTime(daysSinceEpoch: cell.int) : CivilTime(microsecondsSinceEpoch: cell.int)
    let date = "\(padded(civil.year, 4))-\(padded(civil.month, 2))-\(padded(civil.day, 2))"
    if cell.tag == .date { return date }
    let clock = "\(padded(civil.hour, 2)):\(padded(civil.minute, 2)):\(padded(civil.second, 2))"
    return civil.microsecond == 0 ? "\(date) \(clock)" : "\(date) \(clock).\(padded(civil.microsecond, 6))"
  case .time:
    let seconds = cell.int.magnitude / 1_000_000
    let sign = cell.int < 0 ? "-" : ""
    let clock = "\(sign)\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
    let rest = cell.int.magnitude % 1_000_000
    return rest == 0 ? clock : "\(clock).\(padded(rest, 6))"
  case .absent, .unavailable: return "absent"
  }
}
