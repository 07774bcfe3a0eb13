import Change
import Pipeline
import PipelineConfiguration
import Testing

/// A wrong file and everything that is told about it.
struct WrongFile: Sendable, CustomTestStringConvertible {
  let what: String
  let text: String
  let problems: [String]

  init(_ what: String, _ text: String, _ problems: String...) {
    self.what = what
    self.text = text
    self.problems = problems
  }

  var testDescription: String { what }

  /// A file whose lines 1 to 3 are right, and wrong from line 4 on.
  init(sourceLine line: String, _ problems: String...) {
    what = line
    text = "pipeline: p\nsinks: [{ type: blackhole }]\nsource: { type: mariadb, url: \"mariadb://h\",\n  \(line) }\n"
    self.problems = problems
  }

  /// A file whose line 3 is a wrong sink.
  init(sinkLine line: String, _ problems: String...) {
    what = line
    text = "pipeline: p\nsource: { type: mariadb, url: \"mariadb://h\" }\nsinks: [\(line)]\n"
    self.problems = problems
  }

  /// A file whose line 4 is wrong at its top level.
  init(topLine line: String, _ problems: String...) {
    what = line
    text = "pipeline: p\nsource: { type: mariadb, url: \"mariadb://h\" }\nsinks: [{ type: blackhole }]\n\(line)\n"
    self.problems = problems
  }

  static let options = [
    WrongFile(
      sourceLine: "snapshot: { threads: four }",
      "p.yaml:4:24: \"threads\" must be an integer from 1 to 64, not \"four\""),
    WrongFile(
      sourceLine: "snapshot: { threads: 65 }", "p.yaml:4:24: \"threads\" must be an integer from 1 to 64, not \"65\""),
    WrongFile(
      sourceLine: "snapshot: { threads: \"4\" }", "p.yaml:4:25: \"threads\" must be an integer from 1 to 64, not \"4\""),
    WrongFile(
      sourceLine: "snapshot: { threads: [4] }",
      "p.yaml:4:24: \"threads\" must be an integer from 1 to 64, not a list"),
    WrongFile(
      sourceLine: "snapshot: { threads: }", "p.yaml:4:24: \"threads\" must be an integer from 1 to 64, not nothing"),
    WrongFile(
      sourceLine: "snapshot: { thread: 4, mod: never }",
      "p.yaml:4:15: unknown key \"thread\" (did you mean \"threads\"?)",
      "p.yaml:4:26: unknown key \"mod\" (did you mean \"mode\"?)"),
    WrongFile(
      sourceLine: "snapshot: { mode: always }",
      "p.yaml:4:21: \"mode\" must be one of initial, never, only, not \"always\""),
    WrongFile(
      sourceLine: "snapshot: never", "p.yaml:4:13: \"snapshot\" must be a block with mode, threads, not \"never\""),
    WrongFile(
      sourceLine: "heartbeat: 5 sec",
      "p.yaml:4:14: \"heartbeat\" must be a duration such as 250ms, 5s or 1m, not \"5 sec\""),
    WrongFile(sourceLine: "heartbeet: 5s", "p.yaml:4:3: unknown key \"heartbeet\" (did you mean \"heartbeat\"?)"),
    WrongFile(sourceLine: "zzz: 5s", "p.yaml:4:3: unknown key \"zzz\""),
    WrongFile(sourceLine: "url: other", "p.yaml:4:3: \"url\" is written twice, first at line 3"),
    WrongFile(
      sourceLine: "tables: { a: b }",
      "p.yaml:4:11: \"tables\" must be a list, each item a text, not a block of keys and values"),
    WrongFile(sourceLine: "tables: [a, [b]]", "p.yaml:4:15: \"tables\" must be a text, not a list"),
    WrongFile(
      sourceLine: "start: sometimes",
      "p.yaml:4:10: \"start\" must be one of earliest, latest, or a block with gtid, not \"sometimes\""),
    WrongFile(sourceLine: "start: { gtdi: 1 }", "p.yaml:4:12: unknown key \"gtdi\" (did you mean \"gtid\"?)"),
    WrongFile(sourceLine: "name: a/b", "p.yaml:4:9: \"a/b\" cannot be a name"),
    WrongFile(sourceLine: "name: ..", "p.yaml:4:9: \"..\" cannot be a name"),
    WrongFile(
      sinkLine: "{ type: files, path: a, sync: yes }", "p.yaml:3:39: \"sync\" must be true or false, not \"yes\""),
    WrongFile(
      sinkLine: "{ type: files, path: a, roll: { bytes: 64 MB } }",
      "p.yaml:3:48: \"bytes\" must be a size such as 64KiB or 16MiB, not \"64 MB\""),
    WrongFile(
      sinkLine: "{ type: files, path: a, roll: { bytes: 99999999999TiB } }",
      "p.yaml:3:48: \"bytes\" must be a size such as 64KiB or 16MiB, not \"99999999999TiB\""),
    WrongFile(sinkLine: "{ type: files }", "p.yaml:3:9: \"path\" is missing"),
    WrongFile(sinkLine: "{ type: files, path: \"\" }", "p.yaml:3:31: \"path\" must be a path, not \"\""),
    WrongFile(sinkLine: "{ name: a }", "p.yaml:3:9: \"type\" is missing"),
    WrongFile(sinkLine: "{ type: blackhol }", "p.yaml:3:17: unknown type \"blackhol\" (did you mean \"blackhole\"?)"),
    WrongFile(sinkLine: "{ type: oracle }", "p.yaml:3:17: unknown type \"oracle\""),
    WrongFile(sinkLine: "{ type: mariadb }", "p.yaml:3:17: \"mariadb\" cannot be a sink"),
    WrongFile(sinkLine: "blackhole", "p.yaml:3:9: a sink is a block of keys and values, not \"blackhole\""),
    WrongFile(sinkLine: "", "p.yaml:3:8: \"sinks\" holds no sink"),
    WrongFile(
      sinkLine: "{ type: blackhole }, { type: blackhole }", "p.yaml:3:30: two sinks are called \"blackhole\""),
    WrongFile(
      sinkLine: "{ type: blackhole, name: a }, { type: files, path: b, name: a }",
      "p.yaml:3:69: two sinks are called \"a\""),
  ]

