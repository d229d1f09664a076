import Foundation
import TestSupport
import Testing

/// The built binary, a real Redis, and a client that comes back.
@Suite("End to end")
struct RestartTests {
    @Test("publish, receive, kill the gateway, restart it, resume: nothing is lost or doubled")
    func resumeAcrossKill() throws {
        let redis = try RedisProcess(persistent: true)
        let port = try freePort()
        let environment = Self.environment(redis, port)
        var gateway = try SluiceProcess(["serve"], environment: environment)
        try gateway.waitUntilReady(port: port)

        var received: [String] = []
        var client = try WebSocketClient(port: port, channel: "alpha")
        var published = 0
        func publish(_ count: Int) throws {
            for _ in 0..<count {
                published += 1
                try redis.publish("alpha", sampleEvent("alpha", "job-\(published)"))
                // Others' events lie between, as they do.
                try redis.publish("beta", sampleEvent("beta", "other-\(published)"))
            }
        }
        for round in 0..<3 {
            try publish(20)
            // In the first round all is read, in the others a part is cut off with the gateway.
            received += try client.events(round == 0 ? 20 : 7)
            gateway.kill(SIGKILL)
            _ = try gateway.exitStatus()
            try publish(20)
            gateway = try SluiceProcess(["serve"], environment: environment)
            try gateway.waitUntilReady(port: port)
            client = try WebSocketClient(port: port, channel: "alpha", lastID: eventID(try #require(received.last)))
            received += try client.events(published - received.count)
        }
        #expect(try client.barrier().isEmpty)
        let jobs = received.map { $0.components(separatedBy: "\"job_id\": \"")[1].prefix { $0 != "\"" } }
        #expect(jobs.map(String.init) == (1...published).map { "job-\($0)" })

        gateway.kill(SIGTERM)
        #expect(try gateway.exitStatus() == 0)
        let last = try client.frame()
        #expect(last.opcode == 8 && last.closeCode == 1001)
    }

    static func environment(_ redis: RedisProcess, _ port: UInt16) -> [String: String] {
        [
            "PORT": "\(port)", "HOST": "127.0.0.1", "REDIS_SOCKET_PATH": redis.socketPath,
            "JWT_SECRET": WebSocketClient.secret, "DRAIN_MS": "0", "STATSD_PORT": "9",
        ]
    }
}
