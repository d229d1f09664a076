import Foundation
import Testing

@testable import Configuration

@Suite("Files")
struct FileTests {
    private let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func load(_ file: FileSource) -> LoadResult {
        Settings.load(file: file, environment: ["JWT_SECRET": goodSecret])
    }

    private func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "sluice-configuration-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: path) }
        try body(path.path(percentEncoded: false))
    }

    @Test("a file that is there is read, from the default path and from a named one")
    func present() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/config.json"
            try #"{"port": 1234}"#.write(toFile: path, atomically: false, encoding: .utf8)
            for file in [FileSource.ifPresent(path: path), .required(path: path)] {
                let result = load(file)
                #expect(try #require(result.settings).port == 1234)
                #expect(result.source(of: "port") == .file(path))
            }
        }
    }

    @Test("a missing file is fine at the default path and an error when it was named")
    func missing() throws {
        #expect(try #require(load(.ifPresent(path: "/nonexistent/config.json")).settings).port == 8080)
        let result = load(.required(path: "/nonexistent/config.json"))
        #expect(
            result.problemTexts == [
                "/nonexistent/config.json: the file cannot be read (No such file or directory); a readable file was expected."
            ])
        #expect(result.settings == nil)
    }

    @Test("a directory, or a file without end, is an error at the default path too", arguments: ["/", "/dev/zero"])
    func unreadable(path: String) {
        let result = load(.ifPresent(path: path))
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.expected == "a readable file")
    }

    @Test("invalid JSON is an error with its line and column, besides all other problems")
    func invalid() {
        let result = Settings.load(
            file: .text("{\n  \"port\": 80,\n}", name: "config.json"),
            environment: ["JWT_SECRET": goodSecret, "PORT": "x"])
        #expect(
            result.problemTexts == [
                "config.json: line 3, column 1: unexpected }; a name in double quotes was expected.",
                "environment variable PORT: \"port\" is \"x\"; a whole number from 0 to 65535 was expected.",
            ])
    }

    @Test("the Node server's example file loads without problems or unknown keys once it has a secret")
    func nodeExample() throws {
        let json = """
            {
              "port": 8080,
              "logLevel": "info",
              "logToFile": false,
              "logFilename": "app.log",
              "statsd": { "host": "127.0.0.1", "port": 8125, "globalTags": [] },
              "redis": {
                "port": 6379, "host": "127.0.0.1", "password": "", "db": 0, "ssl": false, "validateHostname": false
              },
              "redisStreamPrefix": "async-events-",
              "redisStreamReadCount": 100,
              "redisStreamReadBlockMs": 5000,
              "jwtAlgorithms": ["HS256"],
              "jwtSecret": "\(goodSecret)",
              "jwtCookieName": "async-token",
              "jwtChannelIdKey": "channel",
              "socketResponseTimeoutMs": 60000,
              "pingSocketsIntervalMs": 20000,
              "gcChannelsIntervalMs": 120000
            }
            """
        let result = Settings.load(file: .text(json, name: "config.json"), environment: [:])
        #expect(result.problems.isEmpty)
        #expect(result.warnings.isEmpty)
        var expected = Settings()
        expected.jwtSecret = Secret(goodSecret)
        expected.redisStreamReadCount = 100
        expected.redis.validateHostname = false
        #expect(try #require(result.settings) == expected)
    }

    @Test("the Node server's container environment works unchanged")
    func nodeEnvironment() throws {
        let result = Settings.load(
            file: .none,
            environment: [
                "PATH": "/usr/bin", "HOSTNAME": "a1b2", "NODE_ENV": "production", "GAQ_PORT": "8081",
                "GAQ_JWT_SECRET": goodSecret, "GAQ_REDIS_HOST": "redis", "GAQ_REDIS_SSL": "True",
                "GAQ_REDIS_PASSWORD": "", "REDIS_DB": "4", "STATSD_GLOBAL_TAGS": "tag-1,tag-2",
            ])
        #expect(result.problems.isEmpty)
        #expect(result.warnings.isEmpty)
        var expected = Settings()
        expected.port = 8081
        expected.jwtSecret = Secret(goodSecret)
        expected.redis.host = "redis"
        expected.redis.ssl = true
        expected.redis.db = 4
        expected.statsd.globalTags = ["tag-1", "tag-2"]
        #expect(try #require(result.settings) == expected)
    }

    @Test("config.example.json is what the table gives: every key with its default")
    func exampleFile() throws {
        let path = package.appending(path: "config.example.json")
        if recording { try Key.exampleJSON().write(to: path, atomically: true, encoding: .utf8) }
        let text = try String(contentsOf: path, encoding: .utf8)
        #expect(text == Key.exampleJSON(), "run this test with SLUICE_RECORD=1 to write the file anew")

        let result = load(.text(text, name: "config.example.json"))
        #expect(result.problems.isEmpty)
        #expect(result.warnings.allSatisfy { $0.isNotice })
        var expected = Settings()
        expected.jwtSecret = Secret(goodSecret)
        #expect(try #require(result.settings) == expected)
        for key in Key.all where key.defaultJSON != "null" && key.path != "jwtSecret" {
            #expect(result.source(of: key.path) == .file("config.example.json"))
        }
    }

    @Test("the example file as it is does not start: its secret must be changed")
    func exampleSecret() {
        let result = Settings.load(file: .text(Key.exampleJSON(), name: "config.example.json"), environment: [:])
        #expect(result.problems.map(\.key) == ["jwtSecret"])
    }

    @Test("the table of keys in the README is what the table in the code gives")
    func readmeTable() throws {
        let begin = "<!-- configuration table: begin (written by the tests) -->\n"
        let end = "<!-- configuration table: end -->"
        let candidates = ["README.md", "docs-table.md"].map { package.appending(path: $0) }
        let file = try #require(
            candidates.first { (try? String(contentsOf: $0, encoding: .utf8))?.contains(begin) == true },
            "README.md has no line \(begin)")
        var text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: begin)).upperBound
        let stop = try #require(text.range(of: end)).lowerBound
        if recording {
            text.replaceSubrange(start..<stop, with: Key.markdownTable())
            try text.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(text[start..<stop] == Key.markdownTable(), "run this test with SLUICE_RECORD=1 to write it anew")
        }
    }

    @Test("each flag has one line of help")
    func flagsHelp() {
        let lines = Key.flagsHelp().split(separator: "\n")
        #expect(lines.count == Key.all.count { !$0.isSecret })
        #expect(lines.first?.hasPrefix("  --port <number>") == true)
    }

    private var recording: Bool { ProcessInfo.processInfo.environment["SLUICE_RECORD"] == "1" }
}
