import Foundation
import Testing

@testable import Configuration

@Suite("What becomes of the file's members")
struct FileMemberTests {
    private func fates(_ json: String, environment: [String: String] = [:]) -> [String: FileMember.Fate] {
        let members = load(json, environment: environment, secret: nil).fileMembers
        return Dictionary(uniqueKeysWithValues: members.map { ($0.path, $0.fate) })
    }

    @Test("every key is taken where it stands alone, and reported with its value unless it is a secret")
    func taken() {
        for key in Key.all {
            let result = Settings.load(
                file: .text(key.file(key.sample.json), name: "config.json"), environment: [:],
                overrides: key.companions)
            let value = key.isSecret ? nil : key.sample.json
            let expected: FileMember.Fate = key.isWithoutEffect ? .withoutEffect : .taken(value: value)
            #expect(result.fileMembers == [FileMember(path: key.path, fate: expected)], "\(key.path)")
        }
    }

    @Test("members are told in the file's order; of two with one name the last counts")
    func order() {
        let result = load(#"{"redis": {"db": 1, "port": 7}, "port": 1, "host": "a", "port": 2}"#)
        #expect(result.fileMembers.map(\.path) == ["redis.db", "redis.port", "host", "port"])
        #expect(result.fileMembers.last?.fate == .taken(value: "2"))
    }

    @Test("a value in another form, one that redis.url goes before, null, wrong and unknown ones")
    func others() {
        let fates = fates(
            """
            {"allowedOrigins": ["HTTPS://A.example:443"], "redis": {"url": "redis://b:7", "host": "a", "port": null},
             "drainMs": -1, "jwtAlgorithms": ["none"], "nothing-like-it": 1, "port.": 1}
            """)
        #expect(fates["allowedOrigins"] == .readAs(value: #"["https://a.example"]"#))
        #expect(fates["redis.url"] == .taken(value: nil))
        #expect(fates["redis.host"] == .readAs(value: "\"b\""))
        #expect(fates["redis.port"] == .absent(value: "7"))
        #expect(fates["drainMs"] == .refused)
        #expect(fates["jwtAlgorithms"] == .refused)
        #expect(fates["nothing-like-it"] == .unknown(nearest: nil))
        #expect(fates["port."] == .unknown(nearest: nil))
    }

    @Test("an object that is none is not passed over")
    func wrongObject() {
        #expect(fates(#"{"redis": "redis://h"}"#) == ["redis": .refused])
    }

    /// The keys of the Node server's `src/config.ts`.
    private static let nodeKeys = [
        "port", "logLevel", "logToFile", "logFilename", "statsd.host", "statsd.port", "statsd.globalTags", "redis.host",
        "redis.port", "redis.username", "redis.password", "redis.db", "redis.ssl", "redis.validateHostname",
        "redisStreamPrefix", "redisStreamReadCount", "redisStreamReadBlockMs", "jwtAlgorithms", "jwtSecret",
        "jwtCookieName", "jwtChannelIdKey", "allowedOrigins", "socketResponseTimeoutMs", "pingSocketsIntervalMs",
        "gcChannelsIntervalMs", "maxSocketBufferBytes", "eventYieldBatchSize", "maxConnectionsPerChannel",
        "maxTotalConnections",
    ]

    @Test("every key of the Node server is known here, and docs/migration.md speaks of it", arguments: nodeKeys)
    func nodeKey(path: String) throws {
        let key = try #require(Key.named(path))
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: package.appending(path: "docs/migration.md"), encoding: .utf8)
        #expect(page.contains("| `\(path)` | `\(key.environmentVariable)` |"))
    }
}
