import Testing

@testable import Configuration

@Suite("The URL of Redis")
struct RedisURLTests {
    private static func redis(_ url: String) throws -> Settings.Redis {
        let result = load(environment: ["REDIS_URL": url])
        #expect(result.problemTexts == [])
        return try #require(result.settings).redis
    }

    @Test(
        "host, port, database and TLS are read",
        arguments: [
            ("redis://a.example", "a.example", 6379, 0, false), ("redis://a.example:7000", "a.example", 7000, 0, false),
            ("redis://a.example/3", "a.example", 6379, 3, false), ("rediss://a.example:1/", "a.example", 1, 0, true),
            ("redis://10.0.0.1:7000/2", "10.0.0.1", 7000, 2, false), ("redis://[::1]:7000/15", "::1", 7000, 15, false),
            ("rediss://[fe80::1]", "fe80::1", 6379, 0, true), ("REDIS://a?db=4", "a", 6379, 4, false),
            (" redis://a ", "a", 6379, 0, false),
        ] as [(String, String, UInt16, Int, Bool)])
    func network(url: String, host: String, port: UInt16, db: Int, tls: Bool) throws {
        let redis = try Self.redis(url)
        #expect(redis.host == host)
        #expect(redis.port == port)
        #expect(redis.db == db)
        #expect(redis.ssl == tls)
        #expect(redis.socketPath == nil)
        #expect(redis.username == "default")
        #expect(redis.password.isEmpty)
    }

    @Test(
        "user and password are read, with percent escapes, and kept out of every text",
        arguments: [
            ("redis://:word@a", "default", "word"), ("redis://someone:word@a", "someone", "word"),
            ("redis://some%40one:p%2Fw%3A%25%40@a", "some@one", "p/w:%@"), ("redis://default:a:b@a", "default", "a:b"),
            ("redis://someone@a", "someone", ""), ("rediss://:p@w@a", "default", "p@w"),
            ("unix://someone:word@/run/redis.sock", "someone", "word"),
        ])
    func login(url: String, username: String, password: String) throws {
        let redis = try Self.redis(url)
        #expect(redis.username == username)
        #expect(redis.password == Secret(password))
        #expect(password.isEmpty || !"\(redis)".contains("\"\(password)\""))
        #expect(!"\(redis)".contains("word@"))
    }

    @Test("a Unix socket and its database are read")
    func socket() throws {
        let redis = try Self.redis("unix:///run/my%20redis.sock?db=1")
        #expect(redis.socketPath == "/run/my redis.sock")
        #expect(redis.db == 1)
        #expect(!redis.ssl)
        #expect(try Self.redis("unix:///run/redis.sock").db == 0)
    }

    @Test(
        "what is no such URL is refused with a sentence that repeats none of it",
        arguments: [
            "s3cr3t", "redis:s3cr3t", "http://:s3cr3t@a", "redis://", "redis://:s3cr3t@", "redis://:s3cr3t@a:0",
            "redis://:s3cr3t@a:65536", "redis://:s3cr3t@a:six", "redis://:s3cr3t@a/one", "redis://:s3cr3t@a/-1",
            "redis://:s3cr3t@a/1?db=2", "redis://:s3cr3t@a?database=2", "redis://:s3cr3t/more@a",
            "redis://:s3cr3t%zz@a", "redis://:s3cr3t%@a", "redis://:s3cr3t#@a", "redis://:s3cr3t@[::1", "unix://s3cr3t",
            "redis://:s3cr3t@::1", "unix://", "unix:///", "redis://:s3cr3t@a b", "redis://:s3cr3t@a/2147483648",
        ])
    func malformed(url: String) throws {
        for result in [load(environment: ["REDIS_URL": url]), load(Key.named("redis.url")?.file(quoted(url)))] {
            #expect(result.settings == nil)
            let problem = try #require(result.problemTexts.first)
            #expect(result.problemTexts.count == 1)
            #expect(problem.contains("\"redis.url\""))
            #expect(problem.contains("redis://[user[:password]@]host[:port][/db]"))
            #expect(!problem.contains("s3cr3t"))
            #expect(!"\(result)".contains("s3cr3t"))
        }
    }

