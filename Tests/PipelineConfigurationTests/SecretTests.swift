import Change
import Foundation
import Pipeline
import PipelineConfiguration
import Testing

struct SecretTests {
  let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-secrets-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try Data("canary-file\n".utf8).write(to: directory.appendingPathComponent("secret"))
  }

  /// Each way by which a secret comes in, as a value.
  static let values = [
    "${CANARY}", "${MISSING:-canary-default}", "${file:secret}", "mariadb://u:canary-literal@h/x",
    "mariadb://u:${CANARY}@h/", "mariadb://u:canary%2Dencoded@h/",
  ]

  func text(_ lines: String) -> String {
    "pipeline: p\nsinks: [{ type: blackhole }]\nsource:\n  type: mariadb\n\(lines)\n"
  }

  func everything(_ text: String, overrides: [String] = []) -> String {
    let name = directory.appendingPathComponent("p.yaml").path
    switch load(text, environment: ["CANARY": "canary-environment"], overrides: overrides, name: name) {
    case .success: return ""
    case .failure(let problems): return problems.failures.map { "\($0)" }.joined(separator: "\n")
    }
  }

  @Test(arguments: values)
  func noProblemOfAnyKindShowsASecret(_ value: String) {
    let wrong = [
      "  url: u\n  snapshot: { threads: \"\(value)\" }", "  url: u\n  heartbeat: \"\(value)\"",
      "  url: u\n  start: \"\(value)\"", "  url: [\"\(value)\"]\n  zzz: 1", "  url: \"\(value)\"\n  fail: \"\(value)\"",
      "  url: u\n  name: \"a/\(value)\"", "  url: u\n  snapshot: \"\(value)\"", "  url: u\n  \"\(value)\": 1",
      "  url: \"\(value)\"\n  heartbeat: \"a\(value)\"",
    ]
    for lines in wrong {
      let told = everything(text(lines))
      #expect(!told.isEmpty, "\(lines) is wrong")
      #expect(!told.contains("canary-"), "\(lines)")
      #expect(!told.contains("canary%"), "\(lines)")
    }
  }

  @Test func whatLooksLikeYAMLSyntaxInAPasswordIsNotPrinted() {
    for value in ["!canary-tag", "*canary-alias", "&canary-anchor", "\"canary-quote", "{canary-map", "@canary-at"] {
      let told = everything(text("  url: u\n  heartbeat: \(value)"))
      #expect(!told.isEmpty, "\(value) is wrong")
      #expect(!told.contains("canary-"), "\(value)")
    }
  }

  @Test func anOverrideShowsItsKeyButNoSecret() {
    let told = everything(
      text("  url: u"), overrides: ["source.snapshot.threads=${CANARY}", "source.start=mariadb://u:canary-set@h"])
    #expect(told.contains("--set source.snapshot.threads: \"threads\" must be an integer from 1 to 64, not ***"))
    #expect(told.contains("--set source.start"))
    #expect(!told.contains("canary-"))
  }

  @Test func aSubstitutionCannotBecomeStructure() throws {
    let lines = "  url: ${CANARY}"
    let evil = "x\n  heartbeat: 1s\n  fail: { }"
    let file = try load(text(lines), environment: ["CANARY": evil]).get()
    let block = try #require(file.definition.sources[0].definition as? FakeDefinition).block
    #expect(block.string("url") == evil)
    #expect(!block.has("heartbeat"))
    #expect(block.node("url")?.isSecret == true)
  }

  @Test func substitutionsReadTheEnvironmentDefaultsAndFiles() throws {
    let lines = "  url: \"${A}-${B:-b}-${C:-c}-${file:secret}-$${A}-$5\""
    let name = directory.appendingPathComponent("p.yaml").path
    let file = try load(text(lines), environment: ["A": "a", "B": ""], name: name).get()
    let block = try #require(file.definition.sources[0].definition as? FakeDefinition).block
    #expect(block.string("url") == "a-b-c-canary-file-${A}-$5")
  }

  @Test func whatCannotBeSubstitutedIsToldWithItsPlaceAndNothingElse() {
    #expect(problems(text("  url: ${A}")) == ["p.yaml:5:8: the environment variable \"A\" is not set"])
    #expect(problems(text("  url: ${A")) == ["p.yaml:5:8: \"${\" has no \"}\""])
    #expect(problems(text("  url: ${a b}")) == ["p.yaml:5:8: the text between \"${\" and \"}\" is not understood"])
    #expect(problems(text("  url: ${file:nowhere}")) == ["p.yaml:5:8: the file \"nowhere\" cannot be read"])
    #expect(
      problems(text("  url: u\n  snapshot: { threads: \"${A}\" }")) == [
        "p.yaml:6:24: the environment variable \"A\" is not set"
      ])
  }

  @Test func substitutedNumbersAndBooleansMayBeQuoted() throws {
    let file = try load(text("  url: u\n  snapshot: { threads: \"${N}\" }"), environment: ["N": "7"]).get()
    let block = try #require(file.definition.sources[0].definition as? FakeDefinition).block
    #expect(block.block("snapshot")?.integer("threads") == 7)
  }

  @Test func anEmptySubstitutionIsAProblemAndNotATrap() {
    #expect(
      problems("pipeline: ${X:-}\nsource: { type: mariadb, url: u }\nsinks: [{ type: blackhole }]\n") == [
        "p.yaml:1:11: *** cannot be a name"
      ])
  }

  @Test func redactionReplacesWhatItKnowsInTextsOfOthers() throws {
    let file = try load(text("  url: mariadb://u:canary-literal@h/"), environment: [:]).get()
    #expect(file.redaction("access denied, using canary-literal") == "access denied, using ***")
  }
}
