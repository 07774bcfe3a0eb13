import Change
import Logging
import Pipeline
import PipelineConfiguration
import Testing

/// Where an editor jumps to when an expression is wrong.
@Suite struct ExpressionPlaceTests {
  private static let head =
    "pipeline: p\nsource: { type: mariadb, url: u }\nsinks: [{ type: blackhole }]\ntransforms:\n"

  private static func filter(_ scalar: String) -> String {
    head + "  - filter:\n      table: shop.orders\n      where: \(scalar)\n"
  }

  /// Each has its mistake at `!`, which stands for nothing.
  private static let scalars = [
    "id = 1 and !statis = 'a'", "  'id = 1 and !statis = 1'", "\"status = 'ü' and !statis = 'a'\"",
    "&a id = 1 and !statis = 1",
    "&a \"!statis = 'a'\"", "|\n        id = 1\n          and !statis = 'a'",
    "|-\n\n        id = 1\n        and !statis = 'a'",
    ">\n        id = 1 and !statis = 'a'", ">-\n        !statis = 'a'\n", "|2\n        !statis = 'a'",
  ]

  private static func place(of mark: Character, in text: String) throws -> String {
    let before = text[..<(try #require(text.firstIndex(of: mark)))]
    let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
    return "p.yaml:\(lines.count):\(try #require(lines.last).unicodeScalars.count + 1)"
  }

  /// What `plan` and `run` say of a table.
  private static func failure(_ text: String) throws -> Failure {
    let definition = try load(text).get().definition
    let table = TableSchema(
      name: TableName(namespace: "shop", table: "orders"),
      columns: [
        ColumnSchema(name: "id", type: .integer(bits: 64, unsigned: false), isNullable: false),
        ColumnSchema(name: "status", type: .text(length: 20)),
      ], key: [0])
    do throws(Failure) {
      let context = TransformContext(badRowPolicy: .stop, hasOneSource: true, logger: Logger(label: "test"))
      _ = try TransformChain(definition.transforms, context).schema(for: table)
    } catch { return error }
    throw Failure(.internal, "it was accepted")
  }

  @Test(arguments: scalars)
  func aWrongNameIsToldAtItsPlaceInTheFile(_ scalar: String) throws {
    let marked = Self.filter(scalar)
    let failure = try Self.failure(marked.replacing("!", with: ""))
    #expect(failure.place == (try Self.place(of: "!", in: marked)), "\(failure)")
    #expect(failure.message.contains("statis"))
  }

  @Test(arguments: scalars)
  func aMistakeOfSyntaxIsToldAtItsPlaceInTheFile(_ scalar: String) throws {
    let marked = Self.filter(scalar.replacing("statis", with: "= 1"))
    guard case .failure(let problems) = load(marked.replacing("!", with: "")) else {
      Issue.record("it was accepted")
      return
    }
    #expect(problems.failures.map(\.place) == [try Self.place(of: "!", in: marked)])
  }

  @Test(arguments: [
    ("'id = 1 and status <> ''a'' and statis = 1'", "p.yaml:7"), ("\"id = 1 and\\tstatis = 1\"", "p.yaml:7"),
    (">\n        id = 1\n        and statis = 1", "p.yaml:7"), ("id = 1\n        and statis = 1", "p.yaml:7"),
    ("'id = 1\n        and statis = 1'", "p.yaml:7"), ("id = ${NUMBER:-1} and statis = 1", "p.yaml:7"),
  ])
  func whereNoColumnIsCertainTheLineIsTold(_ scalar: String, _ place: String) throws {
    let failure = try Self.failure(Self.filter(scalar))
    #expect(failure.place == place)
    #expect(failure.message.contains("statis"))
  }

  @Test func anAggregatesPlaceCountsFromTheFunction() {
    let text =
      Self.head.replacing("transforms:", with: "windows:") + """
          - name: w
            from: shop.orders
            window: { tumbling: 1m }
            aggregate:
              a: "sum( id + )"
              b: uper(id)
              c: sum(id) / count()
              d: sum(uper(id))

        """
    #expect(
      problems(text) == [
        "p.yaml:9:20: expected a value, found the end", "p.yaml:10:10: unknown aggregate \"uper\"",
        "p.yaml:11:10: an aggregate is one function of rows, and there is more behind its \")\"",
        "p.yaml:12:14: there is no function \"uper\" (did you mean \"upper\"?)",
      ])
  }

  @Test func distinctWorksWithCountOnly() {
    func text(_ aggregate: String) -> String {
      Self.head.replacing("transforms:", with: "windows:") + """
          - name: w
            from: shop.orders
            window: { tumbling: 1m }
            aggregate:
              a: \(aggregate)

        """
    }
    for accepted in ["count(distinct id)", "count(distinct(id))", "count( distinct (id + 1) * 2 )", "count(distinct)"] {
      #expect(problems(text(accepted)) == [], "\(accepted)")
    }
    for refused in ["sum(distinct id)", "sum(distinct(id))"] {
      #expect(problems(text(refused)) == ["p.yaml:9:10: `distinct` works with `count` only, not with \"sum\""])
    }
    guard case .failure(let found) = load(text("max(distinct id)")) else { return #expect(Bool(false)) }
    #expect(found.failures.first?.hint == "max(distinct x) is max(x)")
  }

  @Test(arguments: [
    ("uper(status) = 'a'", "7:14"), ("left(status) = 'a'", "7:14"), ("id > 1 and status regexp '('", "7:39"),
    ("at > timestamp 'yesterday'", "7:19"), ("status like 'a' escape 'ab'", "7:37"), ("sum(id) > 1", "7:14"),
    ("status = 1 + 'a'", "7:27"), ("status -> 'a' = 1", "7:21"), ("id in (1, lower(1))", "7:30"),
  ])
  func whatIsWrongWhateverTheTableIsIsFoundWithoutOne(_ text: String, _ place: String) {
    guard case .failure(let problems) = load(Self.filter(text)) else {
      Issue.record("it was accepted")
      return
    }
    #expect(problems.failures.map(\.place) == ["p.yaml:\(place)"], "\(problems.failures)")
  }

  @Test(arguments: [
    "at > timestamp '2024-01-01' - interval 1 day", "timestampdiff(day, at, at) > 1", "date_trunc('week', at) = at",
    "id = -9223372036854775808", "case when id > 1 then 'a' else 'b' end = 'a'", "status in ('a', null)",
    "status like '%a' escape '!'", "status regexp '^a' and cast('1' as signed) = id", "at + interval id day > at",
  ])
  func whatIsRightIsAcceptedWithoutATable(_ text: String) {
    #expect(problems(Self.filter("\"\(text)\"")) == [])
  }
}
