import Change
import Foundation
import MemoryConnector
import MessageDigest
import Pipeline
import TestRandom
import Testing

/// Random tables, logs, cuts and chains of transforms: what a sink gets is what a simple model makes of the same log.
@Suite(.timeLimit(.minutes(5))) struct RandomTransformTests {
  @Test func theSinkGetsWhatTheModelSays() async throws {
    for seed in TestSeeds.range(150) { try await RandomTransform(seed: UInt64(seed)).play() }
  }
}

/// A row change of the model, by names instead of places.
private struct ModelChange: Hashable {
  var operation: Change.Operation
  var table: String
  var before: [String: MemoryValue]?
  var after: [String: MemoryValue]?
}

private struct RandomTransform {
  private static let secret = "0123456789abcdef"
  let seed: UInt64
  private var random: SeededRandom
  private var blocks: [String] = []
  private var steps: [(ModelChange) -> ModelChange?] = []
  private let tables: [TableSchema]
  private var transactions: [MemoryTransaction] = []

  init(seed: UInt64) {
    self.seed = seed
    random = SeededRandom(seed: seed)
    var random = random
    tables = (0..<3).map { RandomTransform.table($0, &random) }
    self.random = random
    for number in 0..<Int.random(in: 1...4, using: &self.random) { addStep(number) }
    for number in 0..<Int.random(in: 1...30, using: &self.random) { addTransaction(number) }
  }

