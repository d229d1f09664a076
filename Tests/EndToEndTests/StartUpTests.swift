import Foundation
import TestSupport
import Testing

/// What an operator sees who made a mistake.
@Suite("Starting up")
struct StartUpTests {
    private static let good = ["JWT_SECRET": WebSocketClient.secret, "HOST": "127.0.0.1", "STATSD_PORT": "9"]

    /// Starts `serve`, which must refuse; returns what it said.
    private func refusal(_ arguments: [String] = [], _ environment: [String: String]) throws -> String {
        let process = try SluiceProcess(["serve"] + arguments, environment: environment)
        #expect(try process.exitStatus() == 1)
        return process.standardError
    }

    @Test(
        "a bad value is refused with a sentence that names the key and the source",
        arguments: [
            (["JWT_SECRET": "short"], ["jwtSecret", "JWT_SECRET", "32"]),
            (["PORT": "eighty"], ["port", "PORT", "eighty", "0 to 65535"]),
            (["PORT": "70000"], ["port", "PORT", "70000"]),
            (["JWT_ALGORITHMS": "none"], ["jwtAlgorithms", "JWT_ALGORITHMS"]),
            (["JWT_ALGORITHMS": "ES256"], ["jwtPublicKeyFiles", "ES256"]),
            (["JWT_ALGORITHMS": "ES256", "JWT_PUBLIC_KEY_FILES": "/none.pem"], ["/none.pem", "jwtPublicKeyFiles"]),
            (["PREVIOUS_JWT_SECRETS": "short"], ["previousJwtSecrets[0]", "PREVIOUS_JWT_SECRETS", "32"]),
            (["GAQ_REDIS_PORT": "-1"], ["redis.port", "GAQ_REDIS_PORT", "-1"]),
        ] as [([String: String], [String])])
    func badValue(_ environment: [String: String], _ words: [String]) throws {
        let said = try refusal([], Self.good.merging(environment) { $1 })
        for word in words { #expect(said.contains(word), "\(word) is missing in: \(said)") }
        #expect(!said.contains(WebSocketClient.secret))
    }

    @Test("a wrong type in the file and a bad variable are reported together, each with its source")
    func severalAtOnce() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString).json")
        try Data(#"{"port": [8080], "redis": {"db": "x"}, "jwtSecrt": "a"}"#.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let said = try refusal(["--config", file.path], ["JWT_SECRET": "short", "DRAIN_MS": "-5"])
        for word in ["\"port\"", "redis.db", "jwtSecret", "drainMs", "DRAIN_MS", file.lastPathComponent] {
            #expect(said.contains(word), "\(word) is missing in: \(said)")
        }
    }

    @Test("an unknown key draws a warning that names the nearest known one, and the gateway starts")
    func unknownKey() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString).json")
        try Data(#"{"pingSocketsIntervalMS": 5000}"#.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = try SluiceProcess(
            ["serve", "--config", file.path], environment: RestartTests.environment(redis, port))
        try process.waitUntilReady(port: port)
        #expect(process.standardError.contains("pingSocketsIntervalMs"))
        process.kill(SIGTERM)
        #expect(try process.exitStatus() == 0)
    }

    @Test("a port that is taken is refused with a sentence that names it")
    func portTaken() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let environment = RestartTests.environment(redis, port)
        let first = try SluiceProcess(["serve"], environment: environment)
        try first.waitUntilReady(port: port)
        let said = try refusal([], environment)
        #expect(said.contains("\(port)") && said.contains("taken"))
        #expect(first.isRunning)
    }

    @Test("without Redis it starts, is alive, is not ready, and refuses upgrades with 503 until Redis is there")
    func redisAwayAtStart() throws {
        let redis = try RedisProcess(persistent: true)
        redis.kill()
        let port = try freePort()
        let process = try SluiceProcess(["serve"], environment: RestartTests.environment(redis, port))
        func get(_ path: String) throws -> HTTPAnswer {
            let socket = try TestSocket.connect(port: port)
            try socket.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return try HTTPAnswer.read(from: socket)
        }
        try eventually("it listens") { (try? TestSocket.connect(port: port)) != nil }
        #expect(try get("/health").status == 200)
        #expect(try get("/ready").status == 503)
        let socket = try TestSocket.connect(port: port)
        try socket.send(WebSocketClient.request(channel: "alpha"))
        let answer = try HTTPAnswer.read(from: socket)
        #expect(answer.status == 503 && answer.field("Retry-After") != nil)
        try redis.start()
        try process.waitUntilReady(port: port)
    }

    @Test("SIGHUP takes secrets and key files as they are then, and keeps the old ones when they are bad")
    func reload() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        func configuration(_ secret: String, previous: String = "") -> String {
            """
            {"jwtSecret": "\(secret)", "previousJwtSecrets": [\(previous)], "jwtAlgorithms": ["HS256", "EdDSA"],
             "jwtPublicKeyFiles": ["\(keys.path)"]}
            """
        }
        let keys = try TemporaryFile(SignedTokens.set(SignedTokens.edDSAKey))
        let file = try TemporaryFile(configuration(WebSocketClient.secret))
        var environment = RestartTests.environment(redis, port)
        environment["JWT_SECRET"] = nil
        let process = try SluiceProcess(["serve", "--config", file.path], environment: environment)
        try process.waitUntilReady(port: port)
        func status(_ token: String) throws -> Int {
            let socket = try TestSocket.connect(port: port)
            try socket.send(WebSocketClient.request(channel: "", token: token))
            return try HTTPAnswer.read(from: socket).status
        }
        let old = WebSocketClient.token("alpha")
        #expect(try status(old) == 101)
        #expect(try status(SignedTokens.edDSA) == 101)

        let other = "another secret of more than thirty-two bytes"
        try file.write(configuration(other, previous: "\"\(WebSocketClient.secret)\""))
        process.kill(SIGHUP)
        try eventually("the previous secret is there") { process.standardError.contains("previousJwtSecrets[0]") }
        #expect(try status(old) == 101)

        try file.write(configuration("short"))
        process.kill(SIGHUP)
        try eventually("it complains") { process.standardError.contains("stays") }
        #expect(process.standardError.contains("jwtSecret") && process.isRunning)
        #expect(try status(old) == 101)

        try file.write(configuration(other))
        process.kill(SIGHUP)
        try eventually("the old secret's tokens are refused") { try status(old) == 401 }
        #expect(try status(SignedTokens.edDSA) == 101)
        for secret in [WebSocketClient.secret, other] { #expect(!process.standardError.contains(secret)) }
    }

    @Test("SIGTERM with no socket open ends it at once, a second one ends a long drain")
    func signals() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        var environment = RestartTests.environment(redis, port)
        environment["DRAIN_MS"] = "600000"
        let idle = try SluiceProcess(["serve"], environment: environment)
        try idle.waitUntilReady(port: port)
        idle.kill(SIGTERM)
        #expect(try idle.exitStatus() == 0)

        let busy = try SluiceProcess(["serve"], environment: environment)
        try busy.waitUntilReady(port: port)
        // The first socket goes at once, the second would stay for minutes.
        let clients = try (0..<2).map { _ in try WebSocketClient(port: port, channel: "alpha") }
        busy.kill(SIGTERM)
        try eventually("it says that it is draining") { busy.standardError.contains("draining") }
        #expect(busy.isRunning)
        busy.kill(SIGTERM)
        #expect(try busy.exitStatus() == 0)
        withExtendedLifetime(clients) {}
    }
}
