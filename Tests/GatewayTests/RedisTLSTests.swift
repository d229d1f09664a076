import Configuration
import Gateway
import TestSupport
import Testing

@Suite("Redis over TLS")
struct RedisTLSTests {
    /// A Redis that speaks TLS alone on its port.
    private static func server(clientCertificates: Bool = false, elsewhere: Bool = false) throws -> RedisProcess {
        let files = try Certificates.shared()
        return try RedisProcess.onPort { port in
            [
                "--port", "0", "--tls-port", "\(port)", "--tls-ca-cert-file", files.authority,
                "--tls-cert-file", elsewhere ? files.elsewhere : files.server,
                "--tls-key-file", elsewhere ? files.elsewhereKey : files.serverKey,
                "--tls-auth-clients", clientCertificates ? "yes" : "no",
            ]
        }
    }

    private static func gateway(
        _ redis: RedisProcess, host: String = "127.0.0.1", _ configure: (inout Settings) -> Void = { _ in }
    ) throws -> TestGateway {
        let authority = try Certificates.shared().authority
        return try TestGateway(redis: redis) {
            $0.redis.socketPath = nil
            $0.redis.host = host
            $0.redis.port = redis.port ?? 0
            $0.redis.ssl = true
            $0.redis.caFile = authority
            configure(&$0)
        }
    }

    private static func expectEvents(_ gateway: TestGateway, _ redis: RedisProcess) throws {
        let client = try gateway.open().connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [id])
    }

    @Test("a server that wants a client certificate is shown it", arguments: ["127.0.0.1", "localhost"])
    func clientCertificate(host: String) throws {
        let files = try Certificates.shared()
        let redis = try Self.server(clientCertificates: true)
        let gateway = try Self.gateway(redis, host: host) {
            $0.redis.certificateFile = files.client
            $0.redis.keyFile = files.clientKey
        }
        try Self.expectEvents(gateway, redis)
    }

    @Test("without a client certificate such a server does not let the gateway in, and the log says so")
    func noClientCertificate() throws {
        let gateway = try Self.gateway(Self.server(clientCertificates: true))
        try eventually("it is logged") {
            gateway.log.lines.contains { $0.contains("cannot be reached") && $0.contains("redis.certificateFile") }
        }
        #expect(try gateway.get("/ready").status == 503)
    }

    @Test("a certificate for another name is refused, unless redis.validateHostname is off")
    func hostName() throws {
        let redis = try Self.server(elsewhere: true)
        let strict = try Self.gateway(redis)
        try eventually("it is logged") { strict.log.contains("certificate is not for 127.0.0.1") }
        #expect(try strict.get("/ready").status == 503)
        try Self.expectEvents(try Self.gateway(redis) { $0.redis.validateHostname = false }, redis)
    }

    @Test(
        "a certificate by an authority that is not trusted is refused, the host name checked or not",
        arguments: [true, false])
    func otherAuthority(validates: Bool) throws {
        let other = try Certificates.shared().otherAuthority
        let gateway = try Self.gateway(Self.server()) {
            $0.redis.caFile = other
            $0.redis.validateHostname = validates
        }
        try eventually("it is logged") { gateway.log.contains("certificate was not accepted") }
        #expect(try gateway.get("/ready").status == 503)
    }

    @Test("a file that cannot be used keeps the gateway from starting, with a sentence that names it")
    func wrongFiles() throws {
        let files = try Certificates.shared()
        let redis = try RedisProcess()
        func failure(_ ca: String, _ certificate: String?, _ key: String?) -> String {
            do {
                _ = try Self.gateway(redis) {
                    $0.redis.caFile = ca
                    $0.redis.certificateFile = certificate
                    $0.redis.keyFile = key
                }
                return "it started"
            } catch {
                return "\(error)"
            }
        }
        #expect(failure("/nowhere/ca.pem", nil, nil).contains("The CA file /nowhere/ca.pem could not be loaded"))
        #expect(failure(files.clientKey, nil, nil).contains(files.clientKey))
        #expect(
            failure(files.authority, "/nowhere/c.pem", files.clientKey)
                .contains("The certificate file /nowhere/c.pem could not be loaded"))
        #expect(
            failure(files.authority, files.client, "/nowhere/c.key")
                .contains("The key file /nowhere/c.key could not be used"))
        #expect(
            failure(files.authority, files.client, files.serverKey)
                .contains("The key file \(files.serverKey) could not be used with the certificate \(files.client)"))
    }

    @Test("sentinels and servers that speak TLS alone: the primary is found, and its successor after a failover")
    func sentinels() throws {
        let files = try Certificates.shared()
        let group = try SentinelGroup { port in
            [
                "--port", "0", "--tls-port", "\(port)", "--tls-ca-cert-file", files.authority, "--tls-cert-file",
                files.server, "--tls-key-file", files.serverKey, "--tls-replication", "yes",
            ]
        }
        let gateway = try Self.gateway(group.servers[0]) {
            $0.redis.sentinels = group.sentinels.compactMap(\.port).map { "localhost:\($0)" }
            $0.redis.sentinelName = SentinelGroup.name
            $0.redis.certificateFile = files.client
            $0.redis.keyFile = files.clientKey
        }
        try Self.expectEvents(gateway, try group.primary())
        let client = try gateway.connect("alpha")
        let (_, id) = try group.failOver().publish("alpha", sampleEvent("alpha", "after"))
        try client.expect(ids: [id])
    }

    @Test("a cluster over TLS is followed to the node that has the stream")
    func cluster() throws {
        let files = try Certificates.shared()
        let cluster = try RedisCluster { port in
            [
                "--port", "0", "--tls-port", "\(port)", "--tls-ca-cert-file", files.authority, "--tls-cert-file",
                files.server, "--tls-key-file", files.serverKey, "--tls-auth-clients", "no", "--tls-cluster", "yes",
            ]
        }
        let owner = try cluster.node(of: "async-events-full")
        let gateway = try Self.gateway(cluster.nodes[(owner + 1) % 3])
        let client = try gateway.open().connect("alpha")
        let (_, id) = try cluster.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [id])
    }
}

