import Change
import Pipeline
import PipelineConfiguration
import Testing

func load(
  _ text: String, environment: [String: String] = [:], overrides: [String] = [], name: String = "p.yaml"
) -> Result<PipelineFile, PipelineProblems> {
  PipelineFile.load(
    Array(text.utf8), name: name, connectors: FakeConnector.all, environment: environment, overrides: overrides)
}

/// What `freshet validate` prints, without the hints.
func problems(_ text: String, environment: [String: String] = [:], overrides: [String] = []) -> [String] {
  switch load(text, environment: environment, overrides: overrides) {
  case .success: []
  case .failure(let problems): problems.failures.map { "\($0.place): \($0.message)" }
  }
}

let valid = """
  pipeline: shop
  source:
    type: mariadb
    url: mariadb://freshet:${SHOP_PASSWORD}@127.0.0.1:3306/
    tables: ["shop.*", "!shop.tmp_*"]
    snapshot: { mode: never, threads: 8 }
    start: { gtid: "0-1-42" }
    heartbeat: 250ms
  sinks:
    - { name: archive, type: files, path: archive/, decimal.handling.mode: string, roll: { bytes: 16MiB } }
    - { type: blackhole }
  on_schema_change: try_evolve
  on_bad_row: quarantine
  limits: { memory: 128MiB }
  state: somewhere/shop
  """

struct PipelineFileTests {
  let environment = ["SHOP_PASSWORD": "pa: [ss"]

  @Test func aFileBecomesADefinitionWithItsValues() throws {
    let definition = try load(valid, environment: environment).get().definition
    #expect(definition.name == "shop")
    #expect(definition.sources[0].name == "source")
    #expect(definition.sinks.map(\.name) == ["archive", "blackhole"])
    #expect(definition.schemaChangePolicy == .tryEvolve)
    #expect(definition.badRowPolicy == .quarantine)
    #expect(definition.memoryLimit == 128 << 20)
    #expect(definition.stateDirectory == "somewhere/shop")
    let source = try #require(definition.sources[0].definition as? FakeDefinition).block
    #expect(source.string("url") == "mariadb://freshet:pa: [ss@127.0.0.1:3306/")
    #expect(source.strings("tables").map(\.text) == ["shop.*", "!shop.tmp_*"])
    #expect(source.strings("tables").map(\.place.description) == ["p.yaml:5:13", "p.yaml:5:23"])
    #expect(source.block("snapshot")?.integer("threads") == 8)
    #expect(source.block("start")?.string("gtid") == "0-1-42")
    #expect(source.duration("heartbeat") == 250_000_000)
    let sink = try #require(definition.sinks[0].definition as? FakeDefinition).block
    #expect(sink.string("decimal.handling.mode") == "string")
    #expect(sink.block("roll")?.size("bytes") == 16 << 20)
    #expect(sink.boolean("sync") == true)
  }

  @Test func whatIsNotWrittenHasItsDefault() throws {
    let text = "pipeline: p\nsource: { type: mariadb, url: 'mariadb://h/' }\nsinks: [{ type: blackhole }]\n"
    let definition = try load(text).get().definition
    #expect(definition.stateDirectory == ".freshet/p")
    #expect(definition.memoryLimit == 256 << 20)
    #expect(definition.schemaChangePolicy == .evolve)
    #expect(definition.badRowPolicy == .stop)
  }

  @Test func severalSourcesKeepTheirNamesAndTheirOrder() throws {
    let text = """
      pipeline: p
      sources:
        - { name: b, type: mariadb, url: 'mariadb://h/' }
        - { name: a, type: mariadb, url: 'mariadb://i/' }
      order: { idle_after: 2s, late: stop }
      sinks: [{ type: blackhole }]
      """
    let definition = try load(text).get().definition
    #expect(definition.sources.map(\.name) == ["b", "a"])
    #expect(definition.order == OrderSettings(idleAfter: 2_000_000_000, late: .stop))
    #expect(definition.sources.map(definition.stateDirectory(of:)) == [".freshet/p/source.b", ".freshet/p/source.a"])
    let patient = try load(text.replacing("idle_after: 2s, late: stop", with: "idle_after: never")).get().definition
    #expect(patient.order == OrderSettings(idleAfter: nil, late: .emit))
  }
}
