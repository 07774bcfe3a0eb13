import Change

/// What the source puts into an inserted row that does not name a column.
struct InsertedCell {
  var cell: Cell
  /// Of a cell that is a slice.
  var bytes: [UInt8] = []
}

extension ColumnSchema {
  /// What an inserted row has in this column when the log leaves it out, as `binlog_row_image=MINIMAL` does with a constant
  /// default; nil: it cannot be told exactly.
  var insertedCell: InsertedCell? {
    guard generation == .no, !isAutoIncrement else { return nil }
    switch defaultValue {
    case .literal(let text): return ColumnSchema.cell(text, type)
    case .expression: return nil
    // Without the source's type nothing is known of a default either: a transform has made the column anew, or its table's
    // definition was never read.
    case nil: return isNullable && !nativeType.isEmpty ? InsertedCell(cell: .null) : nil
    }
  }

  private static func cell(_ text: String, _ type: ColumnType) -> InsertedCell? {
    switch type {
    case .text, .enumeration, .set, .uuid, .address: return slice(.text, text)
    case .integer(_, let isUnsigned):
      return isUnsigned
        ? UInt64(text).map { InsertedCell(cell: .uint($0)) } : Int64(text).map { InsertedCell(cell: .int($0)) }
    case .year: return Int64(text).map { InsertedCell(cell: .int($0)) }
    case .float32: return Float(text).map { InsertedCell(cell: .float32($0)) }
    case .float64: return Double(text).map { InsertedCell(cell: .float64($0)) }
    case .decimal(let precision, let scale, _): return decimal(text, precision, scale)
    case .boolean, .unboundedDecimal, .bytes, .date, .time, .timestamp, .timestampZoned, .bit, .json, .geometry:
      return nil
    }
  }

  private static func slice(_ tag: Cell.Tag, _ text: String, scale: Int = 0) -> InsertedCell {
    let bytes = Array(text.utf8)
    return InsertedCell(cell: .slice(tag, offset: 0, length: bytes.count, scale: UInt8(scale)), bytes: bytes)
  }

  private static func decimal(_ text: String, _ precision: Int, _ scale: Int) -> InsertedCell? {
    let value: Int128
    do throws(ValueProblem) {
      value = try Array(text.utf8).withUnsafeBufferPointer { (digits) throws(ValueProblem) in
        try CellReader.digits(UnsafeRawBufferPointer(digits), scale: scale)
      }
    } catch {
      return nil
    }
    guard precision > 18 else {
      return Int64(exactly: value).map { InsertedCell(cell: .decimal64(unscaled: $0, scale: UInt8(scale))) }
    }
    let digits = String(value.magnitude)
    let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
    let whole = padded.dropLast(scale)
    return slice(
      .decimal, (value < 0 ? "-" : "") + whole + (scale > 0 ? "." : "") + padded.suffix(scale), scale: scale)
  }
}
