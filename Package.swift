// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),  // an existential on the hot path must be seen
  .enableUpcomingFeature("MemberImportVisibility"),  // a file says what it uses
  .enableUpcomingFeature("InternalImportsByDefault"),  // arrows between modules stay where they are drawn
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // async code stays on its caller's thread
  .enableExperimentalFeature("Lifetimes"),  // ByteCursor borrows the bytes that it reads
  .treatAllWarnings(as: .error),
]

let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
  name: "freshet",
  products: [.executable(name: "freshet", targets: ["freshet"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // What flows, and how.
    .target(name: "Change"),
    .target(name: "Flow", dependencies: ["Change", deque]),
    .target(name: "Expressions", dependencies: ["Change", "PatternMatching", "MessageDigest"]),
    .target(name: "Pipeline", dependencies: ["Change", "Flow", "Expressions", "MessageDigest", log, histogram]),

    // Native: unsafe ends here.
    .systemLibrary(
      name: "CMariaDB", path: "Sources/Native/MariaDB/CMariaDB", pkgConfig: "libmariadb",
      providers: [.apt(["libmariadb-dev"])]),
    .target(name: "MariaDBClient", dependencies: ["Change", "CMariaDB"], path: "Sources/Native/MariaDB/MariaDBClient"),
    .systemLibrary(
      name: "CSQLite", path: "Sources/Native/SQLite/CSQLite", pkgConfig: "sqlite3",
      providers: [.apt(["libsqlite3-dev"])]),
    .target(name: "SQLiteDatabase", dependencies: ["Change", "CSQLite"], path: "Sources/Native/SQLite/SQLiteDatabase"),
    .systemLibrary(
      name: "CZstd", path: "Sources/Native/Compression/CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "CDeflate", path: "Sources/Native/Compression/CDeflate", pkgConfig: "libdeflate",
      providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(
      name: "CRdKafka", path: "Sources/Native/Kafka/CRdKafka", pkgConfig: "rdkafka",
      providers: [.apt(["librdkafka-dev"])]),
    .target(name: "KafkaClient", dependencies: ["Change", "CRdKafka"], path: "Sources/Native/Kafka/KafkaClient"),
    .systemLibrary(
      name: "CPCRE2", path: "Sources/Native/PCRE2/CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .target(name: "PatternMatching", dependencies: ["Change", "CPCRE2"], path: "Sources/Native/PCRE2/PatternMatching"),
    .systemLibrary(
      name: "CCrypto", path: "Sources/Native/Crypto/CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "MessageDigest", dependencies: ["CCrypto"], path: "Sources/Native/Crypto/MessageDigest"),
    .systemLibrary(name: "CLinux", path: "Sources/Native/Linux/CLinux"),
    .target(name: "Compression", dependencies: ["CZstd", "CDeflate"], path: "Sources/Native/Compression/Compression"),

    .target(name: "YAMLEvents", dependencies: [yams], path: "Sources/Native/YAML/YAMLEvents"),  // over Yams' libyaml

    // Connectors: a folder a system. They import no other, but for the two that render without I/O.
    .target(name: "SQLRendering", dependencies: ["Change", "Pipeline"], path: "Sources/Connectors/SQL"),
    .target(name: "Formats", dependencies: ["Change", "Pipeline"], path: "Sources/Connectors/Formats"),
    .target(
      name: "MariaDBConnector",
      dependencies: ["Change", "Flow", "Pipeline", "SQLRendering", "MariaDBClient", "Compression", log],
      path: "Sources/Connectors/MariaDB"),
    .target(
      name: "SQLiteConnector", dependencies: ["Change", "Flow", "Pipeline", "SQLRendering", "SQLiteDatabase", log],
      path: "Sources/Connectors/SQLite"),
    .target(
      name: "FilesConnector", dependencies: ["Change", "Flow", "Pipeline", "Formats", "Compression", "CLinux", log],
      path: "Sources/Connectors/Files"),
    .target(name: "MemoryConnector", dependencies: ["Change", "Flow", "Pipeline"], path: "Sources/Connectors/Memory"),
    .target(
      name: "KafkaConnector", dependencies: ["Change", "Flow", "Pipeline", "Formats", "KafkaClient", log],
      path: "Sources/Connectors/Kafka"),
    .target(
      name: "Connectors",
      dependencies: [
        "Pipeline", "MariaDBConnector", "SQLiteConnector", "FilesConnector", "KafkaConnector", "MemoryConnector",
      ],
      path: "Sources/Connectors", exclude: ["MariaDB", "SQLite", "Files", "Kafka", "Memory", "SQL", "Formats"],
      sources: ["Connectors.swift"]),

    .target(name: "PrivateServers", dependencies: ["Change", "MariaDBClient"]),
    .target(name: "PipelineConfiguration", dependencies: ["Change", "Pipeline", "YAMLEvents"]),
    .target(
      name: "Demo",
      dependencies: [
        "Change", "Flow", "Pipeline", "Connectors", "FilesConnector", "MariaDBClient", "SQLiteDatabase",
        "PrivateServers", "PipelineConfiguration", log,
      ]),
    .executableTarget(
      name: "freshet",
      dependencies: [
        "Change", "Pipeline", "Connectors", "FilesConnector", "PipelineConfiguration", "Demo", "Flow", arguments,
        lifecycle, signals, log,
      ]),

    // Tests mirror the sources.
    .target(
      name: "TestServers", dependencies: ["Change", "MariaDBClient", "PrivateServers"], path: "Tests/TestServers"),
    .target(
      name: "ConnectorConformance",
      dependencies: ["Change", "Flow", "Pipeline", "SQLRendering", "MemoryConnector", "TestRandom", log],
      path: "Tests/ConnectorConformance"),
    .target(name: "KafkaMock", dependencies: ["CRdKafka"], path: "Tests/KafkaMock"),
    .executableTarget(name: "kafka-mock", dependencies: ["KafkaMock"], path: "Tests/KafkaMockProgram"),
    .target(name: "TestRandom", path: "Tests/TestRandom"),
    .target(name: "DebeziumFixtures", path: "Tests/DebeziumFixtures"),
    .testTarget(name: "ChangeTests", dependencies: ["Change"]),
    .testTarget(
      name: "ExpressionsTests",
      dependencies: [
        "Change", "Expressions", "PatternMatching", "MariaDBClient", "SQLiteDatabase", "TestServers", "TestRandom",
      ]),
    .testTarget(name: "CompressionTests", dependencies: ["Compression"]),
    .testTarget(name: "MessageDigestTests", dependencies: ["MessageDigest"]),
    .testTarget(name: "SQLiteDatabaseTests", dependencies: ["Change", "SQLiteDatabase"]),
    .testTarget(name: "MariaDBClientTests", dependencies: ["Change", "MariaDBClient", "TestServers"]),
    .testTarget(name: "FlowTests", dependencies: ["Change", "Flow"]),
    .testTarget(
      name: "PipelineTests",
      dependencies: [
        "Change", "Flow", "Pipeline", "PipelineConfiguration", "MessageDigest", "MemoryConnector", "TestRandom", log,
      ]),
    .testTarget(
      name: "PipelineConfigurationTests",
      dependencies: ["Change", "Pipeline", "PipelineConfiguration", "TestRandom", log]),
    .testTarget(name: "FormatsTests", dependencies: ["Change", "Pipeline", "Formats", "DebeziumFixtures"]),
    .testTarget(
      name: "MariaDBConnectorTests",
      dependencies: [
        "Change", "Flow", "Pipeline", "SQLRendering", "MariaDBConnector", "MariaDBClient", "TestServers",
        "ConnectorConformance",
        "Formats", "DebeziumFixtures", "TestRandom", "MemoryConnector", log,
      ]),
    .testTarget(
      name: "SQLiteConnectorTests",
      dependencies: [
        "Change", "Flow", "Pipeline", "SQLRendering", "SQLiteConnector", "SQLiteDatabase", "ConnectorConformance",
        "MemoryConnector", "TestRandom",
      ]),
    .testTarget(
      name: "FilesConnectorTests",
      dependencies: [
        "Change", "Flow", "Pipeline", "FilesConnector", "Formats", "Compression", "ConnectorConformance",
        "MemoryConnector", log,
      ]),
    .testTarget(
      name: "KafkaConnectorTests",
      dependencies: [
        "Change", "Flow", "Pipeline", "KafkaConnector", "KafkaClient", "KafkaMock", "kafka-mock", "Formats",
        "MariaDBConnector", "MemoryConnector", "ConnectorConformance", "DebeziumFixtures", "PipelineConfiguration", log,
      ]),
    .testTarget(
      name: "MemoryConnectorTests",
      dependencies: ["Change", "Flow", "Pipeline", "MemoryConnector", "ConnectorConformance", log]),
    .testTarget(name: "StructureTests"),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Change", "Pipeline", "MariaDBClient", "SQLiteDatabase", "FilesConnector", "PrivateServers", "TestServers",
        "TestRandom", "KafkaMock", "freshet",
      ]),
  ]
)

for target in package.targets where target.type != .system {
  target.swiftSettings = settings
}
