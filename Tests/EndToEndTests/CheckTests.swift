import Foundation
import TestSupport
import Testing

/// `sluice check`, as an operator runs it before and after the move from the Node server.
@Suite("sluice check")
struct CheckTests {
    private func check(
        _ arguments: [String], _ environment: [String: String] = [:], status: Int32
    ) throws -> (output: String, errors: String) {
        let process = try SluiceProcess(["check"] + arguments, environment: environment)
        #expect(try process.exitStatus() == status, "\(process.standardError)")
        return (process.standardOutput, process.standardError)
    }

    @Test("--health says whether a gateway serves, by status and by sentence")
    func health() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        var environment = RestartTests.environment(redis, port)
        redis.kill()
        let gateway = try SluiceProcess(["serve"], environment: environment)
        let url = "http://127.0.0.1:\(port)"
        try eventually("the gateway serves") { (try? TestSocket.connect(port: port)) != nil }

        #expect(try check(["--health", "\(url)/health"], status: 0).output == "\(url)/health answers 200 OK: OK.\n")
        #expect(try check(["--health", url], status: 0).output.hasPrefix("\(url)/health answers 200"))
        let notReady = try check(["--health", "\(url)/ready"], status: 1)
        #expect(notReady.output.isEmpty && notReady.errors.hasPrefix("\(url)/ready answers 503 Service Unavailable: "))

        // A path alone: the gateway of these settings, also without the secret that only the server needs.
        environment["JWT_SECRET"] = nil
        #expect(try check(["--health", "/health"], environment, status: 0).output.hasPrefix("\(url)/health answers"))
        environment["GAQ_PORT"] = "1"
        let elsewhere = try check(["--health", "/health"], environment, status: 1).errors
        #expect(elsewhere.hasPrefix("http://127.0.0.1:1/health is not reached. "))

        gateway.kill(SIGKILL)
        _ = try gateway.exitStatus()
        #expect(try check(["--health", url], status: 1).errors.hasPrefix("\(url)/health is not reached. "))
        let wrong = try check(["--health", "127.0.0.1:8080"], status: 1).errors
        #expect(wrong.hasPrefix("--health is \"127.0.0.1:8080\"") && wrong.contains("http://127.0.0.1:8080/health"))
    }

    @Test("--health with a path alone asks a port with TLS over TLS, or else the port for monitors")
    func healthOverTLS() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let files = try Certificates.shared()
        var environment = RestartTests.environment(redis, port)
        environment["TLS_CERTIFICATE_FILE"] = files.server
        environment["TLS_KEY_FILE"] = files.serverKey
        let gateway = try SluiceProcess(["serve"], environment: environment)
        try eventually("the gateway serves") { (try? TestSocket.connect(port: port)) != nil }
        let said = try check(["--health", "/health"], environment, status: 0).output
        #expect(said == "https://127.0.0.1:\(port)/health answers 200 OK: OK.\n")
        // Somebody else's certificate must be one that is trusted.
        #expect(try check(["--health", "https://127.0.0.1:\(port)/health"], status: 1).errors.contains("certificate"))
        gateway.kill(SIGKILL)
        _ = try gateway.exitStatus()

        let monitors = try freePort()
        environment["METRICS_PORT"] = "\(monitors)"
        environment["PROXY_PROTOCOL"] = "true"
        let other = try SluiceProcess(["serve"], environment: environment)
        try eventually("the gateway serves") { (try? TestSocket.connect(port: monitors)) != nil }
        let there = try check(["--health", "/health"], environment, status: 0).output
        #expect(there == "http://127.0.0.1:\(monitors)/health answers 200 OK: OK.\n")
        environment["METRICS_PORT"] = nil
        #expect(try check(["--health", "/health"], environment, status: 1).errors.contains("metricsPort"))
        withExtendedLifetime(other) {}
    }

    @Test("--health gives up on a server that does not answer")
    func silence() throws {
        let silent = try SilentServer()
        let said = try check(["--health", "http://127.0.0.1:\(silent.port)/health"], status: 1).errors
        #expect(said.contains("did not answer within"))
    }

    /// Its backlog takes connections, and nobody ever reads them.
    private final class SilentServer {
        let port: UInt16
        private let descriptor: Int32

        init() throws {
            port = try freePort()
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let number = descriptor
            let isOpen = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(number, 4) == 0
                }
            }
            guard isOpen else { throw Failure("listen: errno \(errno)") }
        }

        deinit { close(descriptor) }
    }

    @Test("tells of each key of a Node server's file what becomes of it, and no secret")
    func nodeFile() throws {
        let redis = try RedisProcess()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("node-\(UUID().uuidString).json")
        let secret = "node-secret-0123456789-0123456789-0123456789"
        try Data(
            """
            {"port": 8080, "logLevel": "info", "statsd": {"globalTags": ["env:prod"]},
             "redis": {"host": "redis", "password": "hunter2hunter2", "ssl": false, "socketPath": "\(redis.socketPath)"},
             "streamPrefix": "x-", "jwtSecret": "\(secret)", "eventYieldBatchSize": 50, "logFilename": null}
            """.utf8
        ).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let (output, errors) = try check(
            ["--config", file.path], ["GAQ_PORT": "8099", "REDIS_PASSWORD": "hunter3hunter3"], status: 1)
        let lines = output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        for line in [
            "port environment variable GAQ_PORT goes before it: 8099", "logLevel taken: \"info\"",
            "statsd.globalTags taken: [\"env:prod\"]", "redis.host taken: \"redis\"",
            "redis.password environment variable REDIS_PASSWORD goes before it: not shown", "redis.ssl taken: false",
            "streamPrefix not known, and left aside; is redisStreamPrefix meant?", "jwtSecret taken: not shown",
            "eventYieldBatchSize accepted, without effect: a burst of events does not hold up other work here",
            "logFilename null, so the default counts: \"app.log\"",
            "redisStreamReadCount 1000, the Node server has 100",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        for word in [secret, "hunter2", "hunter3"] { #expect(!(output + errors).contains(word)) }
    }

    @Test("tells of a wrong value, and of the others all the same")
    func wrongValue() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("node-\(UUID().uuidString).json")
        try Data(#"{"port": "eighty", "logLevel": "silly", "redis": {"db": 3}}"#.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let (output, errors) = try check(["--config", file.path], status: 1)
        let lines = output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        for line in ["port wrong (see below)", "logLevel wrong (see below)", "redis.db taken: 3"] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(errors.contains("\"port\" is \"eighty\"") && errors.contains("\"logLevel\" is \"silly\""))
    }
}
