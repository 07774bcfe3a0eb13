import Foundation
import Testing

/// Every pipeline file that is shipped is one that the program takes.
struct ExamplePipelineTests {
  @Test func everyPipelineThatIsShippedIsValid() async throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let pipelines = root.appendingPathComponent("Pipelines")
    let files = try #require(FileManager.default.enumerator(at: pipelines, includingPropertiesForKeys: nil))
      .compactMap { $0 as? URL }.filter { $0.pathExtension == "yaml" }
    #expect(files.count >= 4)
    let result = try await Program.run(
      ["validate"] + files.map(\.path), in: FileManager.default.temporaryDirectory,
      environment: ["SHOP_PASSWORD": "anything", "COPY_PASSWORD": "anything", "MASK_SECRET": "0123456789abcdef"])
    #expect(result.exitStatus == 0, "\(result.output)")
  }
}
