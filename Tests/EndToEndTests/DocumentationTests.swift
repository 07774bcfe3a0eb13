import Foundation
import PrivateServers
import Testing

/// What the documentation says is what the program does: its pipelines are valid, and its commands run as written.
@Suite(.serialized) struct DocumentationTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory(prefix: "freshet-documentation") }

  /// README.md and the pages of every documentation catalog.
  private static func pages() throws -> [URL] {
    let sources = try #require(
      FileManager.default.enumerator(at: root.appendingPathComponent("Sources"), includingPropertiesForKeys: nil))
    let articles = sources.compactMap { $0 as? URL }
      .filter { $0.pathExtension == "md" && $0.path.contains(".docc/") }
    return [root.appendingPathComponent("README.md")] + articles.sorted { $0.path < $1.path }
  }

  /// The fenced blocks of one language.
  private static func blocks(_ language: String, in page: URL) throws -> [String] {
    var blocks: [String] = []
    var open: [Substring]?
    for line in try String(contentsOf: page, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        if let lines = open { blocks.append(lines.joined(separator: "\n") + "\n") }
        open = open == nil && line == "```\(language)" ? [] : nil
      } else {
        open?.append(line)
      }
    }
    return blocks
  }

  @Test func everyPipelineInTheDocumentationIsValid() throws {
    var count = 0
    for page in try DocumentationTests.pages() {
      for block in try DocumentationTests.blocks("yaml", in: page) {
        count += 1
        // A page may show only the part that it is about.
        let keys = Set(block.split(separator: "\n").map { String($0.prefix { $0 != ":" }) })
        var text = block
        if !keys.contains("pipeline") { text = "pipeline: page\n" + text }
        if keys.isDisjoint(with: ["source", "sources"]) { text += "source: { type: memory }\n" }
        if !keys.contains("sinks") { text += "sinks: [{ type: blackhole }]\n" }
        try text.write(toFile: directory.appending("page.yaml"), atomically: true, encoding: .utf8)
        let result = try ShellCommand(
          "freshet validate page.yaml", in: directory,
          environment: ["SHOP_PASSWORD": "anything", "COPY_PASSWORD": "anything", "MASK_SECRET": "0123456789abcdef"])
        #expect(result.exitStatus == 0, "\(page.lastPathComponent): \(result.output)\n\(text)")
      }
    }
    #expect(count >= 5)
  }

  /// The page's words for the server of the test.
  private static func adapted(_ text: String, _ server: PrivateMariaDB) -> String {
    text.replacing("…", with: ShopServer.password).replacing("127.0.0.1:3306", with: "127.0.0.1:\(server.port)")
  }

  @Test(arguments: ["README.md", "Sources/freshet/freshet.docc/Commands.md"])
  func everyCommandOfThePageRunsAsWritten(path: String) throws {
    let server = try ShopServer.start()
    let readme = DocumentationTests.root.appendingPathComponent("README.md")
    let page = DocumentationTests.root.appendingPathComponent(path)
    for statement in try DocumentationTests.blocks("sql", in: readme).joined().split(separator: ";")
    where !statement.allSatisfy(\.isWhitespace) {
      try server.execute(DocumentationTests.adapted(String(statement), server))
    }
    let pipeline = try #require(try DocumentationTests.blocks("yaml", in: readme).first)
    try DocumentationTests.adapted(pipeline, server)
      .write(toFile: directory.appending("shop.yaml"), atomically: true, encoding: .utf8)
    try FileManager.default.copyItem(
      atPath: "\(server.dataDirectory)/binlog.000001", toPath: directory.appending("binlog.000001"))
    var ran = 0
    for line in try DocumentationTests.blocks("sh", in: page).joined().split(separator: "\n")
    where line.hasPrefix("freshet ") && !line.hasPrefix("freshet demo") {
      ran += 1
      // What runs until it is told to end is told so after three seconds.
      let command = "timeout --preserve-status 3 \(DocumentationTests.adapted(String(line), server))"
      let result = try ShellCommand(command, in: directory, environment: ["SHOP_PASSWORD": ShopServer.password])
      #expect(result.exitStatus == 0, "\(line)\n\(result.output)\(result.errors)")
    }
    #expect(ran >= 5)
  }

  @Test func theDemoEndsWithTheProofOfEquality() throws {
    let result = try ShellCommand("freshet demo --seconds 2 --directory copies", in: directory)
    #expect(result.exitStatus == 0, "\(result.output)\(result.errors)")
    #expect(result.output.contains("Every copy is equal to its source."))
    #expect(result.output.contains("unaccounted 0"))
    #expect(FileManager.default.fileExists(atPath: directory.appending("copies")))
  }
}
