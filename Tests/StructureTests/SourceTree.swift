import Foundation

/// The package's own files, as text.
enum SourceTree {
  struct File: Sendable {
    /// Relative to the package root.
    let path: String
    let text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The modules that this file imports.
    var imports: [String] {
      lines.compactMap { line in
        let words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
        guard let index = words.firstIndex(of: "import"), words.count > index + 1,
          words[..<index].allSatisfy({ ["package", "public", "internal", "private", "fileprivate"].contains($0) })
        else { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let name = kinds.contains(words[index + 1]) ? words.last ?? "" : words[index + 1]
        return String(name.split(separator: ".")[0])
      }
    }
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().standardizedFileURL

  /// Every file under a folder with this extension.
  static func files(under folder: String, extension suffix: String) throws -> [File] {
    let start = root.appending(path: folder)
    guard let paths = FileManager.default.enumerator(atPath: start.path) else { return [] }
    return try paths.compactMap { $0 as? String }.filter { $0.hasSuffix("." + suffix) }.sorted().map { path in
      File(path: "\(folder)/\(path)", text: try String(contentsOf: start.appending(path: path), encoding: .utf8))
    }
  }

  static func entries(of folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).sorted()
  }

  static func swift(_ folder: String) throws -> [File] { try files(under: folder, extension: "swift") }
}
