// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
  name: "persona",
  products: [.executable(name: "persona", targets: ["persona"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    .systemLibrary(name: "CElf", path: "Sources/CElf", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
    .systemLibrary(
      name: "CCapstone", path: "Sources/CCapstone", pkgConfig: "capstone", providers: [.apt(["libcapstone-dev"])]),
    .systemLibrary(
      name: "CSeccomp", path: "Sources/CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
    .target(name: "CWire"),
    .target(name: "CHost", dependencies: ["CWire"], cSettings: [.define("_GNU_SOURCE")]),
    .target(
      name: "CEngine", dependencies: ["CWire"], exclude: ["entry.S", "runtime.c"], sources: ["hosted.c"],
      cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "Wire", dependencies: ["CWire"], swiftSettings: strict),
    .target(name: "HostText", swiftSettings: strict),
    .target(name: "Translation", dependencies: ["CWire", "CEngine", "Wire"], swiftSettings: strict),
    .target(
      name: "PersonalityTables", dependencies: ["CHost", "CWire", "HostText", "Wire"],
      // Tests read every system's tables a thousand times with a mistake in each; unoptimised, that is most of their time.
      swiftSettings: strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]),
    .target(
      name: "BinaryImage", dependencies: ["CElf", "HostText"], swiftSettings: strict + [.strictMemorySafety()]),
    .target(name: "CallAnalysis", dependencies: ["BinaryImage", "CCapstone", "CWire"], swiftSettings: strict),
    .target(
      name: "CallLog", dependencies: ["CWire", "Wire", "PersonalityTables"],
      // Its classes are nobody else's, and the checks for two accesses at once took two fifths of the time for a line.
      swiftSettings: strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]),
    .target(
      name: "Supervisor",
      dependencies: [
        "CWire", "Wire", "HostText", "CHost", "CSeccomp", "BinaryImage", "CallAnalysis", "PersonalityTables", "CallLog",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "persona",
      dependencies: ["BinaryImage", "CHost", "HostText", "PersonalityTables", "Supervisor", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .testTarget(
      name: "PersonalityTablesTests", dependencies: ["PersonalityTables", "CWire", "Wire"], swiftSettings: strict),
    .testTarget(
      name: "CallLogTests",
      dependencies: ["CallLog", "CWire", "CEngine", "Wire", "PersonalityTables", "Translation"],
      swiftSettings: strict),
    .target(name: "ImageFixtures", path: "Tests/ImageFixtures", swiftSettings: strict),
    .testTarget(
      name: "BinaryImageTests", dependencies: ["BinaryImage", "Supervisor", "ImageFixtures"], swiftSettings: strict),
    .testTarget(
      name: "LoadPlanTests", dependencies: ["Supervisor", "BinaryImage", "CWire", "ImageFixtures"],
      swiftSettings: strict),
    .testTarget(
      name: "CallAnalysisTests", dependencies: ["CallAnalysis", "BinaryImage"], swiftSettings: strict),
    .testTarget(name: "HostTextTests", dependencies: ["HostText"], swiftSettings: strict),
    .testTarget(name: "HeaderTests", dependencies: ["PersonalityTables"], swiftSettings: strict),
    .testTarget(name: "CommandLineTests", dependencies: ["ImageFixtures"], swiftSettings: strict),
    .testTarget(
      name: "FuzzTests", dependencies: ["Supervisor", "BinaryImage", "ImageFixtures"], swiftSettings: strict),
    .testTarget(
      name: "TranslationTests", dependencies: ["Translation", "CEngine", "CWire", "Wire", "PersonalityTables"],
      swiftSettings: strict),
  ]
)
