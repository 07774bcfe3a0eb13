import Change

extension BatchDraft {
  /// Notes what is told of a change that a verb has no result for; the verb takes it out with ``judge(_:)``.
  /// - Parameters:
  ///   - schema: the one that the cells of the change have.
  func reject(_ index: Int, of schema: TableSchema, _ failure: Failure) {
    let change = changes[index]
    let part = transactions.part(of: index) ?? 0
    // A delete, and the key that a row had at the target, is in the row before.
    let row = Int(change.hasBefore ? change.before : change.after)
    var key = "{"
    for column in schema.key where cells[row + column].tag != .absent {
      if key.utf8.count > 1 { key += "," }
      key +=
        RejectedKey.string(schema.columns[column].name) + ":"
        + RejectedKey.value(cells[row + column], arena)
    }
    rejected.append(
      RejectedChange(
        change, part: Int32(part), origin: accounts.origins[Int(change.schema)], table: schema.name,
        key: schema.key.isEmpty ? nil : key + "}", failure: failure))
  }
}

/// Values of a key as JSON: exact, not fast.
enum RejectedKey {
  static func value(_ cell: Cell, _ arena: [UInt8]) -> String {
    switch cell.tag {
    case .absent, .unavailable, .null: "null"
    case .boolean: cell.payload == 0 ? "false" : "true"
    case .int: "\(cell.int)"
    case .uint, .bits: "\(cell.payload)"
    case .float32: string("\(cell.float32)")
    case .float64: string("\(cell.float64)")
    case .decimal64: decimal(cell)
    case .decimal: String(decoding: arena[cell.range], as: UTF8.self)
    case .text, .json: string(String(decoding: arena[cell.range], as: UTF8.self))
    case .bytes: string("\\x" + arena[cell.range].map { digits(Int($0), 2, radix: 16) }.joined())
    case .date: string(date(CivilTime(daysSinceEpoch: cell.int)))
    case .civil: string(dateAndTime(cell.civil))
    case .timestamp: string(dateAndTime(CivilTime(microsecondsSinceEpoch: cell.int)))
    case .timestampZoned: string(dateAndTime(CivilTime(microsecondsSinceEpoch: cell.int)) + "Z")
    case .time: string(time(cell.int))
    }
  }

  static func string(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20: result += "\\u00" + digits(Int(scalar.value), 2, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private static func decimal(_ cell: Cell) -> String {
    let scale = Int(cell.scale)
    let text = String(cell.int.magnitude)
    let padded = String(repeating: "0", count: max(0, scale + 1 - text.count)) + text
    return (cell.int < 0 ? "-" : "") + padded.dropLast(scale) + (scale > 0 ? "." : "") + padded.suffix(scale)
  }

  private static func date(_ civil: CivilTime) -> String {
    "\(digits(Int(civil.year), 4))-\(digits(Int(civil.month), 2))-\(digits(Int(civil.day), 2))"
  }

  private static func dateAndTime(_ civil: CivilTime) -> String {
    "\(date(civil))T\(digits(Int(civil.hour), 2)):\(digits(Int(civil.minute), 2)):\(digits(Int(civil.second), 2))"
      + ".\(digits(Int(civil.microsecond), 6))"
  }

  private static func time(_ microseconds: Int64) -> String {
    let seconds = Int(microseconds.magnitude / 1_000_000)
    return (microseconds < 0 ? "-" : "") + "\(digits(seconds / 3600, 2)):\(digits(seconds / 60 % 60, 2)):"
      + "\(digits(seconds % 60, 2)).\(digits(Int(microseconds.magnitude % 1_000_000), 6))"
  }

  private static func digits(_ value: Int, _ count: Int, radix: Int = 10) -> String {
    let text = String(value, radix: radix)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }
}
