import Change
import Pipeline
import PipelineConfiguration
import TestRandom
import Testing

struct PipelineLimitTests {
  @Test func aliasesThatMultiplyAreRefusedQuickly() {
    var text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for (name, before) in zip("bcdefghij", "abcdefghi") {
      text += "\(name): &\(name) [" + Array(repeating: "*\(before)", count: 10).joined(separator: ", ") + "]\n"
    }
    let clock = ContinuousClock()
    let time = clock.measure {
      #expect(problems(text) == ["p.yaml:5:36: a pipeline file has at most 100000 values, aliases written out"])
    }
    #expect(time < .seconds(1))
  }

  @Test func aliasesInKeysAreRefused() {
    #expect(problems("a: &a [x]\n*a : b\n") == ["p.yaml:2:1: a key must be a text"])
  }

  @Test func anAliasOfTheBlockAroundItIsRefused() {
    #expect(
      problems("a: &a [*a]\n") == ["p.yaml:1:8: the alias stands for nothing: no \"&\" before it gives it a value"])
  }

  @Test func moreThan1024AliasesAreRefused() {
    let text = "a: &a x\nb: [" + Array(repeating: "*a", count: 1025).joined(separator: ", ") + "]\n"
    #expect(problems(text).map { String($0.drop { $0 != " " }) } == [" a pipeline file has at most 1024 aliases"])
  }

  @Test func nestingOf64IsReadAnd65Refused() {
    func nested(_ depth: Int) -> String {
      "a: " + String(repeating: "[", count: depth - 1) + String(repeating: "]", count: depth - 1) + "\n"
    }
    #expect(problems(nested(64)).contains("p.yaml:1:1: unknown key \"a\""))
    #expect(problems(nested(65)) == ["p.yaml:1:67: blocks and lists nest at most 64 deep"])
    #expect(problems(nested(100_000)) == ["p.yaml:1:5: blocks and lists nest at most 64 deep"])
  }

  @Test func nestingThroughAliasesCounts() {
    func brackets(_ count: Int, _ inner: String) -> String {
      String(repeating: "[", count: count) + inner + String(repeating: "]", count: count)
    }
    let text = "a: &a \(brackets(40, ""))\nb: \(brackets(40, "*a"))\n"
    #expect(problems(text) == ["p.yaml:2:44: blocks and lists nest at most 64 deep"])
  }

  @Test func aFileOfMoreThanOneMebibyteIsRefused() {
    let text = "# " + String(repeating: "x", count: 1 << 20)
    #expect(problems(text) == ["p.yaml: a pipeline file has at most 1 MiB"])
  }

  @Test func manyProblemsEndAtAHundred() {
    let text = (0..<20_000).map { "k\($0): 1\n" }.joined()
    let clock = ContinuousClock()
    let time = clock.measure { #expect(problems(text).count <= 110) }
    #expect(time < .seconds(10))
  }

  @Test func noTruncationOfAFileTraps() {
    let bytes = Array(valid.utf8)
    for length in bytes.indices {
      _ = PipelineFile.load(
        Array(bytes[..<length]), name: "p.yaml", connectors: FakeConnector.all, environment: ["SHOP_PASSWORD": "x"])
    }
  }

  @Test func noMutationOfAFileTraps() {
    var random = SeededRandom(seed: 42)
    let bytes = Array((valid + "\nx: &a [1, *a, !t \"\\x41\\ud800\"]\n? {b: c}\n: |\n  d\n").utf8)
    let interesting = Array("[]{}:,&*!|>'\"%@`#?-$~<\t\n \u{0}\u{ff}${file:".utf8)
    for _ in 0..<3000 {
      var mutated = bytes
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let index = Int.random(in: mutated.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: mutated[index] = UInt8.random(in: 0...255, using: &random)
        case 1: mutated.remove(at: index)
        case 2: mutated.insert(interesting.randomElement(using: &random) ?? 0, at: index)
        default: mutated[index] = interesting.randomElement(using: &random) ?? 0
        }
      }
      _ = PipelineFile.load(
        mutated, name: "p.yaml", connectors: FakeConnector.all, environment: ["SHOP_PASSWORD": "x"])
    }
  }
}
