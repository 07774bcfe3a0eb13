import Foundation
import Testing

@Suite struct HousekeepingTests {
  @Test func noFileIsLongerThanAPersonReads() throws {
    for file in try SourceTree.swift("Sources") + SourceTree.swift("Tests") {
      #expect(file.lines.count <= 450, "\(file.path) has \(file.lines.count) lines")
    }
  }

  @Test func theTopLevelHoldsOnlyWhatTheDesignNames() throws {
    let known: Set<String> = [
      "Package.swift", "Package.resolved", "README.md", "LICENSE", "Sources", "Tests", "Pipelines", "Benchmarks",
    ]
    let entries = try SourceTree.entries(of: "").filter { !$0.hasPrefix(".") }
    #expect(entries.allSatisfy(known.contains), "unknown: \(entries.filter { !known.contains($0) })")
  }

  @Test func nothingIsLeftForLater() throws {
    // Written in two halves, so that this file does not find itself.
    let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
    for file in try SourceTree.swift("Sources") + SourceTree.swift("Tests") {
      for word in words {
        #expect(!file.text.contains(word + ":") && !file.text.contains("// " + word), "\(file.path) says \(word)")
      }
    }
  }

  @Test func namesThatSayNothingAreNotUsedForFiles() throws {
    let empty = ["Utils", "Common", "Helpers", "Types", "Manager"]
    for file in try SourceTree.swift("Sources") + SourceTree.swift("Tests") {
      let name = file.path.split(separator: "/").last ?? ""
      #expect(!empty.contains { name.contains($0) }, "\(file.path)")
    }
  }

  /// `freshet validate` reads each of them in the end-to-end tests; here stands what needs no program.
  @Test func everyExamplePipelineHasASourceASinkAndNoSecret() throws {
    for file in try SourceTree.files(under: "Pipelines", extension: "yaml") {
      let keys = Set(file.lines.compactMap { $0.split(separator: ":").first.map(String.init) })
      #expect(keys.contains("pipeline"), "\(file.path) has no name")
      #expect(keys.contains("source") || keys.contains("sources"), "\(file.path) reads nothing")
      #expect(keys.contains("sinks"), "\(file.path) writes nothing")
      for line in file.lines {
        guard let scheme = line.range(of: "://"), let at = line[scheme.upperBound...].firstIndex(of: "@") else {
          continue
        }
        let user = line[scheme.upperBound..<at]
        guard let colon = user.firstIndex(of: ":") else { continue }
        #expect(user[colon...].dropFirst().hasPrefix("${"), "\(file.path) holds a password")
      }
    }
  }
}
