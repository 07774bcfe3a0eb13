internal import Change
internal import MariaDBClient
internal import SQLRendering

/// Which changes of rows that are already there the target makes exactly as the source did.
extension TargetAlteration {
  /// - Throws: `.schemaChange` when the old rows of the source hold something in the added column that the log does not tell.
  func checkAddition(_ index: Int) throws(Failure) {
    let column = after.columns[index]
    guard let reason = unknownValue(of: column) else { return }
    guard try hasRows() else { return }
    throw failure(
      "what column \"\(column.name)\", which was added, holds in the rows that were there is not in the log: \(reason)",
      column)
  }

  private func unknownValue(of column: ColumnSchema) -> String? {
    if column.isAutoIncrement || (column.defaultValue == nil && words.contains("AUTO_INCREMENT")) {
      return "the source has numbered them"
    }
    if column.generation != .no {
      let isComputed = ColumnDefinition(column: column, isKey: false, server: server, sharesDialect: sharesDialect)
        .isGenerated
      return isComputed ? nil : "it is generated, by an expression that is not known"
    }
    switch column.defaultValue {
    case .literal(let text): return ExpressionText.clock(text).map { _ in "its default is the time of the statement" }
    case .expression(let text):
      if ExpressionText.isBits(text) { return nil }
      return sharesDialect && ExpressionText.isConstant(text) ? nil : "its default is computed"
    case nil:
      // A log that does not carry defaults still carries the statement.
      if column.nativeType.isEmpty, words.declaresDefault { return "it has a default that is not known" }
      if case .timestampZoned = column.type, !column.isNullable { return "it may have been the time of the statement" }
      return nil
    }
  }

  /// - Throws: `.schemaChange` when the source has converted values in a way that this server cannot repeat for sure.
  func checkConversion(_ old: ColumnSchema, _ new: ColumnSchema) throws(Failure) {
    guard old.type != new.type || old.charset != new.charset || old.isNullable && !new.isNullable else { return }
    guard let reason = unknownConversion(old, new), try hasRows() else { return }
    throw failure(
      "what the source made of the values of column \"\(new.name)\" by its new type cannot be told from the log: \(reason)",
      new)
  }

  private func unknownConversion(_ old: ColumnSchema, _ new: ColumnSchema) -> String? {
    if old.type.isInstant != new.type.isInstant { return "it depends on the time zone of its session" }
    if case .time = old.type, new.type.hasDate { return "it depends on the day" }
    if sharesDialect { return nil }
    let found = TargetShape.Column(
      name: new.name, nativeType: new.nativeType, isNullable: new.isNullable, hasDefault: false, isGenerated: false,
      isAutoIncrement: false, charset: new.charset, collation: new.collation)
    let isWider = !new.nativeType.isEmpty && ValueFit(source: old, target: found, isKey: false).refusal == nil
    return isWider ? nil : "source and target are servers of different kinds"
  }

  private func hasRows() throws(Failure) -> Bool {
    guard let liveRows else { return try connection.hasRows(in: TargetText.name(target)) }
    return try !connection.query("SELECT 1 FROM \(TargetText.name(target)) WHERE \(liveRows) LIMIT 1").isEmpty
  }

  private func failure(_ message: String, _ column: ColumnSchema) -> Failure {
    Failure(
      .schemaChange, message, at: "table \"\(after.name)\"",
      hint:
        "change column \"\(column.name)\" of \"\(target)\" at the target by hand so that its values are the source's "
        + "and start again, or take a new snapshot of the table")
  }
}

extension ColumnType {
  fileprivate var isInstant: Bool { if case .timestampZoned = self { true } else { false } }

  fileprivate var hasDate: Bool {
    switch self {
    case .date, .timestamp, .timestampZoned: true
    default: false
    }
  }
}
