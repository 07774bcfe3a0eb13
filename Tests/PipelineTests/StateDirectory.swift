import Foundation

/// Runs `body` with the path of a state directory that is not there yet, and removes what it has left.
func withStateDirectory(_ body: (String) async throws -> Void) async throws {
  let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-state-\(UUID().uuidString)").path
  do {
    try await body(directory)
  } catch {
    try FileManager.default.removeItem(atPath: directory)
    throw error
  }
  try FileManager.default.removeItem(atPath: directory)
}