  static let topLevel = [
    WrongFile(
      topLine: "transforms: mask", "p.yaml:4:13: \"transforms\" must be a list, each item a value, not \"mask\""),
    WrongFile(
      topLine: "windows: {}",
      "p.yaml:4:10: \"windows\" must be a list, each item a value, not a block of keys and values"),
    WrongFile(topLine: "order: { idle: 5s }", "p.yaml:4:10: unknown key \"idle\""),
    WrongFile(
      topLine: "order: { idle_after: soon }",
      "p.yaml:4:22: \"idle_after\" must be a duration such as 250ms, 5s or 1m, or \"never\", not \"soon\""),
    WrongFile(
      topLine: "order: { late: drop }", "p.yaml:4:16: \"late\" must be one of emit, quarantine, stop, not \"drop\""),
    WrongFile(
      topLine: "order: { late: quarantine, shared_keys: stop }",
      "p.yaml:4:41: `shared_keys: stop` does not go with `late: quarantine`"),
    WrongFile(topLine: "control: {}", "p.yaml:4:1: \"control\" is not available in this version"),
    WrongFile(topLine: "pipline: p", "p.yaml:4:1: unknown key \"pipline\" (did you mean \"pipeline\"?)"),
    WrongFile(topLine: "pipeline: q", "p.yaml:4:1: \"pipeline\" is written twice, first at line 1"),
    WrongFile(
      topLine: "on_bad_row: skip", "p.yaml:4:13: \"on_bad_row\" must be one of stop, quarantine, not \"skip\""),
    WrongFile(topLine: "limits: { memory: 63MiB }", "p.yaml:4:19: \"memory\" must be at least 64MiB"),
    WrongFile(topLine: "limits: { disk: 1GiB }", "p.yaml:4:11: unknown key \"disk\""),
    WrongFile(topLine: "state: [a]", "p.yaml:4:8: \"state\" must be a path, not a list"),
    WrongFile(topLine: "<<: *a", "p.yaml:4:5: the alias stands for nothing: no \"&\" before it gives it a value"),
    WrongFile(topLine: "? [a]\n: b", "p.yaml:4:3: a key must be a text"),
    WrongFile(topLine: "--- \na: b", "p.yaml:4:1: a pipeline file holds one document, and another one begins here"),
    WrongFile(topLine: "\tstate: a", "p.yaml:4:1: a tab stands where YAML wants spaces"),
    WrongFile(topLine: "state: a: b", "p.yaml:4:9: not YAML: mapping values are not allowed in this context"),
    WrongFile(
      topLine: "sources: [{ type: mariadb, url: a }]", "p.yaml:4:10: \"source\" and \"sources\" exclude each other"),
    WrongFile(
      "nothing but a source", "source: { type: mariadb, url: u }\n", "p.yaml:1:1: \"pipeline\" is missing",
      "p.yaml:1:1: \"sinks\" is missing"),
    WrongFile(
      "no source", "pipeline: p\nsinks: [{ type: blackhole }]\n", "p.yaml:1:1: \"source\" is missing"),
    WrongFile(
      "two sources of which one has no name",
      "pipeline: p\nsinks: [{ type: blackhole }]\nsources:\n- { name: a, type: mariadb, url: a }\n- { type: mariadb, url: b }\n",
      "p.yaml:5:3: one of several sources has no name"),
    WrongFile(
      "two sources of one name",
      "pipeline: p\nsinks: [{ type: blackhole }]\nsources:\n- { name: a, type: mariadb, url: a }\n- { name: a, type: mariadb, url: b }\n",
      "p.yaml:5:11: two sources are called \"a\""),
    WrongFile(
      "an empty list of sources", "pipeline: p\nsinks: [{ type: blackhole }]\nsources: []\n",
      "p.yaml:3:10: \"sources\" holds no source"),
    WrongFile("an empty file", "", "p.yaml:1:1: the file is empty"),
    WrongFile("a file of comments", "# nothing\n", "p.yaml:1:1: the file is empty"),
    WrongFile("a document of nothing", "---\n", "p.yaml:1:1: the file is empty"),
    WrongFile(
      "a list", "- a\n", "p.yaml:1:1: a block of keys and values is expected here, not a list"),
    WrongFile(
      "a quote without its end", "pipeline: \"p\n",
      "p.yaml:2:1: not YAML: found unexpected end of stream while scanning a quoted scalar"),
  ]

