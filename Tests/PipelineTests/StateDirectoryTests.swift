import Change
import Foundation
import Glibc
import Logging
import MemoryConnector
import Pipeline
import Testing

/// A state directory that cannot be one ends the run before anything is opened, with a name for what is wrong.
@Suite(.timeLimit(.minutes(1))) struct StateDirectoryTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-state-\(UUID())").path

  init() throws { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }

  private func failure(_ state: String) async throws -> Failure? {
    let target = MemoryTarget()
    let run = PipelineRun(
      definition: PipelineDefinition(
        name: "shop", source: .init(name: "source", definition: MemorySourceDefinition(log: Shop.log(1...3))),
        sinks: [.init(name: "copy", definition: MemorySinkDefinition(target: target))], stateDirectory: state),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let failure = await #expect(throws: Failure.self) { try await run.run(until: .now) }
    #expect(target.content.epoch == 0)
    #expect(run.status.state == .failed)
    return failure
  }

  @Test func aFileIsNoStateDirectory() async throws {
    defer { _ = try? FileManager.default.removeItem(atPath: directory) }  // what stays is only a nuisance
    let file = directory + "/file"
    try Data().write(to: URL(fileURLWithPath: file))
    for path in [file, file + "/below"] {
      let failure = try await failure(path)
      #expect(failure?.code == .inputOutput)
      #expect(failure?.place.hasPrefix(file) == true && failure?.hint.contains("state:") == true)
    }
  }

  @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root"))
  func aReadOnlyOrFullFileSystemIsToldAsWhatItIs() async throws {
    let place = directory + "/mounted"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    guard mount("freshet", place, "tmpfs", 0, "size=64k,nr_inodes=2") == 0 else {
      // A container may forbid it even to root.
      withKnownIssue("a small file system cannot be mounted here", isIntermittent: true) { Issue.record("no mount") }
      return
    }
    defer {
      _ = umount2(place, 2)
      _ = try? FileManager.default.removeItem(atPath: directory)  // what stays is only a nuisance
    }
    #expect(mkdir(place + "/last", 0o700) == 0)
    #expect(try await failure(place + "/one").map(\.code) == .diskFull)
    #expect(mount("freshet", place, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "") == 0)
    #expect(try await failure(place + "/last")?.code == .permission)
    #expect(try await failure(place + "/one")?.code == .permission)
  }
}
