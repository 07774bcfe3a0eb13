import Foundation
import PrivateServers
import SQLiteDatabase
import Testing

/// Windows of every kind, told in every way, over the orders of a ``WindowShop``, and what queries over its servers say
/// that they must come to.
///
/// A pipeline takes ``entries`` into its `windows:`. The times of all orders are whole seconds.
enum WindowKinds {
  private static let common =
    "from: shop.orders, event_time: happened, max_delay: 30s, group_by: [status],"
    + " aggregate: { orders: count(), cents: sum(amount * 100), most: max(amount % 100) }"
  private static let kept = "allowed_lateness: 2h, \(common)"
  /// Rows come up to 90 seconds behind the watermark, so many are too late for these.
  private static let strict = "allowed_lateness: 5s, window: { hopping: { size: 20s, every: 10s } }, \(common)"

  static let entries = """
      - { name: parts, \(kept), window: { tumbling: 1m, offset: 7s }, trigger: { early: 20, late: 2s }, accumulation: discarding }
      - { name: hops, \(kept), window: { hopping: { size: 5m, every: 1m } }, trigger: { early: 1s, late: each } }
      - { name: hop_parts, \(kept), window: { hopping: { size: 90s, every: 40s } }, trigger: { early: 50 }, accumulation: discarding }
      - { name: hop_steps, \(kept), window: { hopping: { size: 3m, every: 2m } }, trigger: { early: 2s, late: 1s }, accumulation: retracting }
      - { name: growing, \(kept), window: { cumulative: { size: 5m, every: 1m } }, trigger: { early: 1s, late: 3s } }
      - { name: growing_parts, \(kept), window: { cumulative: { size: 3m, every: 90s } }, accumulation: discarding }
      - { name: growing_steps, \(kept), window: { cumulative: { size: 4m, every: 2m } }, trigger: { early: 40 }, accumulation: retracting }
      - { name: sessions, \(kept), window: { session: { gap: 2s } }, trigger: { early: 1s, late: each } }
      - { name: session_steps, \(kept), window: { session: { gap: 3s } }, trigger: { early: 30, late: 1s }, accumulation: retracting }
      - { name: strict, \(strict), trigger: { late: each } }
      - { name: strict_aside, \(strict), trigger: { late: each }, late: quarantine }
    """

  /// What a window holds by a query over `parts`, orders by status and second.
  private enum Span {
    case hopping(size: Int, every: Int, offset: Int = 0)
    case cumulative(size: Int, every: Int)
    case session(gap: Int)

    /// `from`, `until`, `status`, `orders`, `cents`, `most`.
    var query: String {
      switch self {
      case .hopping(let size, let every, let offset):
        """
        WITH RECURSIVE starts(start) AS (
          SELECT (MIN(second) - \(size)) / \(every) * \(every) + \(offset) - \(every) FROM parts
          UNION ALL SELECT start + \(every) FROM starts WHERE start < (SELECT MAX(second) FROM parts))
        SELECT start, start + \(size), \(WindowKinds.sums) FROM starts
          JOIN parts ON second >= start AND second < start + \(size) GROUP BY start, status
        """
      case .cumulative(let size, let every):
        """
        WITH RECURSIVE ends(until) AS (
          SELECT MIN(second) / \(size) * \(size) + \(every) FROM parts
          UNION ALL SELECT until + \(every) FROM ends WHERE until <= (SELECT MAX(second) + \(size) FROM parts)),
        spans(start, until) AS (SELECT (until - 1) / \(size) * \(size), until FROM ends)
        SELECT start, until, \(WindowKinds.sums) FROM spans
          JOIN parts ON second >= start AND second < until GROUP BY start, until, status
        """
      case .session(let gap):
        """
        WITH marked AS (
          SELECT *, second - LAG(second) OVER (PARTITION BY status ORDER BY second) < \(gap) AS follows FROM parts),
        numbered AS (
          SELECT *, COUNT(*) FILTER (WHERE follows IS NOT 1) OVER (PARTITION BY status ORDER BY second) AS island
          FROM marked)
        SELECT MIN(second), MAX(second) + \(gap), \(WindowKinds.sums) FROM numbered GROUP BY status, island
        """
      }
    }
  }