@Suite("URLs of Redis")
struct RedisURLWayTests {
    /// A gateway that was told of Redis by a URL alone, in `REDIS_URL`.
    private static func gateway(_ redis: RedisProcess, _ url: String, _ more: [String: String] = [:]) throws
        -> TestGateway
    {
        let variables = more.merging(["REDIS_URL": url]) { $1 }
        let loaded = Settings.load(file: .none, environment: variables, ignoring: ["jwtSecret"])
        guard let settings = loaded.settings else { throw Failure("\(loaded.problems)") }
        return try TestGateway(redis: redis) { $0.redis = settings.redis }
    }

    private static func expectEvents(_ gateway: TestGateway, _ redis: RedisProcess) throws {
        let client = try gateway.open().connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "now"))
        try client.expect(ids: [id])
        for word in ["s3cr3t", "redis://", "rediss://", "unix:///"] { #expect(!gateway.log.contains(word)) }
    }

    private static func allow(_ redis: RedisProcess, _ user: String, _ password: String) throws {
        try RedisRights.grant(RedisRights.reading, to: user, password, on: redis)
    }

    @Test(
        "redis:// with an ACL user, a password with signs in it, and a database", arguments: ["127.0.0.1", "localhost"])
    func login(host: String) throws {
        let redis = try RedisProcess.onPort()
        try Self.allow(redis, "some@one", "s3cr3t/%:@")
        try redis.command("CONFIG", "SET", "requirepass", "another s3cr3t")
        try redis.command("SELECT", "5")
        let port = redis.port ?? 0
        let gateway = try Self.gateway(redis, "redis://some%40one:s3cr3t%2F%25%3A%40@\(host):\(port)/5")
        try Self.expectEvents(gateway, redis)
    }

    @Test("redis:// with a password alone, and IPv6")
    func passwordAlone() throws {
        let redis = try RedisProcess.onPort { _ in ["--bind", "127.0.0.1", "::1"] }
        try redis.command("CONFIG", "SET", "requirepass", "s3cr3t")
        try Self.expectEvents(try Self.gateway(redis, "redis://:s3cr3t@[::1]:\(redis.port ?? 0)"), redis)
    }

    @Test("a password that is wrong is said in the log, but not shown")
    func wrongPassword() throws {
        let redis = try RedisProcess.onPort()
        try redis.command("CONFIG", "SET", "requirepass", "another")
        let gateway = try Self.gateway(redis, "redis://:s3cr3t@127.0.0.1:\(redis.port ?? 0)")
        try eventually("it is logged") { gateway.log.contains("WRONGPASS") }
        #expect(!gateway.log.contains("s3cr3t"))
    }

    @Test("rediss://, with the authority from redis.caFile")
    func tls() throws {
        let files = try Certificates.shared()
        let redis = try RedisProcess.onPort {
            [
                "--port", "0", "--tls-port", "\($0)", "--tls-ca-cert-file", files.authority, "--tls-cert-file",
                files.server, "--tls-key-file", files.serverKey, "--tls-auth-clients", "no",
            ]
        }
        let url = "rediss://localhost:\(redis.port ?? 0)"
        try Self.expectEvents(try Self.gateway(redis, url, ["REDIS_CA_FILE": files.authority]), redis)
    }

    @Test("unix:// with a user, a password and a database")
    func socket() throws {
        let redis = try RedisProcess()
        try Self.allow(redis, "someone", "s3cr3t")
        try redis.command("CONFIG", "SET", "requirepass", "another s3cr3t")
        try redis.command("SELECT", "2")
        try Self.expectEvents(try Self.gateway(redis, "unix://someone:s3cr3t@\(redis.socketPath)?db=2"), redis)
    }
}

/// What the README says a user needs, and no more.
enum RedisRights {
    static let reading = [
        "+xread", "+xrange", "+xrevrange", "+xinfo|stream", "+time", "+select", "+client|setname",
    ]
    /// Beside these.
    static let readingInCluster = ["+cluster|slots", "+asking"]

    static func grant(_ rights: [String], to user: String, _ password: String, on redis: RedisProcess) throws {
        let command = ["ACL", "SETUSER", user, "on", ">\(password)", "~async-events-*"] + rights
        try redis.command(command.map { Array($0.utf8) })
    }
}
