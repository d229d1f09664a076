import Foundation
import TestSupport
import Testing

/// `check`, `publish` and `serve` with Redis as its users have it.
@Suite("Ways to Redis, from the command line")
struct RedisWaysTests {
    private static let secret = "a-secret-for-tests-0123456789-abcdef"

    private static func run(
        _ arguments: [String], _ environment: [String: String], status: Int32 = 0
    ) throws -> (output: String, errors: String) {
        let variables = environment.merging(["JWT_SECRET": secret]) { own, _ in own }
        let process = try SluiceProcess(arguments, environment: variables)
        #expect(try process.exitStatus() == status, "\(process.standardError)")
        return (process.standardOutput, process.standardError)
    }

    /// Checks, and publishes an event. Returns what `check` said.
    private static func use(_ environment: [String: String], channel: String = "alpha") throws -> String {
        let check = try run(["check"], environment)
        #expect(check.output.contains("All is well."))
        let published = try run(["publish", "--channel", channel, #"{"job_id": "1"}"#], environment)
        #expect(published.output.split(separator: "\n").count == 2)
        for text in [check.output, check.errors, published.output, published.errors] {
            #expect(!text.contains("s3cr3t"))
        }
        return check.output
    }

    @Test("a URL with a password and a database; the password is never printed")
    func url() throws {
        let redis = try RedisProcess.onPort()
        try redis.command("CONFIG", "SET", "requirepass", "s3cr3t")
        let port = redis.port ?? 0
        let said = try Self.use(["REDIS_URL": "redis://:s3cr3t@127.0.0.1:\(port)/4"])
        #expect(said.contains("127.0.0.1:\(port), database 4, as user default"))
        try redis.command("SELECT", "4")
        #expect(try redis.entries().count == 1)

        let refused = try Self.run(["check"], ["REDIS_URL": "redis://:s3cr3t-wrong@127.0.0.1:\(port)"], status: 1)
        #expect(refused.errors.contains("WRONGPASS") && refused.errors.contains("REDIS_URL"))
        let malformed = try Self.run(["check"], ["REDIS_URL": "redis://:s3cr3t@127.0.0.1:port"], status: 1)
        #expect(malformed.errors.contains("redis.url"))
        for text in [refused.errors, malformed.errors] { #expect(!text.contains("s3cr3t")) }
    }

    @Test("TLS with a client certificate; a file that is missing is named")
    func tls() throws {
        let files = try Certificates.shared()
        let redis = try RedisProcess.onPort {
            [
                "--port", "0", "--tls-port", "\($0)", "--tls-ca-cert-file", files.authority, "--tls-cert-file",
                files.server, "--tls-key-file", files.serverKey, "--tls-auth-clients", "yes",
            ]
        }
        var environment = [
            "REDIS_URL": "rediss://localhost:\(redis.port ?? 0)", "REDIS_CA_FILE": files.authority,
            "REDIS_CERTIFICATE_FILE": files.client, "REDIS_KEY_FILE": files.clientKey,
        ]
        #expect(try Self.use(environment).contains("over TLS"))
        environment["REDIS_CA_FILE"] = "/nowhere/ca.pem"
        #expect(try Self.run(["check"], environment, status: 1).errors.contains("The CA file /nowhere/ca.pem"))
        environment["PORT"] = "0"
        let serve = try Self.run(["serve"], environment, status: 1).errors
        #expect(serve.contains("The CA file /nowhere/ca.pem") && !serve.contains("\"port\""))
    }

    @Test("the primary that sentinels name, the first of them gone")
    func sentinel() throws {
        let group = try SentinelGroup(sentinelPassword: "s3cr3t-sentinel", password: "s3cr3t-server")
        group.sentinels[0].kill()
        let environment = [
            "REDIS_SENTINELS": group.sentinels.map { "127.0.0.1:\($0.port ?? 0)" }.joined(separator: ","),
            "REDIS_SENTINEL_NAME": SentinelGroup.name, "REDIS_SENTINEL_PASSWORD": "s3cr3t-sentinel",
            "REDIS_PASSWORD": "s3cr3t-server",
        ]
        #expect(try Self.use(environment).contains("127.0.0.1:\(group.servers[0].port ?? 0)"))
        let successor = try group.failOver()
        #expect(try Self.use(environment).contains("127.0.0.1:\(successor.port ?? 0)"))
        let unknown = environment.merging(["REDIS_SENTINEL_NAME": "others"]) { $1 }
        let refused = try Self.run(["check"], unknown, status: 1).errors
        #expect(refused.contains("does not know a primary named others") && refused.contains("REDIS_SENTINELS"))
    }

    @Test("any node of a cluster, whichever nodes have the streams")
    func cluster() throws {
        let cluster = try RedisCluster()
        for seed in 0..<3 {
            let channel = try cluster.channel(onNode: (seed + 1) % 3)
            _ = try Self.use(["REDIS_URL": "redis://127.0.0.1:\(cluster.nodes[seed].port ?? 0)"], channel: channel)
        }
        #expect(try cluster.nodes[cluster.node(of: "async-events-full")].entries().count == 3)
    }

    @Test("serve logs no part of a password, at the most talkative level")
    func logs() throws {
        let redis = try RedisProcess.onPort()
        try redis.command("CONFIG", "SET", "requirepass", "s3cr3t")
        let port = try freePort()
        let process = try SluiceProcess(
            ["serve", "--port", "\(port)", "--log-level", "debug"],
            environment: [
                "JWT_SECRET": Self.secret, "REDIS_URL": "redis://default:s3cr3t@127.0.0.1:\(redis.port ?? 0)",
                "REDIS_SENTINEL_PASSWORD": "s3cr3t-sentinel",
            ])
        try process.waitUntilReady(port: port)
        try redis.command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
        try redis.command("CONFIG", "SET", "requirepass", "another")
        try redis.command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
        try eventually("the wrong password is logged") {
            (process.standardOutput + process.standardError).contains("WRONGPASS")
        }
        process.kill(SIGKILL)
        #expect(!(process.standardOutput + process.standardError).contains("s3cr3t"))
    }
}
