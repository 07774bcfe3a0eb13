import Change
import Pipeline

/// What the parts of a record are for the rows of one schema. Prepared once.
final class RawPlan {
  struct Header {
    let name: [UInt8]
    let column: Int
    let form: CellForm
  }

  let schema: TableSchema
  /// Whether the schema's records are columns as they are.
  let isRaw: Bool
  /// Why the options do not fit the table.
  private(set) var problem: Failure?
  /// The column of the key; none where the table has no key.
  private(set) var key = FixedArray<Int>([])
  private(set) var keyForm: CellForm?
  private(set) var value = 0
  private(set) var valueForm: CellForm?
  private(set) var headers: [Header] = []
  private(set) var timestamp: Int?

  init(_ schema: TableSchema, _ options: RawOptions, _ context: EncodingContext) {
    self.schema = schema
    isRaw = options.tables.includes(schema.name)
    guard isRaw else { return }
    do throws(Failure) {
      try choose(options, context.key(of: schema))
    } catch {
      problem = error
    }
  }

  private func choose(_ options: RawOptions, _ keys: [Int]) throws(Failure) {
    value = try column(options.value, "value")
    guard keys.count < 2 else {
      throw failure(
        "the key of a raw message is one column, and the table's has \(keys.count)", "`key_columns` names one")
    }
    key = FixedArray(keys)
    keyForm = keys.first.map { CellForm(schema.columns[$0].type) }
    valueForm = CellForm(schema.columns[value].type)
    if let name = options.timestamp {
      let index = try column(name, "timestamp")
      switch schema.columns[index].type {
      case .timestamp, .timestampZoned: timestamp = index
      default: throw failure("column \(NearestName.quoted(name)) holds no date and time", "`raw.timestamp` names it")
      }
    }
    var chosen: [Int] = []
    if let names = options.headers {
      for name in names { chosen.append(try column(name, "headers")) }
    } else {
      chosen = schema.columns.indices.filter { !keys.contains($0) && $0 != value && $0 != timestamp }
    }
    headers = chosen.map {
      Header(name: Array(schema.columns[$0].name.utf8), column: $0, form: CellForm(schema.columns[$0].type))
    }
  }

  private func column(_ name: String, _ option: String) throws(Failure) -> Int {
    if let index = schema.columns.firstIndex(where: { $0.name == name }) { return index }
    throw failure(
      "\"raw.\(option)\" names a column that the table does not have: \(NearestName.quoted(name))",
      NearestName.list("columns", schema.columns.map(\.name))
        + "; a pattern such as \"!\(schema.name)\" in \"raw.tables\" leaves a table out")
  }

  private func failure(_ message: String, _ hint: String) -> Failure {
    Failure(.configuration, message, at: "table \"\(schema.name)\"", hint: hint)
  }
}