  private static func table(_ number: Int, _ random: inout SeededRandom) -> TableSchema {
    let types: [ColumnType] = [
      .text(length: 40), .integer(bits: 64, unsigned: false), .decimal(precision: 10, scale: 2, unsigned: false),
    ]
    let columns = (0..<Int.random(in: 1...5, using: &random)).map {
      ColumnSchema(name: "c\($0)", type: $0 == 0 ? types[0] : types[Int.random(in: 0..<3, using: &random)])
    }
    let key = ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false)
    let place = Int.random(in: 0...columns.count, using: &random)
    return TableSchema(
      name: TableName(namespace: "s", table: "t\(number)"),
      columns: columns[..<place] + [key] + columns[place...] + [ColumnSchema(name: "document", type: .json)],
      key: [place])
  }

  /// Every table has `id` and `c0`; the others may be missing, and are named only by patterns.
  private mutating func addStep(_ number: Int) {
    switch Int.random(in: 0..<9, using: &random) {
    case 7:
      blocks.append("{ cast: { table: '*', columns: { c2: text }, missing: warn } }")
      steps.append(
        images { row, _ in
          var row = row
          switch row["c2"] {
          case .int(let value): row["c2"] = .text("\(value)")
          case .decimal(let value): row["c2"] = .text(value)
          default: break
          }
          return row
        })
    case 8: addFlatten(number)
    case 5 where !blocks.contains { $0.contains("id: hash") }: addFilter()
    case 6 where !blocks.contains { $0.contains("id: hash") }:
      blocks.append("{ compute: { table: '*', columns: { twice\(number): \"id + id\" } } }")
      steps.append(
        images { row, _ in
          var row = row
          if case .int(let id)? = row["id"] { row["twice\(number)"] = .int(id + id) }
          return row
        })
    case 0:
      let all: [(String, Change.Operation)] = [("insert", .insert), ("update", .update), ("delete", .delete)]
      let kept = all.filter { _ in Int.random(in: 0..<3, using: &random) > 0 }
      guard !kept.isEmpty else { return }
      blocks.append("{ only: { table: '*0', operations: [\(kept.map(\.0).joined(separator: ", "))] } }")
      steps.append { change in
        !change.table.hasSuffix("0") || kept.contains { $0.1 == change.operation } ? change : nil
      }
    case 1:
      blocks.append("{ route: { from: '(.*)\\.(.*)([0-9])', to: '$1x.r\(number)$2$3' } }")
      steps.append { change in
        var change = change
        let dot = change.table.firstIndex(of: ".") ?? change.table.startIndex
        change.table = "\(change.table[..<dot])x.r\(number)\(change.table[change.table.index(after: dot)...])"
        return change
      }
    case 2:
      let gone = "c\(Int.random(in: 1...4, using: &random))"
      blocks.append("{ project: { table: '*', exclude: [\(gone)], missing: warn } }")
      steps.append(images { row, _ in row.filter { $0.key != gone } })
    case 3:
      // The names go round, so that no two columns ever have the same.
      blocks.append("{ project: { table: '*', order: [id, n\(number)], rename: { c3: n\(number) }, missing: warn } }")
      steps.append(
        images { row, _ in Dictionary(uniqueKeysWithValues: row.map { ($0 == "c3" ? "n\(number)" : $0, $1) }) })
    default: addMask()
    }
  }

  private mutating func addFlatten(_ number: Int) {
    let keeps = Bool.random(using: &random)
    blocks.append(
      """
      { flatten: { table: '*', column: document, prefix: f\(number)_, fields: { a: bigint, b.c: text }, keep: \(keeps), \
      missing: warn } }
      """)
    steps.append(
      images { row, _ in
        guard let document = row["document"] else { return row }
        var row = row
        if !keeps { row["document"] = nil }
        var content: Any?
        if case .json(let text) = document { content = try? JSONSerialization.jsonObject(with: Data(text.utf8)) }
        let members = content as? [String: Any]
        row["f\(number)_a"] = (members?["a"] as? Int).map { .int(Int64($0)) } ?? .null
        row["f\(number)_b_c"] = ((members?["b"] as? [String: Any])?["c"] as? String).map { .text($0) } ?? .null
        return row
      })
  }

  /// Rows with a positive key, as a table of its own.
  private mutating func addFilter() {
    blocks.append("{ filter: { table: '*', where: \"id > 0\" } }")
    let passes = { (row: [String: MemoryValue]?) in
      if case .int(let id)? = row?["id"] { id > 0 } else { false }
    }
    steps.append { change in
      var result = change
      let (before, after) = (passes(change.before), passes(change.after))
      if change.operation == .update, before, !after { (result.operation, result.after) = (.delete, nil) }
      if change.operation == .update, !before, after { (result.operation, result.before) = (.insert, nil) }
      return before || after ? result : nil
    }
  }

  private mutating func addMask() {
    let actions = ["hash", "redact", "\"null\"", "last4"]
    let column = "c0"
    let action = actions[Int.random(in: 0..<actions.count, using: &random)]
    let key = Bool.random(using: &random) && !blocks.contains { $0.contains("id: hash") }
    blocks.append(
      "{ mask: { table: '*', columns: { \(column): \(action)\(key ? ", id: hash" : "") }, secret: \(RandomTransform.secret) } }"
    )
    steps.append(
      images { row, _ in
        var row = row
        if let value = row[column] { row[column] = RandomTransform.masked(value, action) }
        if key, let value = row["id"] { row["id"] = RandomTransform.masked(value, "hash") }
        return row
      })
  }

  private func images(
    _ body: @escaping ([String: MemoryValue], ModelChange) -> [String: MemoryValue]
  ) -> (ModelChange) -> ModelChange? {
    { change in
      var result = change
      result.before = change.before.map { body($0, change) }
      result.after = change.after.map { body($0, change) }
      return result
    }
  }

  private static func masked(_ value: MemoryValue, _ action: String) -> MemoryValue {
    let text: String
    switch value {
    case .text(let content): text = content
    case .int(let number): text = "\(number)"
    default: return value
    }
    switch action {
    case "hash":
      var bytes = Array(text.utf8)
      KeyedHash(key: Array(secret.utf8)).append(ofRange: 0..<bytes.count, in: &bytes)
      return .text(String(decoding: bytes.suffix(64), as: UTF8.self))
    case "redact": return .text("***")
    case "last4":
      let scalars = text.unicodeScalars
      return .text(scalars.count <= 4 ? "***" : "***" + String(String.UnicodeScalarView(scalars.suffix(4))))
    default: return .null
    }
  }

  private mutating func addTransaction(_ number: Int) {
    var changes: [MemoryChange] = []
    for _ in 0..<Int.random(in: 0...8, using: &random) {
      let table = tables[Int.random(in: 0..<3, using: &random)]
      let row = values(table)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: changes.append(.insert(table, row))
      case 1:
        let after = Bool.random(using: &random) ? row : values(table)
        changes.append(.update(table, before: row, after: after))
      default: changes.append(.delete(table, row))
      }
    }
    transactions.append(MemoryTransaction(at: EventTime(microseconds: Int64(number + 1) * 1000), changes))
  }

  private mutating func values(_ table: TableSchema) -> [MemoryValue] {
    table.columns.map { column in
      if column.name != "id", Int.random(in: 0..<8, using: &random) == 0 { return .null }
      switch column.type {
      case .text:
        return .text(String("aäöü€😀xyz0123".shuffled(using: &random).prefix(Int.random(in: 0...9, using: &random))))
      case .json:
        let name = String("aäöü€😀xyz0123".shuffled(using: &random).prefix(Int.random(in: 0...9, using: &random)))
        let inner = Bool.random(using: &random) ? "{\"c\":\"\(name)\"}" : "null"
        let members = ["\"a\": \(Int.random(in: -9...9, using: &random))", "\"b\":\(inner)", "\"c\" : [1, {}]"]
        return .json("{\(members.shuffled(using: &random).prefix(2).joined(separator: ", "))}")
      case .decimal: return .decimal("\(Int.random(in: -99...99, using: &random)).25")
      default: return .int(Int64.random(in: -1000...1000, using: &random))
      }
    }
  }

  // MARK: What comes out

  func play() async throws {
    var random = random
    var expected: [ModelChange] = []
    var read: [String: UInt64] = [:]
    for change in transactions.flatMap(\.changes) {
      let change = model(change)
      read[change.table, default: 0] += 1
      var result: ModelChange? = change
      for step in steps { result = result.flatMap(step) }
      if let result { expected.append(result) }
    }
    let journal = Journal()
    let run = Shop.run(
      MemorySourceDefinition(
        log: MemoryLog(transactions), batchBytes: [64, 500, 1 << 20].randomElement(using: &random) ?? 64,
        transactionsPerBatch: Int.random(in: 1...9, using: &random)),
      into: [("journal", journal)], transforms: try TransformTrial.definitions(blocks.joined(separator: ", ")))
    try await run.run(until: .now)
    #expect(journal.changes.map(RandomTransform.named) == expected, "seed \(seed): \(blocks)")
    let sink = try #require(run.report.sinks["journal"])
    #expect(sink.tables.mapValues(\.read) == read, "seed \(seed)")
    #expect(sink.tables.values.allSatisfy { $0.unaccounted == 0 }, "seed \(seed): \(blocks)")
    #expect(sink.accounting.delivered == UInt64(expected.count), "seed \(seed)")
  }

  private func model(_ change: MemoryChange) -> ModelChange {
    let named = { (table: TableSchema, row: [MemoryValue]) in
      Dictionary(uniqueKeysWithValues: zip(table.columns.map(\.name), row))
    }
    switch change {
    case .insert(let table, let row), .read(let table, let row):
      return ModelChange(operation: .insert, table: table.name.description, after: named(table, row))
    case .update(let table, let before, let after):
      return ModelChange(
        operation: .update, table: table.name.description, before: named(table, before), after: named(table, after))
    case .delete(let table, let row):
      return ModelChange(operation: .delete, table: table.name.description, before: named(table, row))
    case .schema(let change): return ModelChange(operation: .schema, table: change.table.description)
    }
  }

  private static func named(_ change: Journal.Entry) -> ModelChange {
    let named = { (row: [MemoryValue]) in Dictionary(uniqueKeysWithValues: zip(change.columns, row)) }
    return ModelChange(
      operation: change.row.operation, table: change.row.table.description, before: change.row.before.map(named),
      after: change.row.after.map(named))
  }
}
