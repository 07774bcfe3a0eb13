import Foundation
import Testing

/// What the built program does: exit status, standard output, standard error.
struct CommandLineTests {
  let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-cli-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

  func write(_ text: String, as name: String = "p.yaml") throws -> String {
    let file = directory.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    return file.path
  }

  @Test func wrongUsageExitsWith64AndTellsItOnStandardError() async throws {
    for arguments in [
      ["bogus"], ["run"], ["validate"], ["run", "--until"], ["run", "--log-format", "xml", "p.yaml"],
      ["run", "--report", "r", "a.yaml", "b.yaml"], ["run", "--until", "2026-01-01T00:00:00", "p.yaml"],
      ["connectors", "nosuch"], ["transforms", "nosuch"], ["validate", "/nowhere/p.yaml", "--no-such-flag"],
      ["tail", "nosuch://h/"],
    ] {
      let result = try await Program.run(arguments, in: directory)
      #expect(result.exitStatus == 64, "\(arguments)")
      #expect(result.output.isEmpty, "\(arguments)")
      #expect(!result.errors.isEmpty, "\(arguments)")
    }
  }

  @Test func helpAndVersionAreResults() async throws {
    for arguments in [
      ["--help"], ["help", "run"], ["--version"], ["version"], ["connectors"], ["transforms", "mask"],
    ] {
      let result = try await Program.run(arguments, in: directory)
      #expect(result.exitStatus == 0, "\(arguments)")
      #expect(!result.output.isEmpty, "\(arguments)")
      #expect(result.errors.isEmpty, "\(arguments)")
    }
  }

  @Test func validateTellsEveryProblemWithItsPlaceOnStandardOutput() async throws {
    let file = try write("pipeline: p\nsource: { type: nosuch }\nsinks: []\nwindows: 1\n")
    let result = try await Program.run(["validate", file, "/nowhere/q.yaml"], in: directory)
    #expect(result.exitStatus == 78)
    for place in ["2:17: unknown type", "3:8: \"sinks\" holds no sink", "4:10: \"windows\" must be a list"] {
      #expect(result.output.contains("\(file):\(place)"))
    }
    #expect(result.output.contains("/nowhere/q.yaml: there is no such file"))
    #expect(result.errors.isEmpty)
  }

  @Test func aFileThatIsNotThereIsUsageAndAWrongOneConfiguration() async throws {
    let file = try write("pipeline: [\n")
    for command in ["run", "plan", "validate"] {
      #expect(try await Program.run([command, "/nowhere/p.yaml"], in: directory).exitStatus == 64)
      #expect(try await Program.run([command, file], in: directory).exitStatus == 78)
    }
    let run = try await Program.run(["run", file], in: directory)
    #expect(run.output.isEmpty)
    #expect(run.errors.contains("\(file):2:1: not YAML"))
  }

  @Test func theSchemaIsJSON() async throws {
    let result = try await Program.run(["schema"], in: directory)
    #expect(result.exitStatus == 0)
    #expect(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) is [String: Any])
  }

  @Test func noCommandShowsASecretOfAWrongFile() async throws {
    let file = try write(
      "pipeline: p\nsource: { type: \"${CANARY}\", url: \"mariadb://u:canary-literal@h\" }\nsinks: [\"${CANARY}\"]\n")
    for command in ["run", "plan", "validate", "tail"] {
      let result = try await Program.run([command, file], in: directory, environment: ["CANARY": "canary-environment"])
      #expect(result.exitStatus == 78, "\(command)")
      #expect(!(result.output + result.errors).contains("canary-"), "\(command)")
    }
  }

  @Test func tailOfAURLShowsNoPassword() async throws {
    let result = try await Program.run(["tail", "mariadb://u:canary-url@127.0.0.1:1/"], in: directory)
    #expect(result.exitStatus != 0)
    #expect(!(result.output + result.errors).contains("canary-"))
  }
}

/// The program under test.
enum Program {
  struct Result: Sendable {
    var exitStatus: Int32
    var output: String
    var errors: String
  }

  /// The release build, which is what users run; `FRESHET_BINARY` names another one.
  static var url: URL {
    if let path = ProcessInfo.processInfo.environment["FRESHET_BINARY"] { return URL(fileURLWithPath: path) }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return root.appendingPathComponent(".build/release/freshet")
  }

  /// Runs to the end. Output goes through files, so that no full pipe can block the program.
  static func run(
    _ arguments: [String], in directory: URL, environment: [String: String] = [:]
  ) async throws -> Result {
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    process.currentDirectoryURL = directory
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let files = ["out", "err"].map { directory.appendingPathComponent("\($0)-\(UUID().uuidString)") }
    for file in files { try Data().write(to: file) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      process.terminationHandler = { _ in continuation.resume() }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    return Result(
      exitStatus: process.terminationStatus, output: String(decoding: try Data(contentsOf: files[0]), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self))
  }
}