  private static let sums = "status, SUM(orders), SUM(cents), MAX(most)"

  private static let spans: [(name: String, span: Span)] = [
    ("parts", .hopping(size: 60, every: 60, offset: 7)), ("hops", .hopping(size: 300, every: 60)),
    ("hop_parts", .hopping(size: 90, every: 40)), ("hop_steps", .hopping(size: 180, every: 120)),
    ("growing", .cumulative(size: 300, every: 60)), ("growing_parts", .cumulative(size: 180, every: 90)),
    ("growing_steps", .cumulative(size: 240, every: 120)), ("sessions", .session(gap: 2)),
    ("session_steps", .session(gap: 3)),
  ]

  private static let columns = "\(second("window_start")), \(second("window_end")), status"
  private static let notTheEnd = "WHERE status <> 'end'"

  /// Seconds since 1970 of a time in a target.
  private static func second(_ column: String) -> String {
    "CAST(strftime('%s', substr(replace(\(column), 'T', ' '), 1, 19)) AS INTEGER)"
  }

  private static func cents(_ expression: String) -> String { "CAST(ROUND(\(expression)) AS INTEGER)" }

  private static let totals = "SUM(orders), \(cents("COALESCE(SUM(cents), 0)"))"
  private static let someAreLeft = "SUM(orders) <> 0 OR \(cents("COALESCE(SUM(cents), 0)")) <> 0"

  /// What the results of a window come to: the last one, or the sum of all that was told.
  private static func results(_ name: String) -> (query: String, hasMost: Bool) {
    if name.hasSuffix("steps") {
      let query = """
        SELECT \(columns), SUM(pane_sign * orders), \(cents("SUM(pane_sign * cents)")) FROM \(name) \(notTheEnd)
          GROUP BY 1, 2, 3 HAVING SUM(pane_sign) <> 0
        """
      return (query, false)
    }
    if name.hasSuffix("parts") {
      let query = "SELECT \(columns), \(totals) FROM \(name) \(notTheEnd) GROUP BY 1, 2, 3 HAVING \(someAreLeft)"
      return (query, false)
    }
    return ("SELECT \(columns), orders, \(cents("cents")), \(cents("most * 100")) FROM \(name) \(notTheEnd)", true)
  }

  /// Each window in a target says what a query over all servers says.
  /// - Parameter someAreLate: whether there must be rows that came too late.
  static func expectResults(in database: String, of servers: [PrivateMariaDB], someAreLate: Bool) throws {
    let source = try gather(servers, database + ".source")
    for (name, span) in spans {
      let (query, hasMost) = results(name)
      let expected = try WindowShop.rows(source, span.query, columns: hasMost ? 6 : 5)
      let found = try WindowShop.rows(database, query, columns: hasMost ? 6 : 5)
      expectEqual(found, expected, "\(name) in \(database)")
      #expect(expected.count > 3)
      if name.hasSuffix("steps") { try expectOneStands(name, database) }
    }
    try expectLate(database, source, isCertain: someAreLate)
  }

  /// What was not taken back is one result for each window that has rows, and that of the highest number.
  private static func expectOneStands(_ name: String, _ database: String) throws {
    let last = try WindowShop.rows(
      database,
      """
      SELECT \(columns), orders, \(cents("cents")) FROM \(name) steps \(notTheEnd) AND pane_sign = 1 AND NOT EXISTS (
        SELECT * FROM \(name) back WHERE back.window_start = steps.window_start AND back.window_end = steps.window_end
          AND back.status = steps.status AND back.pane_index > steps.pane_index)
      """, columns: 5)
    let summed = try WindowShop.rows(database, results(name).query, columns: 5)
    expectEqual(last, summed, "the last of \(name) in \(database)")
  }

