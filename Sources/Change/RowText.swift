/// A row as one line of JSON, for the quarantine: exact, readable, not fast. Absent columns are left out.
///
/// Integers and decimals are numbers with all their digits, floats that JSON cannot write are texts, bytes are texts of
/// hexadecimal digits behind `\x`, times are texts.
package enum RowText {
  package static func json(_ batch: Batch, row: UInt32, columns: [Int], of schema: TableSchema) -> String {
    json(batch.cells, batch.arena, row: row, columns: columns, of: schema)
  }

  /// - Parameters:
  ///   - arena: what slices of the cells point into.
  ///   - row: the index of the row's first cell.
  package static func json(
    _ cells: [Cell], _ arena: [UInt8], row: UInt32, columns: [Int], of schema: TableSchema
  ) -> String {
    var text = "{"
    for column in columns {
      let cell = cells[Int(row) + column]
      guard cell.tag != .absent, cell.tag != .unavailable else { continue }
      if text.utf8.count > 1 { text += "," }
      text += string(schema.columns[column].name) + ":" + value(cell, schema.columns[column].type, arena)
    }
    return text + "}"
  }

  /// One value as JSON.
  package static func value(_ cell: Cell, _ type: ColumnType, _ arena: [UInt8]) -> String {
    switch cell.tag {
    case .absent, .unavailable, .null: return "null"
    case .boolean: return cell.payload == 0 ? "false" : "true"
    case .int: return "\(cell.int)"
    case .uint, .bits: return "\(cell.payload)"
    case .float32: return cell.float32.isFinite ? "\(cell.float32)" : string("\(cell.float32)")
    case .float64: return cell.float64.isFinite ? "\(cell.float64)" : string("\(cell.float64)")
    case .decimal: return String(decoding: arena[cell.range], as: UTF8.self)
    case .text, .json: return string(String(decoding: arena[cell.range], as: UTF8.self))
    case .bytes: return string("\\x" + arena[cell.range].map(hexadecimal).joined())
    case .decimal64, .date, .time, .timestamp, .timestampZoned, .civil:
      let text = rendered(cell, type)
      return cell.tag == .decimal64 ? text : string(text)
    }
  }

  private static func rendered(_ cell: Cell, _ type: ColumnType) -> String {
    ValueText.string { text in
      switch cell.tag {
      case .decimal64: text.write(unscaled: cell.int, scale: Int(min(38, cell.scale)))
      case .date: text.writeDate(CivilTime(daysSinceEpoch: cell.int))
      case .time: text.writeTime(microseconds: cell.int, fraction: 6)
      case .civil where type == .date: text.writeDate(cell.civil)
      case .civil: text.writeTimestamp(cell.civil, fraction: 6)
      default:
        text.writeTimestamp(CivilTime(microsecondsSinceEpoch: cell.int), fraction: 6)
        if cell.tag == .timestampZoned { text.writeZone() }
      }
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  package static func string(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20: result += "\\u00" + hexadecimal(UInt8(scalar.value))
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
