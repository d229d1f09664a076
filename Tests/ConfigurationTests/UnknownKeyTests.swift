import Testing

@testable import Configuration

@Suite("Unknown keys")
struct UnknownKeyTests {
    @Test(
        "an unknown key draws a warning that names the nearest known one",
        arguments: [
            (#"{"jwtSecrt": "x"}"#, "jwtSecrt", "jwtSecret"),
            (#"{"redis": {"hots": "x"}}"#, "redis.hots", "redis.host"),
            (#"{"streamPrefix": "x"}"#, "streamPrefix", "redisStreamPrefix"),
            (#"{"jwt_secret": "x"}"#, "jwt_secret", "jwtSecret"), (#"{"Port": 1}"#, "Port", "port"),
            (#"{"password": 1}"#, "password", "redis.password"), (#"{"redsi": {}}"#, "redsi", "redis"),
            (#"{"allowedOrigin": []}"#, "allowedOrigin", "allowedOrigins"),
            (#"{"REDIS_HOST": "x"}"#, "REDIS_HOST", "redis.host"),
        ])
    func nearest(json: String, key: String, suggestion: String) {
        let result = load(json)
        #expect(result.problems.isEmpty)
        #expect(
            result.warningTexts == ["config.json: \"\(key)\" is not a known key; did you mean \"\(suggestion)\"?"])
        #expect(result.hasUnknownKeys)
    }

    @Test("nothing is suggested where nothing is near", arguments: ["acme", "dashboards", "colour", "x", "💥", ""])
    func notNear(name: String) {
        #expect(load("{\(quoted(name)): 1}").warningTexts == ["config.json: \(quoted(name)) is not a known key."])
    }

    @Test("a whole unknown object draws one warning, an unknown member of a known one its own")
    func objects() {
        let result = load(#"{"acme": {"keyFile": "a", "certificateFile": "b"}, "redis": {"nodes": [1]}}"#)
        #expect(result.warnings.map(\.key) == ["acme", "redis.nodes"])
    }

    @Test("a path with a dot is not a key: the warning says how to write it")
    func dotted() {
        #expect(
            load(#"{"redis.host": "x"}"#).warningTexts == [
                "config.json: \"redis.host\" is not a known key; write it as an object within an object."
            ])
    }

    @Test("an unknown variable with GAQ_ draws a warning, one without does not")
    func variables() {
        let result = load(environment: ["GAQ_JWT_SECRT": "x", "GAQ_COLOUR": "x", "JWT_SECRT": "x"])
        #expect(
            result.warningTexts == [
                "environment variable GAQ_COLOUR: this is not a known variable.",
                "environment variable GAQ_JWT_SECRT: this is not a known variable; did you mean GAQ_JWT_SECRET?",
            ])
        #expect(result.hasUnknownKeys)
    }

    @Test("a name given twice draws a warning; the last counts, as in the Node server")
    func repeated() throws {
        let result = load(#"{"port": 1, "port": 2}"#)
        #expect(try #require(result.settings).port == 2)
        #expect(result.warningTexts == ["config.json: \"port\" is given more than once; the last one counts."])
        #expect(!result.hasUnknownKeys)
    }

    @Test(
        "the distance counts one for a letter put in, left out, replaced or swapped",
        arguments: [
            ("", "", 0), ("a", "", 1), ("", "ab", 2), ("host", "hots", 1), ("host", "hst", 1), ("host", "hoast", 1),
            ("host", "hist", 1), ("kitten", "sitting", 3), ("ab", "ba", 1),
        ])
    func distance(a: String, b: String, expected: Int) {
        #expect(editDistance(Array(a.utf8), Array(b.utf8)) == expected)
        #expect(editDistance(Array(b.utf8), Array(a.utf8)) == expected)
    }

    @Test("a name as long as the file is allowed costs no time")
    func longName() {
        let name = String(repeating: "a", count: 500_000)
        let result = load("{\"\(name)\": 1}")
        #expect(result.warningTexts.joined().utf8.count < 200)
    }
}
