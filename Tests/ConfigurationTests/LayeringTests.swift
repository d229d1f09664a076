import Testing

@testable import Configuration

private let paths = Key.all.map(\.path)

@Suite("Layers")
struct LayeringTests {
    @Test("every key is read from the file", arguments: paths)
    func file(path: String) throws {
        let key = try #require(Key.named(path))
        let result = load(
            key.file(key.sample.json), flags: key.companions, secret: path == "jwtSecret" ? nil : goodSecret)
        #expect(result.problemTexts == [])
        let settings = try #require(result.settings)
        #expect(key.value(in: settings) == key.sample.json)
        #expect(result.source(of: path) == .file("config.json"))
        #expect(!result.hasUnknownKeys)
    }

    @Test("every key is read from its variable, before the file", arguments: paths, ["", "GAQ_"])
    func environment(path: String, prefix: String) throws {
        let key = try #require(Key.named(path))
        let name = prefix + key.environmentVariable
        let result = load(
            key.file(key.defaultJSON), environment: [name: key.sample.text], flags: key.companions,
            secret: path == "jwtSecret" ? nil : goodSecret)
        #expect(result.problemTexts == [])
        let settings = try #require(result.settings)
        #expect(key.value(in: settings) == key.sample.json)
        #expect(result.source(of: path) == .environment(name))
        #expect(!result.hasUnknownKeys)
    }

    @Test("every key is taken from an override, before variable and file", arguments: paths)
    func override(path: String) throws {
        let key = try #require(Key.named(path))
        let other = key.defaultJSON == "[]" ? "" : Settings.textOfDefault(key)
        let result = load(
            key.file(key.defaultJSON), environment: [key.environmentVariable: other],
            flags: [Override(key: path, value: key.sample.text)] + key.companions,
            secret: path == "jwtSecret" ? nil : goodSecret)
        #expect(result.problemTexts == [])
        let settings = try #require(result.settings)
        #expect(key.value(in: settings) == key.sample.json)
        #expect(result.source(of: path) == .flag(key.flagName))
    }

    @Test("a null in the file is as if the key were not there", arguments: paths)
    func null(path: String) throws {
        let key = try #require(Key.named(path))
        let result = load(key.file("null"))
        #expect(result.problems.isEmpty)
        #expect(result.warnings.isEmpty)
        #expect(result.source(of: path) == (path == "jwtSecret" ? .flag("--jwt-secret") : .defaults))
    }

    @Test("a variable that is empty or blank is as if it were not set", arguments: paths, ["", " \t"])
    func blank(path: String, value: String) throws {
        let key = try #require(Key.named(path))
        let result = load(
            key.file(key.sample.json), environment: [key.environmentVariable: value], flags: key.companions)
        #expect(result.problems.isEmpty)
        let settings = try #require(result.settings)
        #expect(key.value(in: settings) == key.sample.json)
    }

    @Test("objects are merged deeply, key by key over three layers")
    func deepMerge() throws {
        let result = load(
            #"{"redis": {"host": "file.example", "port": 1001, "db": 3}, "statsd": {"port": 1}}"#,
            environment: ["REDIS_PORT": "1002", "REDIS_DB": "4"], flags: [Override(key: "redis.db", value: "5")])
        let settings = try #require(result.settings)
        #expect(settings.redis.host == "file.example")
        #expect(settings.redis.port == 1002)
        #expect(settings.redis.db == 5)
        #expect(settings.redis.username == "default")
        #expect(settings.statsd.port == 1)
        #expect(settings.statsd.host == "127.0.0.1")
    }

    @Test("arrays are replaced, not joined")
    func arrays() throws {
        let result = load(
            #"{"allowedOrigins": ["https://a.example"]}"#, environment: ["ALLOWED_ORIGINS": "https://b.example"])
        #expect(try #require(result.settings).allowedOrigins == ["https://b.example"])
    }

    @Test("of a variable with and without GAQ_ the prefixed one counts, as in the Node container, with a warning")
    func bothVariables() throws {
        let result = load(environment: ["PORT": "1", "GAQ_PORT": "2"])
        #expect(try #require(result.settings).port == 2)
        let warning = "environment variable GAQ_PORT: PORT is set too, to another value; GAQ_PORT counts."
        #expect(result.warningTexts == [warning])
        #expect(load(environment: ["PORT": "2", "GAQ_PORT": "2"]).warnings.isEmpty)
        #expect(try #require(load(environment: ["PORT": " ", "GAQ_PORT": "2"]).settings).port == 2)
    }

    @Test("lists in variables lose spaces and empty entries")
    func lists() throws {
        let result = load(environment: ["STATSD_GLOBAL_TAGS": " a:1 ,, b,", "ALLOWED_ORIGINS": ","])
        let settings = try #require(result.settings)
        #expect(settings.statsd.globalTags == ["a:1", "b"])
        #expect(settings.allowedOrigins == [])
    }

    @Test("an empty override counts: it clears a string or a list")
    func emptyOverride() throws {
        let result = load(
            #"{"redisStreamPrefix": "x", "redis": {"socketPath": "/run/r.sock"}, "allowedOrigins": ["*"]}"#,
            flags: ["redisStreamPrefix", "redis.socketPath", "allowedOrigins"].map { Override(key: $0, value: "") })
        let settings = try #require(result.settings)
        #expect(settings.redisStreamPrefix == "")
        #expect(settings.redis.socketPath == nil)
        #expect(settings.allowedOrigins == [])
    }

    @Test("variables that are not ours are not looked at")
    func foreignVariables() {
        let result = load(environment: ["PATH": "/bin", "REDIS_HOTS": "x", "SLUICE": "1", "": "x"])
        #expect(result.warnings.isEmpty && result.problems.isEmpty)
    }

    @Test("with no source at all only the secret is missing")
    func nothing() {
        let result = load(secret: nil)
        #expect(
            result.problemTexts == [
                "\"jwtSecret\" is not set; a secret of at least 32 bytes (environment variable JWT_SECRET or the file) was expected."
            ])
        #expect(result.settings == nil)
        #expect(result.warnings.isEmpty)
    }

    @Test("problems of ignored keys are left out")
    func ignoring() throws {
        let result = Settings.load(file: .none, environment: [:], ignoring: ["jwtSecret"])
        #expect(result.problems.isEmpty)
        #expect(try #require(result.settings) == Settings())
    }
}

extension Settings {
    /// The default of `key` as a variable's text.
    fileprivate static func textOfDefault(_ key: Key) -> String {
        let json = key.defaultJSON
        return json == "null" || json == "\"\"" ? "" : json.filter { !"\"[]".contains($0) }
    }
}
