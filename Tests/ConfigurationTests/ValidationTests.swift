import Testing

@testable import Configuration

@Suite("Validation")
struct ValidationTests {
    @Test("a secret counts in bytes: 31 are refused, 32 accepted")
    func secretLength() {
        let result = load(secret: String(repeating: "x", count: 31))
        #expect(
            result.problemTexts == [
                "--jwt-secret: \"jwtSecret\" is 31 bytes long; a secret of at least 32 bytes (environment variable JWT_SECRET or the file) was expected."
            ])
        #expect(load(secret: String(repeating: "x", count: 32)).problems.isEmpty)
        #expect(load(secret: String(repeating: "é", count: 16)).problems.isEmpty)
    }

    @Test("a secret that begins with CHANGE-ME draws a warning, and an error too when it is short")
    func placeholder() {
        let long = load(#"{"jwtSecret": "CHANGE-ME-CHANGE-ME-CHANGE-ME-CHANGE-ME"}"#, secret: nil)
        #expect(long.problems.isEmpty)
        #expect(long.warnings.map(\.kind) == [.placeholderSecret])
        #expect(long.warnings.first?.isNotice == false)
        let short = load(#"{"jwtSecret": "CHANGE-ME"}"#, secret: nil)
        #expect(short.problems.map(\.key) == ["jwtSecret"])
        #expect(short.warnings.map(\.kind) == [.placeholderSecret])
    }

    @Test(
        "only the algorithms that are supported are accepted; the message lists them",
        arguments: ["RS1", "ES512", "ES256K", "rs256", "hs256", "", "none", "None", "nOnE"])
    func algorithms(name: String) {
        let result = load("{\"jwtAlgorithms\": [\"HS256\", \"\(name)\"]}")
        #expect(result.problems.map(\.key) == ["jwtAlgorithms[1]"])
        #expect(
            result.problems.first?.expected
                == #"one of "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA""#
        )
    }

    @Test("an empty list of algorithms is refused, from the file and from a variable")
    func noAlgorithms() {
        for result in [load(#"{"jwtAlgorithms": []}"#), load(environment: ["JWT_ALGORITHMS": ","])] {
            #expect(result.problems.map(\.found) == ["is empty"])
        }
    }

    @Test(
        "an algorithm with public keys needs a file of them, and no secret",
        arguments: Settings.supportedAlgorithms.filter { !$0.hasPrefix("HS") })
    func publicKeys(name: String) {
        let algorithms = #""jwtAlgorithms": ["\#(name)"]"#
        #expect(
            load("{\(algorithms)}", secret: nil).problemTexts == [
                "\"jwtPublicKeyFiles\" is empty; a file with the public keys for \(name) was expected."
            ])
        let whole = load(#"{\#(algorithms), "jwtPublicKeyFiles": ["keys.pem"]}"#, secret: nil)
        #expect(whole.problems.isEmpty && whole.warnings.isEmpty)
        #expect(whole.settings?.jwtPublicKeyFiles == ["keys.pem"])
        // Beside an HMAC it needs both.
        let mixed = load(#"{"jwtAlgorithms": ["HS256", "\#(name)"]}"#, secret: nil)
        #expect(mixed.problems.map(\.key) == ["jwtSecret", "jwtPublicKeyFiles"])
    }

    @Test(
        "keys that no listed algorithm uses draw a warning",
        arguments: [
            (#"{"jwtPublicKeyFiles": ["keys.pem"], "jwtSecret": "\#(goodSecret)"}"#, ["jwtPublicKeyFiles"]),
            (
                #"{"jwtAlgorithms": ["ES256"], "jwtPublicKeyFiles": ["keys.pem"], "jwtSecret": "short"}"#, ["jwtSecret"]
            ),
            (
                #"{"jwtAlgorithms": ["ES256"], "jwtPublicKeyFiles": ["k"], "previousJwtSecrets": ["\#(goodSecret)"]}"#,
                ["previousJwtSecrets"]
            ),
        ])
    func idleKeys(json: String, keys: [String]) {
        let result = load(json, secret: nil)
        #expect(result.problems.isEmpty)
        #expect(result.warnings.map(\.key) == keys)
        #expect(result.warnings.allSatisfy { $0.kind == .doubtfulValue })
    }

    @Test("a previous secret must be as long as the current one, a file's path not empty; each is named by its number")
    func previousSecrets() {
        let json = #"""
            {"previousJwtSecrets": ["\#(goodSecret)", "short", "", "CHANGE-ME"], "jwtPublicKeyFiles": ["", "a"],
             "jwtAlgorithms": ["HS256", "RS256"]}
            """#
        let result = load(json)
        #expect(
            result.problems.map(\.key) == [
                "previousJwtSecrets[1]", "previousJwtSecrets[2]", "previousJwtSecrets[3]", "jwtPublicKeyFiles[0]",
            ])
        #expect(result.problems.map(\.found).prefix(2) == ["is 5 bytes long", "is 0 bytes long"])
        #expect(result.warnings.map(\.key) == ["previousJwtSecrets[3]"])
        func count(_ count: Int) -> [String?] {
            let secrets = [String](repeating: quoted(goodSecret), count: count).joined(separator: ",")
            return load("{\"previousJwtSecrets\": [\(secrets)]}").problems.map(\.key)
        }
        #expect(count(15) == [])
        #expect(count(16) == ["previousJwtSecrets"])
    }

    @Test(
        "a cookie name is a token of RFC 6265",
        arguments: [
            ("async-token", true), ("__Host-a", true), ("a!#$%&'*+.^_`|~9", true), ("", false), ("a b", false),
            ("a=b", false), ("a;b", false), ("a,b", false), ("a\"b", false), ("é", false), ("a\tb", false),
            ("a/b", false),
        ])
    func cookieNames(name: String, isGood: Bool) {
        let result = load(Key.named("jwtCookieName")?.file(quoted(name)))
        #expect(result.problems.isEmpty == isGood)
    }

    @Test(
        "an allowed origin is *, null, or scheme, host and port, with *. before a domain",
        arguments: [
            ("*", true), ("null", true), ("https://a.example", true), ("http://localhost:8088", true),
            ("https://*.a.example", true), ("https://*.a.example:8443", true), ("http://[::1]:8088", true),
            ("http://127.0.0.1", true), ("chrome-extension://abcdef", true), ("app://-", true),
            ("a.example", false), ("https://", false), ("https://a.example/", false), ("https://a.example/x", false),
            ("https://a.example?x", false), ("https://u@a.example", false), ("https://a.example:", false),
            ("https://a.example:0", false), ("https://a.example:65536", false), ("https://a.example:+1", false),
            ("https://*", false), ("https://*.", false), ("https://a.*.example", false), ("https://*a.example", false),
            ("https://.a", false), ("//a.example", false), ("1a://b", false), ("https://bücher.example", false),
            ("https://[::1", false), ("https://[::1]x", false), ("https://[1]", false), ("https://a b", false),
            ("*.a.example", false), ("", false), ("https://a.example https://b.example", false), ("NULL", true),
        ])
    func origins(origin: String, isGood: Bool) {
        #expect(load(Key.named("allowedOrigins")?.file("[\(quoted(origin))]")).problems.isEmpty == isGood)
    }

    @Test(
        "origins are brought into the form browsers send",
        arguments: [
            ("HTTPS://A.Example", "https://a.example"), ("https://a.example:443", "https://a.example"),
            ("http://a.example:80", "http://a.example"), ("http://a.example:443", "http://a.example:443"),
            ("https://a.example:8443", "https://a.example:8443"), ("http://[::80]", "http://[::80]"),
            ("http://[::1]:80", "http://[::1]"),
        ])
    func normalisedOrigins(origin: String, expected: String) throws {
        #expect(try #require(load(environment: ["ALLOWED_ORIGINS": origin]).settings).allowedOrigins == [expected])
    }

    @Test(
        "a host is a name or an address, never a URL",
        arguments: [
            ("redis", true), ("redis-1.svc.cluster.local", true), ("10.0.0.1", true), ("::1", true),
            ("fe80::1%eth0", true),
            ("my_redis", true), ("", false), ("redis://h", false), ("h:6379", false), ("[::1]", false), ("a b", false),
            ("a/b", false), ("u@h", false),
        ])
    func hosts(host: String, isGood: Bool) {
        for path in ["redis.host", "statsd.host", "host"] {
            let result = load(Key.named(path)?.file(quoted(host)))
            #expect(result.problems.isEmpty == (isGood || host.isEmpty && path == "host"))
        }
    }

    @Test("a Redis URL with a password in the wrong place is not shown")
    func urlNotShown() {
        let url = "redis://:hunter2@redis.example:6379"
        for json in ["{\"redis\": \"\(url)\"}", "{\"redis\": {\"host\": \"\(url)\", \"port\": \"\(url)\"}}"] {
            let result = load(json)
            #expect(!result.problems.isEmpty)
            #expect(!(result.problemTexts + result.warningTexts).joined().contains("hunter2"))
        }
    }

    @Test(
        "other strings are held to what they are used for",
        arguments: [
            (#"{"logToFile": true, "logFilename": ""}"#, ["logFilename"]), (#"{"logFilename": ""}"#, []),
            (#"{"jwtChannelIdKey": ""}"#, ["jwtChannelIdKey"]),
            (#"{"statsd": {"globalTags": ["ok", "", "a|b", "a\nb"]}}"#, (1...3).map { "statsd.globalTags[\($0)]" }),
            (#"{"redis": {"socketPath": "/run/redis.sock"}}"#, []), (#"{"redis": {"socketPath": ""}}"#, []),
            (#"{"redis": {"socketPath": "/\#(String(repeating: "x", count: 107))"}}"#, ["redis.socketPath"]),
            (#"{"redis": {"socketPath": "/\#(String(repeating: "x", count: 106))"}}"#, []),
            (#"{"redis": {"username": ""}}"#, []),
        ])
    func strings(json: String, keys: [String]) {
        #expect(load(json).problems.map(\.key) == keys)
    }

    @Test("a response timeout that is not above the ping interval draws a warning")
    func liveness() {
        #expect(load(#"{"socketResponseTimeoutMs": 20000}"#).warnings.map(\.kind) == [.doubtfulValue])
        #expect(load(#"{"pingSocketsIntervalMs": 60000}"#).warnings.map(\.key) == ["pingSocketsIntervalMs"])
        #expect(load(#"{"socketResponseTimeoutMs": 20001}"#).warnings.isEmpty)
    }

    @Test("metricsPort is another port than port, and 0 means that there is none")
    func metricsPort() throws {
        let same = load(#"{"port": 9090, "metricsPort": 9090}"#)
        #expect(same.problems.map(\.key) == ["metricsPort"])
        #expect(load(#"{"port": 9090, "metricsPort": 9091}"#).problems.isEmpty)
        #expect(load(#"{"port": 0, "metricsPort": 0}"#).problems.isEmpty)
    }

    @Test("an empty stream prefix is accepted with a warning")
    func emptyPrefix() throws {
        let result = load(#"{"redisStreamPrefix": ""}"#)
        #expect(try #require(result.settings).redisStreamPrefix == "")
        #expect(result.warnings.map(\.key) == ["redisStreamPrefix"])
    }

    @Test("TLS over a Unix socket draws a warning")
    func tlsOverUnixSocket() {
        #expect(load(#"{"redis": {"ssl": true, "socketPath": "/s"}}"#).warnings.map(\.key) == ["redis.ssl"])
    }

    @Test("keys without effect draw one notice each, and only when they are set")
    func withoutEffect() {
        let result = load(#"{"maxSocketBufferBytes": 5}"#, environment: ["EVENT_YIELD_BATCH_SIZE": "7"])
        #expect(result.warnings.map(\.key) == ["maxSocketBufferBytes", "eventYieldBatchSize"])
        #expect(result.warnings.allSatisfy { $0.isNotice && $0.kind == .withoutEffect })
        #expect(
            result.warningTexts.first
                == "config.json: \"maxSocketBufferBytes\" is accepted, without effect: a slow reader buffers nothing here."
        )
        #expect(load().warnings.isEmpty)
    }
}

@Suite("Validation: polling and presence")
struct PollingValidationTests {
    @Test("a longest recommended pause below the shortest draws a warning")
    func pollDelay() {
        let result = load(#"{"pollDelayMinMs": 600, "pollDelayMaxMs": 599}"#)
        #expect(result.problems.isEmpty)
        #expect(result.warnings.map(\.kind) == [.doubtfulValue])
        #expect(load(#"{"pollDelayMinMs": 600, "pollDelayMaxMs": 600}"#).warnings.isEmpty)
    }

    @Test("a time to live that a polling client could fall through draws a warning, with presence only")
    func presence() {
        let result = load(#"{"presence": true, "presenceTtlMs": 14999, "pollDelayMaxMs": 5000}"#)
        #expect(result.problems.isEmpty)
        #expect(result.warnings.map(\.kind) == [.doubtfulValue])
        #expect(load(#"{"presence": true, "presenceTtlMs": 15000}"#).warnings.isEmpty)
        #expect(load(#"{"presenceTtlMs": 2000}"#).warnings.isEmpty)
    }
}