  /// What was told, and what came too late for that, are together what a query says; and the same was set aside elsewhere.
  private static func expectLate(_ database: String, _ source: String, isCertain: Bool) throws {
    let hasLate = try !WindowShop.rows(database, "SELECT 1 FROM pragma_table_info('strict_late')", columns: 1).isEmpty
    #expect(hasLate || !isCertain, "no row was late")
    let late = """
      UNION ALL SELECT \(second("late_window_end")) - 20, \(second("late_window_end")), status, late_sign,
          late_sign * amount * 100 FROM strict_late
      """
    let found = try WindowShop.rows(
      database,
      """
      WITH known(start, until, status, orders, cents) AS (
        SELECT \(columns), orders, cents FROM strict \(notTheEnd) \(hasLate ? late : ""))
      SELECT start, until, status, \(totals) FROM known GROUP BY 1, 2, 3 HAVING \(someAreLeft)
      """, columns: 5)
    let expected = try WindowShop.rows(source, Span.hopping(size: 20, every: 10).query, columns: 5)
    expectEqual(found, expected, "strict in \(database)")
    let told = try ["strict", "strict_aside"].map { name in
      try WindowShop.rows(database, "SELECT \(columns), orders, cents, most, pane_index FROM \(name)", columns: 7)
    }
    expectEqual(told[1], told[0], "strict_aside in \(database)")
    guard hasLate else { return }
    let counts = try WindowShop.rows(database, "SELECT COUNT(*), SUM(late_sign) FROM strict_late", columns: 2)
    let aside = try WindowShop.rows(
      database,
      """
      SELECT COUNT(*), SUM(CASE WHEN reason LIKE '%to be added%' THEN 1 ELSE -1 END) FROM orders_freshet_quarantine
        WHERE position LIKE '%window strict_aside%'
      """, columns: 2)
    #expect(aside == counts, "\(database)")
  }

  /// Two targets hold the same results, the first of each window as the last.
  static func expectEqualResults(in database: String, and other: String) throws {
    let results = ["revenue"] + spans.map(\.name) + ["strict", "strict_aside"]
    for name in results + ["strict_late", "orders_freshet_quarantine"] {
      let counts = try [database, other].map {
        try WindowShop.rows($0, "SELECT name FROM pragma_table_info('\(name)')", columns: 1).count
      }
      #expect(counts[0] == counts[1] && (counts[0] > 3 || !results.contains(name)), "\(name) in \(database)")
      // The tables of late rows are made by the first of them.
      if counts[0] == 0 { continue }
      let rows = try [database, other].map { try WindowShop.rows($0, "SELECT * FROM \(name)", columns: counts[0]) }
      expectEqual(rows[0], rows[1], "\(name) in \(database) and \(other)")
    }
  }

  private static func expectEqual(_ found: [[String?]], _ expected: [[String?]], _ what: String) {
    let (found, expected) = (Set(WindowShop.sorted(found)), Set(WindowShop.sorted(expected)))
    let extra = found.subtracting(expected).sorted()
    let missing = expected.subtracting(found).sorted()
    #expect(
      extra.isEmpty && missing.isEmpty,
      "\(what): \(extra.count) of \(found.count) are wrong, \(extra.prefix(5)), \(missing.count) miss, \(missing.prefix(5))"
    )
  }

  /// Brings the orders of all servers into one database, added up by status and second: no server can read the others.
  private static func gather(_ servers: [PrivateMariaDB], _ path: String) throws -> String {
    let connection = try SQLiteConnection(path: path)
    try connection.execute(
      "CREATE TABLE parts (status TEXT, second INTEGER, orders INTEGER, cents INTEGER, most INTEGER)")
    try connection.execute("BEGIN")
    for server in servers {
      let rows = try server.query(
        """
        SELECT status, TIMESTAMPDIFF(SECOND, TIMESTAMP'1970-01-01 00:00:00', happened), COUNT(*), CAST(SUM(amount * 100) AS SIGNED),
          CAST(MAX(amount % 100 * 100) AS SIGNED) FROM shop.orders WHERE status <> 'end' GROUP BY 1, 2
        """)
      for row in rows {
        let values = row[1...].map { $0 ?? "NULL" }.joined(separator: ", ")
        try connection.execute("INSERT INTO parts VALUES ('\(row[0] ?? "")', \(values))")
      }
    }
    // Orders of one second may lie on several servers.
    try connection.execute(
      """
      CREATE TABLE sums AS SELECT status, second, SUM(orders) orders, SUM(cents) cents, MAX(most) most FROM parts GROUP BY 1, 2;
      DROP TABLE parts; ALTER TABLE sums RENAME TO parts; COMMIT
      """)
    return path
  }
}