  static let transforms = [
    WrongFile(
      topLine: "transforms: [{ mask: { table: t } }]", "p.yaml:4:22: \"columns\" is missing",
      "p.yaml:4:31: \"t\" is the name of no table"),
    WrongFile(
      topLine: "transforms: [{ maks: {} }]", "p.yaml:4:16: unknown verb \"maks\" (did you mean \"mask\"?)"),
    WrongFile(
      topLine: "transforms: [{ filter: { table: t } }]", "p.yaml:4:24: \"where\" is missing",
      "p.yaml:4:33: \"t\" is the name of no table"),
    WrongFile(
      topLine: "transforms: [{ compute: { table: t, columns: a } }]",
      "p.yaml:4:34: \"t\" is the name of no table",
      "p.yaml:4:46: \"columns\" must be a block of columns and expressions"),
    WrongFile(
      topLine: "transforms: [mask]",
      "p.yaml:4:14: a transform is a block of one verb, not \"mask\""),
    WrongFile(
      topLine: "transforms: [{ only: { operations: insert }, mask: {} }]",
      "p.yaml:4:14: a transform is a block of one verb, not a block of 2"),
    WrongFile(
      topLine: "transforms: [{ only: { operations: [insert, upsert] } }]",
      "p.yaml:4:45: \"operations\" must be one of insert, update, delete, read, truncate, drop, not \"upsert\" (did you mean \"insert\"?)"
    ),
    WrongFile(
      topLine: "transforms: [{ only: { operation: insert } }]", "p.yaml:4:22: \"operations\" is missing",
      "p.yaml:4:24: unknown key \"operation\" (did you mean \"operations\"?)"),
    WrongFile(
      topLine: "transforms: [{ route: { from: '(', to: a.b } }]", "p.yaml:4:32: \"from\" is not a regular expression"),
    WrongFile(
      topLine: "transforms: [{ route: { from: 'a.b', to: warehouse } }]",
      "p.yaml:4:42: \"to\" must be of the form schema.table, with captures $0 to $9"),
    WrongFile(
      topLine: "transforms: [{ route: { from: 'a.(b)', to: a.$2 } }]",
      "p.yaml:4:44: \"to\" names capture $2, and \"from\" has 1"),
    WrongFile(
      topLine: "transforms: [{ mask: { table: t, columns: { a: hsh } } }]",
      "p.yaml:4:31: \"t\" is the name of no table",
      "p.yaml:4:48: \"hsh\" is no way to mask a column (did you mean \"hash\"?)"),
    WrongFile(
      topLine: "transforms: [{ mask: { table: t, columns: { a: hash }, secret: short } }]",
      "p.yaml:4:31: \"t\" is the name of no table", "p.yaml:4:64: `hash` needs a \"secret\" of at least 16 bytes"),
    WrongFile(
      topLine: "transforms: [{ mask: { table: t, columns: { a: { truncate: -1 } } } }]",
      "p.yaml:4:31: \"t\" is the name of no table", "p.yaml:4:60: \"truncate\" must be an integer from 0 to 65535"),
    WrongFile(
      topLine: "transforms: [{ project: { table: t, include: a, exclude: b } }]",
      "p.yaml:4:34: \"t\" is the name of no table", "p.yaml:4:58: \"include\" and \"exclude\" exclude each other"),
    WrongFile(
      topLine: "transforms: [{ project: { table: t, rename: [a, b] } }]",
      "p.yaml:4:34: \"t\" is the name of no table", "p.yaml:4:45: \"rename\" must be a block of names, not a list"),
  ]

