internal import Change

extension BinlogDecoder {
  /// A statement: the border of a transaction, a definition, or data that should have been rows.
  func query(_ header: EventHeader, _ body: UnsafeRawBufferPointer, _ builder: BatchBuilder) throws -> Action {
    let event = try QueryEvent(body, isMariaDB: layout?.isMariaDB ?? true)
    let region = UnsafeRawBufferPointer(rebasing: body[event.statement...])
    if header.type == .queryCompressed {
      try inflate(region)
      return try inflated.withUnsafeBytes { try statement($0, event, header, builder) }
    }
    return try statement(region, event, header, builder)
  }

  private func statement(
    _ bytes: UnsafeRawBufferPointer, _ event: QueryEvent, _ header: EventHeader, _ builder: BatchBuilder
  ) throws -> Action {
    if isText("BEGIN", bytes) { return try beginGroup(header, builder) }
    if isText("COMMIT", bytes) { return try commit(header, builder) }
    let text = event.utf8(bytes)
    let head = SQLTokenizer.firstTokens(6, text, event.dialect)
    let words = SQLTokens(tokens: head, bytes: text)
    if words.isWord("XA") { return try xaStatement(text, event, header, builder) }
    if let action = try border(words, header, builder) { return action }
    return try definition(text, event, words, header, builder)
  }

  private func isText(_ text: StaticString, _ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count == text.utf8CodeUnitCount
      && bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private func beginGroup(_ header: EventHeader, _ builder: BatchBuilder) throws -> Action {
    if let open = transaction {
      guard !open.isGroup, !open.isBegun else { throw Failure(.corruptLog, "a transaction begins inside another one") }
      transaction?.isGroup = true
    } else {
      try open(header, nil, isGroup: true, builder)
    }
    return .none
  }

  /// BEGIN and the like in other spellings, COMMIT, ROLLBACK, savepoints; nil: none of them.
  private func border(_ statement: SQLTokens, _ header: EventHeader, _ builder: BatchBuilder) throws -> Action? {
    var words = statement
    if words.accept("BEGIN") || words.accept("START", "TRANSACTION") { return try beginGroup(header, builder) }
    if words.accept("COMMIT") { return try commit(header, builder) }
    if words.accept("SAVEPOINT") {
      guard let name = words.name(), transaction != nil else { return Action.none }
      transaction?.savepoints.removeAll { $0.name == name }
      transaction?.savepoints.append((name, builder.transactionChangeCount))
      return Action.none
    }
    if words.accept("RELEASE") { return Action.none }
    guard words.accept("ROLLBACK") else { return nil }
    _ = words.accept("WORK")
    if words.accept("TO") {
      _ = words.accept("SAVEPOINT")
      try rollBack(to: words.name() ?? "", builder)
      return Action.none
    }
    guard let open = transaction else { return Action.none }
    if open.isBegun, !builder.discardChanges(keeping: 0) { throw tornRollback() }
    return finishTransaction(at: EventTime(seconds: header.time), builder)
  }

  private func rollBack(to name: String, _ builder: BatchBuilder) throws {
    guard let open = transaction, open.isBegun else { return }
    guard let savepoint = open.savepoints.last(where: { $0.name == name }) else {
      throw Failure(.corruptLog, "the log rolls back to a savepoint that was not set")
    }
    guard builder.discardChanges(keeping: savepoint.changes) else { throw tornRollback() }
    while let last = transaction?.savepoints.last, last.name != name { transaction?.savepoints.removeLast() }
  }

  private func tornRollback() -> Failure {
    Failure(
      .unsupportedLog, "the log rolls back a part of a transaction that was already handed on",
      hint: "raise the batch size, or exclude tables without transactions from it")
  }

  private func xaStatement(
    _ text: [UInt8], _ event: QueryEvent, _ header: EventHeader, _ builder: BatchBuilder
  ) throws -> Action {
    var words = SQLTokens(tokens: SQLTokenizer.tokens(text, event.dialect) ?? [], bytes: text)
    _ = words.accept("XA")
    let verb = words.name()?.uppercased() ?? ""
    let identifier = XAIdentifier.read(&words)
    switch verb {
    case "START", "BEGIN":
      if transaction == nil { try open(header, nil, isGroup: true, builder) }
      transaction?.isGroup = true
      if let open = transaction, open.xa == nil {
        transaction?.xa = HeldEvents(identifier: identifier, start: start(of: open))
      }
      return .none
    case "END", "PREPARE": return .none
    case "COMMIT", "ROLLBACK":
      if transaction == nil { try open(header, nil, isGroup: false, builder) }
      let time = EventTime(seconds: header.time)
      let events = held.remove(identifier)
      // One that was emitted may have begun before the first one that was not, from where the log is read again.
      let isEmitted = events == nil && transaction?.isSuppressed == true
      guard verb == "COMMIT", !isEmitted else { return finishTransaction(at: time, builder) }
      guard let events else {
        throw Failure(
          .positionLost, "an XA transaction is committed whose changes lie before the start position",
          hint: "resume at an earlier place, or take a new snapshot")
      }
      return try replay(events, time: time, builder)
    default: return .none
    }
  }

  private func definition(
    _ text: [UInt8], _ event: QueryEvent, _ head: SQLTokens, _ header: EventHeader, _ builder: BatchBuilder
  ) throws -> Action {
    var head = head
    if head.isWord("SET"), head.isWord("STATEMENT", ahead: 1) {
      head = SQLTokens(tokens: SQLTokenizer.firstTokens(256, text, event.dialect), bytes: text)
    }
    if StatementKind(head) == .data {
      guard let target = DataStatement.target(text, event), temporaries.contains(target) else {
        throw statementFailure("\(head.current?.text.uppercased() ?? "data")")
      }
      return endSingle(header, builder)
    }
    let definition = DataDefinition.read(text, database: event.database, event.dialect)
    guard pending == nil, !builder.isEmpty, !builder.isInsideTransaction else {
      return try carryOut(definition, text, event, header, builder)
    }
    pending = .definition(definition, text: text, event: event, header: header)
    return .more
  }

  func carryOut(
    _ definition: DataDefinition, _ text: [UInt8], _ event: QueryEvent, _ header: EventHeader, _ builder: BatchBuilder
  ) throws -> Action {
    if transaction == nil { try open(header, nil, isGroup: false, builder) }
    transaction?.holdsDefinition = true
    try apply(definition, text, event, builder)
    return endSingle(header, builder)
  }

  /// A statement outside BEGIN and COMMIT is a transaction of its own.
  private func endSingle(_ header: EventHeader, _ builder: BatchBuilder) -> Action {
    guard let open = transaction, !open.isGroup else { return .none }
    return finishTransaction(at: EventTime(seconds: header.time), builder)
  }
}
