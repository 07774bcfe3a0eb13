package import Change
package import Pipeline

extension TargetMode {
  /// Reads the options `mode` and `mode_columns`.
  package init(_ block: OptionBlock) throws(Failure) {
    let kind = block.string("mode").flatMap(Kind.init) ?? .mirror
    var names: [Column: String] = [:]
    if let renamed = block.block("mode_columns") {
      for column in Column.allCases where renamed.has(column.rawValue) {
        guard column.kind == kind else {
          throw Failure(
            .configuration, "`mode: \(kind.rawValue)` adds no column \"\(column.rawValue)\"",
            at: renamed.place(of: column.rawValue))
        }
        names[column] = renamed.string(column.rawValue)
      }
    }
    do {
      try self.init(kind, names: names)
    } catch {
      throw error.at(block.place(of: "mode_columns"))
    }
  }
}

extension TargetMode.Column {
  /// The options inside `mode_columns`.
  package static var options: [Option] {
    allCases.map { column in
      Option(column.rawValue, .string, default: column.rawValue, "\(column.kind.rawValue): \(column.summary)")
    }
  }

  private var summary: String {
    switch self {
    case .operation: "c, u or d; r for a row that a snapshot read; t for a table that was emptied."
    case .position: "the number of the transaction and the row's place in it; unique, and growing with the log."
    case .committedAt: "when the source committed the change."
    case .deletedAt: "when the row was deleted; NULL while it is there."
    case .version: "the number of the transaction that made this version; with the source's key the table's."
    case .validFrom: "when the version began: the commit of the change that made it."
    case .validTo: "when the version ended; NULL while it holds."
    case .isCurrent: "whether the version holds now."
    }
  }
}