  static let patterns = [
    WrongFile(
      "a pattern with ! and no quotes",
      "pipeline: p\nsinks: [{ type: blackhole }]\nsource:\n  type: mariadb\n  url: u\n  tables:\n  - !shop.tmp\n",
      "p.yaml:7:5: a tag (\"!…\") is not understood here"),
    WrongFile(
      "an alias of nothing", "pipeline: *p\n",
      "p.yaml:1:11: the alias stands for nothing: no \"&\" before it gives it a value"),
  ]
}

struct PipelineProblemTests {
  @Test(arguments: WrongFile.options + WrongFile.topLevel + WrongFile.transforms + WrongFile.patterns)
  func everyProblemIsToldWithItsPlace(_ file: WrongFile) {
    #expect(problems(file.text) == file.problems)
  }

  @Test func allProblemsOfAFileAreToldAtOnceInTheOrderOfTheirPlaces() {
    let text = "pipelin: p\nsource: { type: mariadb, urk: x }\nsinks: [{ type: blackhole, a: b }]\ncontrol: 1\n"
    #expect(
      problems(text) == [
        "p.yaml:1:1: unknown key \"pipelin\" (did you mean \"pipeline\"?)", "p.yaml:1:1: \"pipeline\" is missing",
        "p.yaml:2:9: \"url\" is missing", "p.yaml:2:26: unknown key \"urk\" (did you mean \"url\"?)",
        "p.yaml:3:28: unknown key \"a\"", "p.yaml:4:1: \"control\" is not available in this version",
      ])
  }

  @Test func aTextThatIsNotUTF8IsRefusedAtItsFirstWrongByte() {
    let bytes = Array("pipeline: p\nstate: ä".utf8) + [0xff, 0xfe]
    let result = PipelineFile.load(bytes, name: "p.yaml", connectors: FakeConnector.all, environment: [:])
    guard case .failure(let problems) = result else {
      Issue.record("it was accepted")
      return
    }
    #expect(problems.failures.map(\.place) == ["p.yaml:2:9"])
    #expect(problems.failures.map(\.message) == ["the file is not UTF-8 text"])
  }

  @Test func allValidKeysAreNamedWhenTheyAreFew() throws {
    let text = "pipeline: p\nsource: { type: mariadb, url: u, snapshot: { m: 1 } }\nsinks: [{ type: blackhole }]\n"
    guard case .failure(let problems) = load(text) else {
      Issue.record("it was accepted")
      return
    }
    #expect(problems.failures[0].hint == "valid keys: mode, threads")
    #expect(problems.failures[0].code == .configuration)
  }

  @Test func controlCharactersOfAKeyDoNotReachTheTerminal() {
    let text = "\"a\\e[31m\": 1\npipeline: p\nsource: { type: mariadb, url: u }\nsinks: [{ type: blackhole }]\n"
    #expect(problems(text) == ["p.yaml:1:1: unknown key \"a\u{fffd}[31m\""])
  }
}
