import Foundation
import Testing

/// The arrows between the modules, as the sources' own import lines draw them.
@Suite struct ArchitectureTests {
  private static let own: Set<String> = [
    "Change", "Expressions", "PatternMatching", "CPCRE2", "Flow", "Pipeline", "MariaDBClient", "CMariaDB",
    "SQLiteDatabase", "CSQLite", "Compression", "CZstd",
    "CDeflate", "KafkaClient", "CRdKafka", "MessageDigest", "CCrypto", "SQLRendering", "Formats", "MariaDBConnector",
    "SQLiteConnector",
    "FilesConnector",
    "KafkaConnector", "MemoryConnector", "Connectors", "PipelineConfiguration", "Demo", "freshet",
  ]

  /// What a folder's files may import of our own; a longer prefix decides before a shorter one.
  private static let arrows: [(folder: String, may: Set<String>)] = [
    ("Sources/Change", []),
    ("Sources/Flow", ["Change"]),
    ("Sources/Expressions", ["Change", "PatternMatching", "MessageDigest"]),
    ("Sources/Pipeline", ["Change", "Flow", "Expressions", "MessageDigest"]),
    ("Sources/PipelineConfiguration", ["Change", "Pipeline"]),
    ("Sources/Native/MariaDB", ["Change", "CMariaDB"]),
    ("Sources/Native/SQLite", ["Change", "CSQLite"]),
    ("Sources/Native/Compression", ["Change", "CZstd", "CDeflate"]),
    ("Sources/Native/PCRE2", ["Change", "CPCRE2"]),
    ("Sources/Native/Kafka", ["Change", "CRdKafka"]),
    ("Sources/Native/Crypto", ["CCrypto"]),
    ("Sources/Connectors/SQL", ["Change", "Pipeline"]),
    ("Sources/Connectors/Formats", ["Change", "Pipeline"]),
    (
      "Sources/Connectors/MariaDB",
      ["Change", "Flow", "Pipeline", "MariaDBClient", "CMariaDB", "Compression", "SQLRendering"]
    ),
    ("Sources/Connectors/SQLite", ["Change", "Flow", "Pipeline", "SQLiteDatabase", "SQLRendering"]),
    ("Sources/Connectors/Files", ["Change", "Flow", "Pipeline", "Formats", "Compression"]),
    ("Sources/Connectors/Kafka", ["Change", "Flow", "Pipeline", "Formats", "KafkaClient"]),
    ("Sources/Connectors/Memory", ["Change", "Flow", "Pipeline"]),
  ]

  @Test func modulesImportOnlyWhatTheArrowsAllow() throws {
    for (folder, may) in ArchitectureTests.arrows {
      let files = try SourceTree.swift(folder)
      #expect(!files.isEmpty, "\(folder) has no sources")
      for file in files {
        let wrong = file.imports.filter { ArchitectureTests.own.contains($0) && !may.contains($0) }
        #expect(wrong.isEmpty, "\(file.path) imports \(wrong)")
      }
    }
  }

  @Test func aConnectorFolderImportsNoOtherConnector() throws {
    let shared: Set<String> = ["SQLRendering", "Formats"]
    for folder in try SourceTree.entries(of: "Sources/Connectors") where !folder.hasSuffix(".swift") {
      for file in try SourceTree.swift("Sources/Connectors/\(folder)") {
        let others = file.imports.filter { $0.hasSuffix("Connector") || $0 == "Connectors" || shared.contains($0) }
        let wrong = others.filter { !shared.contains($0) || folder == "SQL" || folder == "Formats" }
        #expect(wrong.isEmpty, "\(file.path) imports \(wrong)")
      }
    }
  }

  @Test func theCoreNamesNoSystem() throws {
    for folder in ["Sources/Flow", "Sources/Pipeline"] {
      for file in try SourceTree.swift(folder) {
        for system in ["mariadb", "mysql", "postgres", "sqlite", "kafka"] {
          // Seams may name a system in a comment, as the example of what a value stands for.
          for line in file.lines where !line.drop(while: \.isWhitespace).hasPrefix("//") {
            #expect(!line.lowercased().contains(system), "\(file.path) names \(system): \(line)")
          }
        }
      }
    }
  }

  @Test func cIsImportedOnlyWhereUnsafeEnds() throws {
    for file in try SourceTree.swift("Sources") where !file.path.hasPrefix("Sources/Native/") {
      let wrong = file.imports.filter {
        ["CSQLite", "CZstd", "CDeflate", "CMariaDB", "CRdKafka", "CCrypto", "CPCRE2"].contains($0)
      }
      #expect(wrong.isEmpty, "\(file.path) imports \(wrong)")
    }
  }

  @Test func noTypeIsNamedLikeItsModule() throws {
    let declarations = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    for file in try SourceTree.swift("Sources") {
      for line in file.lines {
        let words = line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }).map(String.init)
        for (word, next) in zip(words, words.dropFirst())
        where declarations.contains(word) && !line.drop(while: \.isWhitespace).hasPrefix("//") {
          #expect(!ArchitectureTests.own.contains(next), "\(file.path) declares \(next), a module's name")
        }
      }
    }
  }
}
