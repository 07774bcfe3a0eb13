// swift-tools-version: 6.2
import PackageDescription

// The same as in the root's Package.swift.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
]

let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

// A package of its own, so that no user of Freshet builds the benchmarks' dependencies. What is measured has `package`
// access, which ends at a package's border: therefore Sources holds links to the modules, and they are compiled again here.
let package = Package(
  name: "freshet-benchmarks",
  dependencies: [
    // Without its traits: they interpose on every allocation and reference count, which slows what is measured. How often
    // memory is asked for, AllocationCounter counts.
    .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    .package(url: "https://github.com/apple/swift-async-algorithms", exact: "1.1.4"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    .target(name: "Change"),
    .target(name: "Flow", dependencies: ["Change", deque]),
    .target(name: "Expressions", dependencies: ["Change", "PatternMatching", "MessageDigest"]),
    .target(name: "Pipeline", dependencies: ["Change", "Flow", "Expressions", "MessageDigest", log, histogram]),
    .target(name: "Formats", dependencies: ["Change", "Pipeline"]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
    .target(name: "Compression", dependencies: ["CZstd", "CDeflate"]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .target(name: "PatternMatching", dependencies: ["Change", "CPCRE2"]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "MessageDigest", dependencies: ["CCrypto"]),
    .systemLibrary(name: "CMariaDB", pkgConfig: "libmariadb", providers: [.apt(["libmariadb-dev"])]),
    .target(name: "MariaDBClient", dependencies: ["Change", "CMariaDB"]),
    .target(name: "SQLRendering", dependencies: ["Change", "Pipeline"]),
    .target(
      name: "MariaDBConnector",
      dependencies: ["Change", "Flow", "Pipeline", "SQLRendering", "MariaDBClient", "Compression", log]),
    .target(name: "AllocationCounter"),
    .executableTarget(
      name: "Micro",
      dependencies: [
        "Change", "Flow", "Pipeline", "Formats", "Compression", "MariaDBConnector", "AllocationCounter", log,
        .product(name: "Benchmark", package: "benchmark"),
        .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
      ],
      path: "Micro",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ]
)

for target in package.targets where target.type == .regular || target.type == .executable {
  target.swiftSettings = settings
}