    @Test("what the URL says wins over single keys of its own source and of earlier ones")
    func winsOverEarlier() throws {
        let result = load(
            #"{"redis": {"host": "file", "port": 1, "db": 9, "ssl": true, "username": "x", "socketPath": "/file"}}"#,
            environment: ["REDIS_URL": "redis://:word@url/2", "REDIS_HOST": "variable", "REDIS_PASSWORD": "other"])
        let redis = try #require(result.settings).redis
        #expect(redis.host == "url")
        #expect(redis.port == 6379)
        #expect(redis.db == 2)
        #expect(!redis.ssl)
        #expect(redis.socketPath == nil)
        #expect(redis.username == "default")
        #expect(redis.password == Secret("word"))
        #expect(result.source(of: "redis.host") == .environment("REDIS_URL"))
    }

    @Test("what it does not say is left to the single keys")
    func leavesTheRest() throws {
        let result = load(
            #"{"redis": {"url": "rediss://url", "db": 9, "username": "x", "password": "y", "caFile": "/ca.pem"}}"#)
        let redis = try #require(result.settings).redis
        #expect(redis.host == "url" && redis.ssl)
        #expect(redis.db == 9)
        #expect(redis.username == "x")
        #expect(redis.password == Secret("y"))
        #expect(redis.caFile == "/ca.pem")
    }

    @Test("a single key of a later source wins over the URL")
    func losesToLater() throws {
        let file = #"{"redis": {"url": "redis://url:7000/2"}}"#
        let redis = try #require(
            load(file, environment: ["REDIS_DB": "5"], flags: [Override(key: "redis.port", value: "7001")]).settings
        ).redis
        #expect(redis.host == "url")
        #expect(redis.port == 7001)
        #expect(redis.db == 5)
        let socket = load(#"{"redis": {"url": "unix:///run/redis.sock"}}"#, environment: ["REDIS_HOST": "later"])
        #expect(try #require(socket.settings).redis.socketPath == nil)
        #expect(try #require(socket.settings).redis.host == "later")
    }
}

@Suite("Keys of Redis among themselves")
struct RedisKeyTests {
    @Test("a certificate wants its key, and a key its certificate")
    func certificateAndKey() {
        #expect(
            load(environment: ["REDIS_SSL": "true", "REDIS_CERTIFICATE_FILE": "/c.pem"]).problemTexts == [
                "\"redis.keyFile\" is not set; the key to redis.certificateFile was expected."
            ])
        #expect(
            load(environment: ["REDIS_SSL": "true", "REDIS_KEY_FILE": "/c.key"]).problemTexts == [
                "\"redis.certificateFile\" is not set; the certificate to redis.keyFile was expected."
            ])
    }

    @Test("files that TLS alone reads draw a warning without it")
    func withoutTLS() {
        #expect(
            load(environment: ["REDIS_CA_FILE": "/ca.pem"]).warningTexts == [
                "environment variable REDIS_CA_FILE: \"redis.caFile\" has no effect without \"redis.ssl\"."
            ])
        #expect(load(environment: ["REDIS_CA_FILE": "/ca.pem", "REDIS_URL": "rediss://a"]).warningTexts == [])
    }

    @Test("sentinels are read with and without a port, and want a name")
    func sentinels() throws {
        let result = load(environment: ["REDIS_SENTINELS": "a, b:1,[::1]:2 ", "REDIS_SENTINEL_NAME": "events"])
        let addresses = try #require(result.settings).redis.sentinelAddresses
        #expect(addresses.map(\.host) == ["a", "b", "::1"])
        #expect(addresses.map(\.port) == [26_379, 1, 2])
        #expect(
            load(environment: ["REDIS_SENTINELS": "a"]).problemTexts == [
                "\"redis.sentinelName\" is not set; what the sentinels call the primary (redis.sentinels is set) was expected."
            ])
    }

    @Test(
        "a sentinel that is no address is refused", arguments: ["a:", "a:0", "a:b", "::1", "redis://a", "[a]:1", ":1"])
    func wrongSentinel(text: String) {
        let result = load(environment: ["REDIS_SENTINELS": "good,\(text)", "REDIS_SENTINEL_NAME": "events"])
        #expect(
            result.problemTexts == [
                "environment variable REDIS_SENTINELS: \"redis.sentinels[1]\" is \(quoted(text)); a host, host:port or [IPv6 address]:port was expected."
            ])
    }

    @Test("sentinels beside a Unix socket are two ways to Redis, and refused")
    func sentinelsAndSocket() {
        let result = load(
            environment: [
                "REDIS_SENTINELS": "a", "REDIS_SENTINEL_NAME": "events", "REDIS_SOCKET_PATH": "/run/redis.sock",
            ])
        #expect(
            result.problemTexts == [
                "environment variable REDIS_SENTINELS: \"redis.sentinels\" is set beside the Unix socket redis.socketPath; one way to Redis was expected."
            ])
    }
}
