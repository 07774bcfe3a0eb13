import Change
import Pipeline
import PipelineConfiguration
import Testing

/// Everything that is wrong with one block of `transforms:` or `windows:` is told at once, and nothing twice.
@Suite struct BlockProblemTests {
  private static let head = "pipeline: p\nsource: { type: mariadb, url: u }\nsinks: [{ type: blackhole }]\n"

  /// The blocks begin in line 5.
  private func transform(_ lines: String) -> [String] {
    problems(Self.head + "transforms:\n" + lines)
  }

  private func window(_ lines: String) -> [String] {
    problems(Self.head + "windows:\n" + lines)
  }

  @Test func eachWrongExpressionOfAComputeIsToldBesideWrongKeys() {
    let told = transform(
      """
        - compute:
            table: [orders, shop.a, b]
            colums: 1
            columns:
              a: 1 +
              b: nosuch(c)
              A: c
              d: [x]
              e: c * 2

      """)
    #expect(
      told.map { String($0.prefix(34)) } == [
        "p.yaml:6:15: \"orders\" is the name ", "p.yaml:6:31: \"b\" is the name of no",
        "p.yaml:7:7: unknown key \"colums\" (", "p.yaml:9:15: expected a value, fou",
        "p.yaml:10:12: there is no function", "p.yaml:11:9: column \"A\" is compute",
        "p.yaml:12:12: an expression is exp",
      ])
  }

  @Test func eachWrongOptionOfEachVerbIsTold() {
    let told = transform(
      """
        - filter: { table: a, where: 1 +, more: 1 }
        - cast: { table: a, columns: { a: nosuch, b: [c], B: int }, missing: no }
        - flatten: { column: [a], table: b, fields: { a..b: text, c: nosuch } }
        - mask: { table: a, columns: { a: hsh, b: hash, c: { truncate: x } } }
        - project: { table: a, include: a, exclude: b, rename: { a: [b], c: '' } }
        - only: { table: a, operations: [] }
        - route: { from: '(', to: nodot, merge: maybe }
        - outbox: { table: a, route.topic.replacement: nodot, table.fields.additional.placement: [a, "b:c", "d:header"] }

      """)
    let found = told.map { text in
      let parts = text.split(separator: ":", maxSplits: 3).map(String.init)
      return "\(parts[1]):\(parts[2])"
    }
    #expect(
      found == [
        "5:22", "5:35", "5:37", "6:20", "6:37", "6:48", "6:53", "6:72", "7:24", "7:36", "7:49", "7:64",
        "8:11", "8:20", "8:37", "8:66", "9:23", "9:47", "9:63", "9:72", "10:20", "10:35", "11:21", "11:29", "11:43",
        "12:22", "12:50", "12:93", "12:97",
      ], "\(told.joined(separator: "\n"))")
  }

  @Test func eachWrongOptionOfAWindowIsTold() {
    let told = window(
      """
        - name: r
          from: orders
          max_delay: 1s
          nosuch: 1
          window: { hopping: { size: 0s, every: 2x } }
          aggregate:
            a: summ(b)
            b: sum(1 +)
            c: count()
            d: [x]
          trigger: { early: 0s, late: often }
          late: { table: a.b.* }
          accumulation: all

      """)
    #expect(
      told.map { String($0.prefix(44)) } == [
        "p.yaml:6:11: a table is expected here, not \"", "p.yaml:7:16: \"max_delay\" needs \"event_time\":",
        "p.yaml:8:5: unknown key \"nosuch\"", "p.yaml:9:32: \"size\" must be longer than noth",
        "p.yaml:9:43: \"every\" must be a duration such", "p.yaml:11:10: unknown aggregate \"summ\" (did ",
        "p.yaml:12:17: expected a value, found the en", "p.yaml:14:10: a function of rows is expected",
        "p.yaml:15:23: \"early\" must be longer than no", "p.yaml:15:33: \"late\" must be \"each\" or a dur",
        "p.yaml:16:11: \"late\" needs \"event_time\": com", "p.yaml:16:20: a window is over one table, an",
        "p.yaml:17:19: \"accumulation\" must be one of ",
      ], "\(told.joined(separator: "\n"))")
  }

  @Test func noMoreIsToldThanAPersonReads() {
    let columns = (0..<500).map { "c\($0): nosuch(1)" }.joined(separator: ", ")
    #expect(transform("  - compute: { table: a.b, columns: { \(columns) } }\n").count == 100)
  }

  @Test func whatFollowsFromAProblemIsNotTold() {
    #expect(
      window("  - { name: 'a*', from: a.b, window: { tumbing: 1m }, aggregate: { n: count() } }\n") == [
        "p.yaml:5:14: \"a*\" cannot be a name",
        "p.yaml:5:40: unknown key \"tumbing\" (did you mean \"tumbling\"?)",
      ])
    #expect(
      window("  - { name: a, from: [a], event_time: [t], max_delay: 1s, window: 1m, aggregate: { n: count() } }\n")
        .count
        == 3)
    #expect(transform("  - flatten: { table: a.b, fields: { a: text } }\n") == ["p.yaml:5:14: \"column\" is missing"])
    #expect(transform("  - route: { from: [a], to: a.$1 }\n").count == 1)
  }

  @Test func sessionsThatAreDiscardingAreToldBesideTheirTable() {
    let told = window(
      "  - { name: r, table: a.b, from: a.b, window: { session: { gap: 1m } }, accumulation: discarding, aggregate: {} }\n"
    )
    #expect(
      told.map { String($0.split(separator: ":", maxSplits: 3)[3].prefix(20)) } == [
        " the results need a ", " sessions cannot be ", " \"aggregate\" must be",
      ], "\(told)")
  }
}
