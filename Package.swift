// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

// Valgrind 3.19, which counts instructions on Debian 12, reads no newer debugging information than DWARF 4.
let cSettings: [CSetting] = [.unsafeFlags(["-gdwarf-4"])]

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .executable(name: "sluice-bench", targets: ["sluice-bench"]),
    ],
    dependencies: [
        // The command line: what every Swift tool uses, and what writes --help for us.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // The logging interface of the Swift server world; the handler is ours.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // A ring buffer (Deque) that is tested by more people than ours would be.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        // MARK: System libraries

        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CProcess"),
        .systemLibrary(name: "CBytes"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // Without pkgConfig: hiredis 0.14 lists a flag there that SwiftPM warns of, and its header is on the usual path.
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),

        // MARK: Codecs, the log and other rooms that know nothing of each other

        .target(name: "Locks", swiftSettings: settings),
        .target(name: "CKernelTLS", cSettings: cSettings),
        .target(
            name: "EventLoop", dependencies: ["CKernelTLS", "CLinux", "COpenSSL", "Locks"], swiftSettings: settings),
        .target(name: "HTTP1", swiftSettings: settings),
        .target(name: "WebSocket", dependencies: ["COpenSSL", "CZlib"], swiftSettings: settings),
        .target(name: "ServerSentEvents", swiftSettings: settings),
        .target(name: "JSONWebToken", dependencies: ["COpenSSL", "Locks"], swiftSettings: settings),
        .target(name: "Metrics", swiftSettings: settings),
        .target(name: "Configuration", swiftSettings: settings),
        // The files for browsers, as they are in the repository, and what they are served as.
        .target(name: "CBrowserFiles", exclude: ["files"], cSettings: cSettings),
        .target(name: "BrowserFiles", dependencies: ["CBrowserFiles", "COpenSSL"], swiftSettings: settings),
        .target(
            name: "EventLog", dependencies: [.product(name: "DequeModule", package: "swift-collections")],
            swiftSettings: settings),
        .target(name: "RedisStreams", dependencies: ["CBytes", "CHiredis", "EventLog"], swiftSettings: settings),

        // MARK: Where they meet

        .target(
            name: "Gateway",
            dependencies: [
                "CLinux", "EventLoop", "HTTP1", "WebSocket", "ServerSentEvents", "JSONWebToken", "Metrics",
                "Configuration", "BrowserFiles", "EventLog", "RedisStreams", "Locks",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "DequeModule", package: "swift-collections"),
            ], swiftSettings: settings),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "Gateway", "Configuration", "EventLoop", "HTTP1", "WebSocket", "ServerSentEvents", "JSONWebToken",
                "RedisStreams", "EventLog", "CProcess",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),

        // MARK: The load generator

        .executableTarget(
            name: "sluice-bench",
            dependencies: [
                "CLinux", "EventLoop", "HTTP1", "WebSocket", "ServerSentEvents", "JSONWebToken", "RedisStreams",
                "EventLog",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),

        // MARK: Instruction counts of hot paths (make microbench)

        .executableTarget(
            name: "sluice-microbench",
            dependencies: ["EventLog", "RedisStreams", "Gateway", "HTTP1", "WebSocket", "JSONWebToken"],
            swiftSettings: settings),

        // MARK: For tests only

        // Echoes messages over the same codec and event loop, so that a conformance suite can drive them.
        .executableTarget(
            name: "sluice-echo",
            dependencies: [
                "EventLoop", "HTTP1", "WebSocket",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),

        // MARK: Tests

        .testTarget(name: "LocksTests", dependencies: ["Locks"], swiftSettings: settings),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"], swiftSettings: settings),
        .testTarget(name: "JSONWebTokenTests", dependencies: ["JSONWebToken"], swiftSettings: settings),
        .target(
            name: "TestSupport",
            dependencies: [
                "Gateway", "Configuration", "EventLoop", "JSONWebToken", "Metrics", "ServerSentEvents", "Locks",
                .product(name: "Logging", package: "swift-log"),
            ], path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "TestSupport", "Configuration", "EventLog", "EventLoop", "WebSocket", "ServerSentEvents",
                "Metrics", "JSONWebToken", "HTTP1", "Locks", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "sluiceTests",
            dependencies: [
                "sluice", "Configuration", "EventLog",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: settings),
        .testTarget(
            name: "sluice-benchTests",
            dependencies: [
                "sluice-bench", "TestSupport", "Gateway", "Configuration", "EventLoop", "EventLog",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        // What the fuzzers feed; its corpora are tests too.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "HTTP1", "WebSocket", "ServerSentEvents", "JSONWebToken", "RedisStreams", "EventLog", "Configuration",
                "Gateway", "COpenSSL",
            ], path: "Tests/Fuzz/Targets", swiftSettings: settings),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], swiftSettings: settings),
        .testTarget(name: "HTTP1Tests", dependencies: ["HTTP1"], swiftSettings: settings),
        .testTarget(name: "ServerSentEventsTests", dependencies: ["ServerSentEvents"], swiftSettings: settings),
        .testTarget(name: "WebSocketTests", dependencies: ["WebSocket", "CZlib"], swiftSettings: settings),
        // RFC 6455 and RFC 7692 as raw bytes to and from a running sluice-echo, in the order of Autobahn's list of cases.
        .testTarget(
            name: "ConformanceTests", dependencies: ["TestSupport", "sluice-echo", "WebSocket"], swiftSettings: settings
        ),
        .testTarget(
            name: "EventLoopTests", dependencies: ["EventLoop", "TestSupport", "CLinux", "COpenSSL", "Locks"],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["TestSupport", "sluice", "EventLoop", "ServerSentEvents"],
            swiftSettings: settings),
        // What browsers do: the client and the console's page in Chromium.
        .testTarget(
            name: "BrowserTests",
            dependencies: ["TestSupport", "Gateway", "Configuration", "JSONWebToken", "Locks", "Metrics", "sluice"],
            swiftSettings: settings),
        // Real processes under real faults: DESIGN part 2 as a whole.
        .testTarget(name: "FaultTests", dependencies: ["TestSupport", "sluice", "Locks"], swiftSettings: settings),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "EventLogTests", dependencies: ["EventLog"], swiftSettings: settings),
        .testTarget(name: "RedisStreamsTests", dependencies: ["RedisStreams", "EventLog"], swiftSettings: settings),
    ]
)

// Links libFuzzer, which only `make fuzz` asks the compiler for.
if Context.environment["SLUICE_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
        .executableTarget(
            name: "sluice-fuzz", dependencies: ["CFuzzer", "FuzzTargets"], path: "Tests/Fuzz/Runner",
            swiftSettings: settings),
    ]
}
