import MariaDBClient
import TestRandom

/// A seeded history of definitions and rows on a handful of tables, every statement of it valid.
struct RandomSchema {
  private struct Table {
    var name: String
    /// Besides `id` and `v`.
    var columns: [String] = []
    var indexes: [String] = []
    var nextId = 1
  }

  private var random: SeededRandom
  private var tables: [Table] = []
  private var number = 0
  private(set) var definitions = 0

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  private static let types = [
    "INT NOT NULL DEFAULT 7", "BIGINT UNSIGNED NULL", "VARCHAR(40) NOT NULL DEFAULT 'né'", "DECIMAL(14,3) NULL",
    "DATETIME(3) NULL", "VARBINARY(20) NULL", "DOUBLE NOT NULL DEFAULT 0.5", "ENUM('a','b','c') NULL",
    "TEXT CHARACTER SET latin1 NULL", "TINYINT UNSIGNED NOT NULL DEFAULT 1", "DATE NULL", "BIT(5) NULL",
  ]

  /// One definition and a few statements on rows.
  mutating func step() -> [String] {
    var statements: [String] = []
    if tables.count < 3 {
      statements.append(create())
    } else {
      statements.append(alter(Int.random(in: 0..<tables.count, using: &random)))
    }
    definitions += 1
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      statements += rows(Int.random(in: 0..<tables.count, using: &random))
    }
    return statements
  }

  private mutating func next() -> Int {
    number += 1
    return number
  }

  private mutating func create() -> String {
    let table = Table(name: "t\(next())")
    tables.append(table)
    let charset = Bool.random(using: &random) ? "utf8mb4" : "latin1"
    return
      "CREATE TABLE h.`\(table.name)` (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(60) NULL) CHARACTER SET \(charset)"
  }

  private mutating func alter(_ index: Int) -> String {
    let name = "h.`\(tables[index].name)`"
    let column = tables[index].columns.randomElement(using: &random)
    switch (Int.random(in: 0..<14, using: &random), column) {
    case (0, _) where tables.count > 3:
      tables.remove(at: index)
      return "DROP TABLE \(name)"
    case (0...1, _):
      let renamed = "t\(next())"
      tables[index].name = renamed
      return "RENAME TABLE \(name) TO h.`\(renamed)`"
    case (2, _): return "TRUNCATE TABLE \(name)"
    case (3...4, let column?):
      tables[index].columns.removeAll { $0 == column }
      return "ALTER TABLE \(name) DROP COLUMN `\(column)`"
    case (5...6, let column?):
      let renamed = "c\(next())"
      tables[index].columns = tables[index].columns.map { $0 == column ? renamed : $0 }
      return "ALTER TABLE \(name) RENAME COLUMN `\(column)` TO `\(renamed)`"
    case (7, _): return "ALTER TABLE \(name) MODIFY v VARCHAR(\(60 + next() % 100)) NULL"
    case (8, let column?):
      let index8 = "i\(next())"
      tables[index].indexes.append(index8)
      return
        "ALTER TABLE \(name) ADD INDEX `\(index8)` (id, v(5)), ALTER COLUMN `\(column)` DROP DEFAULT, ADD COLUMN c\(addColumn(index)) INT NULL"
    case (9, _): return "CREATE TABLE h.`\(addTable())` LIKE \(name)"
    default:
      let place = ["", " FIRST", " AFTER id"].randomElement(using: &random) ?? ""
      let type = RandomSchema.types.randomElement(using: &random) ?? "INT NULL"
      return "ALTER TABLE \(name) ADD COLUMN c\(addColumn(index)) \(type)\(place)"
    }
  }

  private mutating func addColumn(_ index: Int) -> Int {
    let number = next()
    tables[index].columns.append("c\(number)")
    return number
  }

  private mutating func addTable() -> String {
    let name = "t\(next())"
    tables.append(Table(name: name))
    return name
  }

  private mutating func rows(_ index: Int) -> [String] {
    let name = "h.`\(tables[index].name)`"
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return ["DELETE FROM \(name) WHERE id MOD 5 = \(Int.random(in: 0..<5, using: &random))"]
    case 1:
      return ["UPDATE \(name) SET v = CONCAT('changed ', id) WHERE id MOD 3 = \(Int.random(in: 0..<3, using: &random))"]
    case 2: return ["UPDATE \(name) SET id = id + 1000000 WHERE id MOD 11 = \(Int.random(in: 0..<11, using: &random))"]
    default:
      let first = tables[index].nextId
      let count = Int.random(in: 1...30, using: &random)
      tables[index].nextId += count
      return [
        "INSERT IGNORE INTO \(name) (id, v) SELECT seq, CONCAT('row ', seq) FROM h.seq_\(first)_to_\(first + count - 1)"
      ]
    }
  }
}
