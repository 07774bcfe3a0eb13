internal import Change
internal import Compression

extension BinlogDecoder {
  /// The most cells that a batch may reach: 1 GiB of them. A rows event that a server wrote stays far below.
  private static let cellLimit = 1 << 26
  /// The most changes that a batch may reach.
  private static let changeLimit = 1 << 24

  /// A table map or a rows event: read, passed over, or put aside with its XA transaction.
  func rowEvent(_ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws {
    if phase.isHeld { return try hold(body, header) }
    if header.type == .tableMap { return try mapTable(body, builder) }
    if header.type == .partialUpdateRows {
      throw Failure(
        .serverSetting, "the log holds partial updates of JSON values",
        hint: "SET GLOBAL binlog_row_value_options='' at the server, and take a new snapshot")
    }
    try rows(header, body, builder)
  }

  private func mapTable(_ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws {
    var cursor = ByteCursor(body.bytes)
    let postHeader = layout?.hasNarrowTableNumber(.tableMap) == true ? 6 : 8
    let number = try TableMap.id(&cursor, byteCount: postHeader)
    if let known = tables.table(number), known.hasBytes(body) { return }
    try cursor.seek(to: 0)
    let map = try TableMap(&cursor, postHeaderByteCount: postHeader)
    guard options.isWanted(map.name) else {
      let table = MappedTable(bytes: Array(body), name: map.name, isWanted: false, schema: nil, plan: TablePlan())
      tables.insert(table, number: number)
      return
    }
    let (schema, plan) = try resolve(map, builder)
    tables.insert(
      MappedTable(bytes: Array(body), name: map.name, isWanted: true, schema: schema, plan: plan), number: number)
  }

  /// What stands before the rows of a rows event.
  private struct RowsHeader {
    var table: UInt64
    var columns: Int
    var operation: Operation
    var before: Int?
    var after: Int?
    var isCompressed: Bool
    /// Where the rows begin in the body.
    var rows: Int
  }

  private func rowsHeader(_ type: EventType, _ body: UnsafeRawBufferPointer) throws -> RowsHeader {
    var cursor = ByteCursor(body.bytes)
    let isSecond = (30...32).contains(type.rawValue) || (169...171).contains(type.rawValue)
    let isNarrow = layout?.hasNarrowTableNumber(type) ?? false
    let table = try TableMap.id(&cursor, byteCount: isNarrow ? 6 : 8)
    _ = try cursor.uint16()
    if isSecond {
      let extra = Int(try cursor.uint16())
      guard extra >= 2 else { throw Truncated(offset: cursor.offset, wanted: 2) }
      _ = try cursor.advance(extra - 2)
    }
    let columns = try cursor.lengthEncoded()
    guard columns > 0, columns <= UInt64(TableMap.columnLimit) else {
      throw Failure(.corruptLog, "a rows event has \(columns) columns")
    }
    let bitmap = (Int(columns) + 7) / 8
    let operation: Operation
    switch type {
    case .writeRowsV1, .writeRowsV2, .writeRowsCompressedV1, .writeRowsCompressedV2: operation = .insert
    case .updateRowsV1, .updateRowsV2, .updateRowsCompressedV1, .updateRowsCompressedV2: operation = .update
    default: operation = .delete
    }
    let first = try cursor.advance(bitmap)
    let second = operation == .update ? try cursor.advance(bitmap) : nil
    return RowsHeader(
      table: table, columns: Int(columns), operation: operation, before: operation == .insert ? nil : first,
      after: operation == .insert ? first : second, isCompressed: type.rawValue >= 166, rows: cursor.offset)
  }

  private func rows(_ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws {
    guard phase.isOpen else { throw Failure(.corruptLog, "rows come outside a transaction") }
    let rows = try rowsHeader(header.type, body)
    // The number 0xffffff only ends a statement.
    if rows.table == 0xff_ffff, rows.rows == body.count { return }
    guard let table = tables.table(rows.table) else {
      throw Failure(.corruptLog, "rows of table number \(rows.table) come without a table map")
    }
    guard table.isWanted, let schema = table.schema else {
      skippedRowsEvents += 1
      skippedBytes += header.byteCount
      return
    }
    if phase.isSuppressed { return }
    guard rows.columns == table.plan.decoders.count else {
      throw Failure(
        .corruptLog,
        "rows of \"\(table.name)\" have \(rows.columns) columns, its table map \(table.plan.decoders.count)")
    }
    if !table.plan.refusals.isEmpty, let refused = table.plan.refusals.min(by: { $0.key < $1.key }) {
      throw Failure(
        .unsupportedLog, "column \"\(schema.columns[refused.key].name)\" of \"\(table.name)\" holds \(refused.value)",
        hint: "leave the table out, or change the column's type")
    }
    ensureBegun(builder)
    let region = UnsafeRawBufferPointer(rebasing: body[rows.rows...])
    let target = RowTarget(schema: schema, plan: table.plan, time: EventTime(seconds: header.time), offset: eventOffset)
    if rows.isCompressed {
      try inflate(region)
      try inflated.withUnsafeBytes { try decodeRows($0, rows, body, target, builder) }
    } else {
      try decodeRows(region, rows, body, target, builder)
    }
  }

  private struct RowTarget {
    var schema: TableSchema
    var plan: TablePlan
    var time: EventTime
    var offset: UInt64
  }

  private func decodeRows(
    _ region: UnsafeRawBufferPointer, _ rows: RowsHeader, _ body: UnsafeRawBufferPointer, _ target: RowTarget,
    _ builder: BatchBuilder
  ) throws {
    guard let base = region.baseAddress, let bodyBase = body.baseAddress else { return }
    guard builder.arenaCount + region.count < RowReader.arenaLimit else {
      throw Failure(.limit, "a rows event of \(region.count) bytes does not fit the batch")
    }
    let columns = rows.columns
    let before = rows.before.map { RowImage(bodyBase + $0, columns: columns) }
    let after = rows.after.map { RowImage(bodyBase + $0, columns: columns) }
    // Such a row takes no bytes: how many there are could not be told.
    guard (before?.count ?? 0) + (after?.count ?? 0) > 0 else { throw missingColumns(target.schema.name) }
    scratch.reserve(columns * 2)
    var reader = RowReader(
      base: base, end: region.count, offset: 0, arenaOffset: builder.append(region), builder: builder, plan: target.plan
    )
    let failed = target.plan.decoders.withUnsafeBufferPointer { decoders -> RowFault? in
      var loop = RowLoop(
        decoders: decoders, before: before, after: after, cells: scratch.cells, changes: scratch.changes,
        operation: rows.operation,
        schema: builder.index(of: target.schema), time: target.time, offset: target.offset)
      do throws(RowFault) {
        try loop.run(&reader, builder, cellLimit: BinlogDecoder.cellLimit, changeLimit: BinlogDecoder.changeLimit)
        return nil
      } catch { return error }
    }
    if let failed { throw failure(failed, target) }
  }

  private func missingColumns(_ table: TableName) -> Failure {
    Failure(
      .serverSetting, "the log has rows of \"\(table)\" without any column",
      hint: "SET GLOBAL binlog_row_image=FULL at the server, reconnect its clients, and take a new snapshot")
  }

  private func failure(_ fault: RowFault, _ target: RowTarget) -> Failure {
    let table = target.schema.name
    let column = target.schema.columns.indices.contains(fault.column) ? target.schema.columns[fault.column] : nil
    let name = column.map { "column \"\($0.name)\" of \"\(table)\"" } ?? "a row of \"\(table)\""
    switch fault.reason {
    case .truncated: return Failure(.corruptLog, "a rows event ends inside \(name)")
    case .badText:
      return Failure(
        .badValue, "\(name) holds bytes that are no text in \(column?.charset ?? options.charset)",
        hint: "correct the value at the source, or declare the column as binary")
    case .badValue: return Failure(.badValue, "\(name) holds bytes that are no value of its type")
    case .tooLarge: return Failure(.limit, "a rows event of \"\(table)\" becomes too large")
    case .refused: return Failure(.unsupportedLog, "\(name) has a type that cannot be read")
    }
  }

  /// Undoes MariaDB's compression: a byte with the algorithm and how many bytes of length follow, the length, zlib.
  ///
  /// Source: MariaDB's sql/log_event.cc, `binlog_buf_compress`.
  func inflate(_ region: UnsafeRawBufferPointer) throws {
    var cursor = ByteCursor(region.bytes)
    let head = try cursor.uint8()
    let lengthBytes = Int(head & 7)
    guard head & 0x80 != 0, head & 0x70 == 0, lengthBytes >= 1, lengthBytes <= 4 else {
      throw Failure(.unsupportedLog, "an event is compressed in a way that is not known")
    }
    let length = try cursor.bigEndian(bytes: lengthBytes)
    guard length <= UInt64(options.eventByteLimit) else {
      throw Failure(.limit, "an event decompresses to \(length) bytes; the limit is \(options.eventByteLimit)")
    }
    let source = UnsafeRawBufferPointer(rebasing: region[cursor.offset...])
    // Deflate makes at most 1032 bytes of one: a larger claim is not worth an allocation.
    guard length <= UInt64(source.count) * 1040 + 64 else {
      throw Failure(.corruptLog, "a compressed event claims \(length) bytes for \(source.count)")
    }
    inflated = [UInt8](repeating: 0, count: Int(length))
    do {
      if zlib == nil { zlib = try ZlibDecoder() }
      try inflated.withUnsafeMutableBytes { try zlib?.decode(source, into: $0) }
    } catch { throw Failure(.corruptLog, "a compressed event cannot be decompressed", cause: "\(error)") }
  }
}
