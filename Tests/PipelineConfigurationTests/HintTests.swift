import Change
import Pipeline
import PipelineConfiguration
import Testing

@Suite struct HintTests {
  private static let head = "pipeline: p\nsource: { type: mariadb, url: u }\n"

  private func hint(_ text: String) -> String? {
    guard case .failure(let problems) = load(text) else { return nil }
    return problems.failures.first?.hint
  }

  @Test func aWordThatIsNearlyOneOfSomeIsNamed() {
    let text =
      "pipeline: p\nsource: { type: mariadb, url: u, snapshot: { mode: initail } }\nsinks: [{ type: blackhole }]\n"
    #expect(
      problems(text) == [
        "p.yaml:2:52: \"mode\" must be one of initial, never, only, not \"initail\" (did you mean \"initial\"?)"
      ])
  }

  @Test func aDurationThatIsNoneIsToldHowToBeWritten() {
    let text = "pipeline: p\nsource: { type: mariadb, url: u, heartbeat: 1 minute }\nsinks: [{ type: blackhole }]\n"
    #expect(hint(text)?.contains("1m") == true)
  }

  @Test func twoEqualSignsAreToldToBeOne() {
    let text = Self.head + "sinks: [{ type: blackhole }]\ntransforms: [{ filter: { table: a.b, where: id == 1 } }]\n"
    #expect(hint(text) == "equality is one `=`")
  }

  @Test func twoWindowsOfOneNameAreToldOnce() {
    let window = "{ name: r, from: a.b, window: { tumbling: 1m }, aggregate: { n: count() } }"
    let text = Self.head + "sinks: [{ type: blackhole }]\nwindows:\n  - \(window)\n  - \(window)\n"
    #expect(problems(text) == ["p.yaml:6:13: two windows are called \"r\""])
  }

  @Test func aSourceWhoseNameCannotBeOneIsToldOnce() {
    let text =
      "pipeline: p\nsources:\n  - { type: mariadb, name: so uth, url: u }\n  - { type: mariadb, name: b, url: u }\n"
      + "sinks: [{ type: blackhole }]\n"
    #expect(problems(text) == ["p.yaml:3:28: \"so uth\" cannot be a name"])
  }
}
