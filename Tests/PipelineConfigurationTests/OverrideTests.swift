import Change
import Pipeline
import PipelineConfiguration
import Testing

struct OverrideTests {
  let environment = ["SHOP_PASSWORD": "secret"]

  @Test func anOverrideReplacesAddsAndReachesIntoLists() throws {
    let overrides = [
      "limits.memory=64MiB", "sinks.0.path=elsewhere", "sinks.0.decimal.handling.mode=precise", "state=s",
      "source.tables=[a.b, c.d]", "source.snapshot.mode=only", "sinks.1={ type: files, path: x }",
    ]
    let definition = try load(valid, environment: environment, overrides: overrides).get().definition
    #expect(definition.memoryLimit == 64 << 20)
    #expect(definition.stateDirectory == "s")
    #expect(definition.sinks.map(\.name) == ["archive", "files"])
    let sink = try #require(definition.sinks[0].definition as? FakeDefinition).block
    #expect(sink.string("path") == "elsewhere")
    #expect(sink.string("decimal.handling.mode") == "precise")
    let source = try #require(definition.sources[0].definition as? FakeDefinition).block
    #expect(source.strings("tables").map(\.text) == ["a.b", "c.d"])
    #expect(source.block("snapshot")?.string("mode") == "only")
    #expect(source.block("snapshot")?.integer("threads") == 8)
  }

  @Test func aWrongOverrideNamesTheFlag() {
    func told(_ override: String) -> [String] { problems(valid, environment: environment, overrides: [override]) }
    #expect(told("limits.memory") == ["--set: it is not of the form key=value"])
    #expect(
      told("limits.memory=lots") == [
        "--set limits.memory: \"memory\" must be a size such as 64KiB or 16MiB, not \"lots\""
      ])
    #expect(told("limits.memory=1MiB") == ["--set limits.memory: \"memory\" must be at least 64MiB"])
    #expect(told("limit.memory=64MiB") == ["--set limit.memory: unknown key \"limit\" (did you mean \"limits\"?)"])
    #expect(told("sinks.2.path=x") == ["--set sinks.2.path: the list has no item \"2\": it has 2, counted from 0"])
    #expect(told("state.x=y") == ["--set state.x: there is a single value before \"x\", not a block"])
    #expect(told("a..b=y") == ["--set a..b: the key has an empty step"])
    #expect(told("state=${NOWHERE}") == ["--set state: the environment variable \"NOWHERE\" is not set"])
    #expect(
      told("source.tables=[a") == [
        "--set source.tables:2:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence"
      ])
  }
}
