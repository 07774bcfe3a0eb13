import Change
import FilesConnector
import Foundation

/// The shop's tables as the archive's lines tell them: each change applied in order, as any reader of Debezium's format would.
struct ArchivedShop {
  /// By table, the rows by their key's values.
  private var tables: [String: [[String?]: [String: String?]]] = [:]

  private static let keys = [
    "customers": ["id"], "products": ["sku"], "orders": ["id"], "order_lines": ["order_id", "line"],
  ]
  /// Written as days and as microseconds since 1970.
  private static let dates: Set = ["joined"]
  private static let times: Set = ["placed", "paid"]

  init(directory: String) throws {
    var tables = self.tables
    try ManifestReader(directory).read { _, line in
      let event = try ArchivedShop.object(JSONSerialization.jsonObject(with: Data(line)))
      let source = try ArchivedShop.object(event["source"])
      guard let table = source["table"] as? String, let key = ArchivedShop.keys[table] else { return }
      if let before = event["before"] as? [String: Any] {
        let row = try ArchivedShop.row(before)
        tables[table, default: [:]][key.map { row[$0] ?? nil }] = nil
      }
      if let after = event["after"] as? [String: Any] {
        let row = try ArchivedShop.row(after)
        tables[table, default: [:]][key.map { row[$0] ?? nil }] = row
      }
    }
    self.tables = tables
  }

  func checksum(of table: String, columns: [String]) -> TableChecksum {
    var checksum = TableChecksum()
    for row in (tables[table] ?? [:]).values { checksum.add(columns.map { row[$0] ?? nil }) }
    return checksum
  }

  private static func object(_ value: Any?) throws(Failure) -> [String: Any] {
    guard let object = value as? [String: Any] else {
      throw Failure(.corruptState, "a line of the archive is not an event of Debezium's format")
    }
    return object
  }

  /// A row's values as the server prints them.
  private static func row(_ object: [String: Any]) throws(Failure) -> [String: String?] {
    var row: [String: String?] = [:]
    for (column, value) in object {
      switch value {
      case is NSNull: row[column] = .some(nil)
      case let text as String: row[column] = text
      case let number as NSNumber: row[column] = text(number.int64Value, column)
      default: throw Failure(.corruptState, "a value of \"\(column)\" in the archive is neither text nor number")
      }
    }
    return row
  }

  private static func text(_ number: Int64, _ column: String) -> String {
    let digits = { (value: Int, count: Int) in
      let text = String(value)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    let day = { (time: CivilTime) in
      "\(digits(Int(time.year), 4))-\(digits(Int(time.month), 2))-\(digits(Int(time.day), 2))"
    }
    if dates.contains(column) { return day(CivilTime(daysSinceEpoch: number)) }
    guard times.contains(column) else { return String(number) }
    let time = CivilTime(microsecondsSinceEpoch: number)
    let clock = [time.hour, time.minute, time.second].map { digits(Int($0), 2) }.joined(separator: ":")
    return "\(day(time)) \(clock).\(digits(Int(time.microsecond), 6))"
  }
}
