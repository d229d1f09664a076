import Testing

@testable import Configuration

@Suite("Problems")
struct ProblemTests {
    @Test(
        "a wrong value draws one sentence that names file, key, what was found and what was expected",
        arguments: [
            (#"{"port": "eighty"}"#, #"config.json: "port" is "eighty"; a whole number from 0 to 65535 was expected."#),
            (#"{"port": 65536}"#, #"config.json: "port" is 65536; a whole number from 0 to 65535 was expected."#),
            (#"{"port": -1}"#, #"config.json: "port" is -1; a whole number from 0 to 65535 was expected."#),
            (#"{"port": 80.5}"#, #"config.json: "port" is 80.5; a whole number from 0 to 65535 was expected."#),
            (#"{"port": true}"#, #"config.json: "port" is true; a whole number from 0 to 65535 was expected."#),
            (#"{"port": ""}"#, #"config.json: "port" is ""; a whole number from 0 to 65535 was expected."#),
            (#"{"port": [80]}"#, #"config.json: "port" is an array; a whole number from 0 to 65535 was expected."#),
            (#"{"port": {}}"#, #"config.json: "port" is an object; a whole number from 0 to 65535 was expected."#),
            (
                #"{"port": 99999999999999999999999}"#,
                #"config.json: "port" is 99999999999999999999999; a whole number from 0 to 65535 was expected."#
            ),
            (#"{"port": 1e400}"#, #"config.json: "port" is 1e400; a whole number from 0 to 65535 was expected."#),
            (
                #"{"logLevel": "loud"}"#,
                #"config.json: "logLevel" is "loud"; one of "debug", "info", "warn", "error" was expected."#
            ),
            (#"{"logToFile": "true"}"#, #"config.json: "logToFile" is "true"; true or false was expected."#),
            (#"{"logToFile": 1}"#, #"config.json: "logToFile" is 1; true or false was expected."#),
            (#"{"logFilename": 5}"#, #"config.json: "logFilename" is 5; a string was expected."#),
            (#"{"redis": {"host": false}}"#, #"config.json: "redis.host" is false; a string was expected."#),
            (#"{"jwtSecret": 12345}"#, #"config.json: "jwtSecret" is a number; a string was expected."#),
            (#"{"jwtSecret": ["x"]}"#, #"config.json: "jwtSecret" is an array; a string was expected."#),
            (
                #"{"jwtAlgorithms": "HS256"}"#,
                #"config.json: "jwtAlgorithms" is "HS256"; an array of strings was expected."#
            ),
            (#"{"jwtAlgorithms": ["HS256", 5]}"#, #"config.json: "jwtAlgorithms[1]" is 5; a string was expected."#),
            (
                #"{"statsd": 5}"#,
                #"config.json: "statsd" is a number; an object with "host", "port", "globalTags", "reportIntervalMs" was expected."#
            ),
            (#"[1]"#, "config.json: the file holds an array; an object was expected."),
        ])
    func wording(json: String, expected: String) {
        // The file alone: an override of the secret would not be wrong, but is not needed either.
        #expect(load(json).problemTexts == [expected])
    }

    @Test(
        "a number may be written as a string, with a zero fraction or an exponent",
        arguments: ["8081", #""8081""#, #"" 8081 ""#, "8081.0", "8.081e3", "80810e-1", #""8081.00""#, #""+08081""#])
    func numbers(value: String) throws {
        #expect(try #require(load("{\"port\": \(value)}").settings).port == 8081)
    }

    @Test(
        "what is no whole decimal number is refused in a variable too",
        arguments: ["eighty", "0x50", "80 81", "1e", "--1", ".5", "5.", "Infinity", "80.5", "8081\u{0}", "٨٠"])
    func badNumbers(value: String) {
        let result = load(environment: ["PORT": value])
        #expect(result.problems.map(\.source) == [.environment("PORT")])
        #expect(result.problems.first?.key == "port")
    }

    @Test(
        "true and false are taken from variables and flags in any case, nothing else",
        arguments: [("true", true), ("TRUE", true), (" False ", false), ("false", false)])
    func booleans(text: String, value: Bool) throws {
        #expect(try #require(load(environment: ["REDIS_SSL": text]).settings).redis.ssl == value)
        #expect(try #require(load(flags: [Override(key: "redis.ssl", value: text)]).settings).redis.ssl == value)
    }

    @Test("other words for true and false are refused", arguments: ["1", "0", "yes", "no", "on"])
    func badBooleans(text: String) {
        #expect(
            load(environment: ["REDIS_SSL": text]).problemTexts == [
                "environment variable REDIS_SSL: \"redis.ssl\" is \"\(text)\"; true or false was expected."
            ])
    }

    @Test(
        "every integer key refuses what lies one outside its range, from every source", arguments: Key.all.map(\.path))
    func ranges(path: String) throws {
        let key = try #require(Key.named(path))
        guard case .integer(let range) = key.kind else { return }
        for value in [range.lowerBound - 1, range.upperBound + 1].map(String.init) {
            for result in [
                load(key.file(value)), load(key.file(quoted(value))),
                load(environment: [key.environmentVariable: value]),
                load(flags: [Override(key: path, value: value)]),
            ] {
                #expect(result.problems.map(\.key) == [path])
                #expect(
                    result.problems.first?.expected == "a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        for value in [range.lowerBound, range.upperBound] {
            #expect(load(key.file(String(value))).problems.isEmpty)
        }
    }

    @Test("problems of all sources and of validation are reported at once, in that order")
    func allAtOnce() {
        let result = load(
            #"{"port": "eighty", "logLevel": 3, "redis": 5, "jwtSecret": "short", "jwtAlgorithms": ["none"]}"#,
            environment: ["REDIS_PORT": "tcp://10.0.0.1:6379", "GAQ_STATSD_PORT": "0"],
            flags: [Override(key: "drainMs", value: "soon"), Override(key: "nope", value: "1")], secret: nil)
        #expect(
            result.problems.map { "\($0.source) \($0.key ?? "-")" } == [
                "config.json port", "config.json logLevel", "config.json redis",
                "environment variable GAQ_STATSD_PORT statsd.port", "environment variable REDIS_PORT redis.port",
                "--drain-ms drainMs", "nope nope", "config.json jwtAlgorithms[0]", "config.json jwtSecret",
            ])
        #expect(result.settings == nil)
    }

    @Test("a wrong value in the file is reported although a variable replaces it")
    func replaced() {
        let result = load(#"{"port": "eighty"}"#, environment: ["PORT": "80"])
        #expect(result.problems.map(\.source) == [.file("config.json")])
    }

    @Test("a short secret in the file does no harm when a variable replaces it")
    func replacedSecret() {
        #expect(
            load(#"{"jwtSecret": "CHANGE-ME"}"#, environment: ["JWT_SECRET": goodSecret], secret: nil).problems.isEmpty)
    }

    @Test("a key of the wrong type is not reported a second time as missing or too short")
    func onlyOnce() {
        #expect(load(#"{"jwtSecret": 5}"#, secret: nil).problems.count == 1)
    }

    @Test("control characters and long values are shown escaped and cut off")
    func hostileText() {
        let text = load(environment: ["PORT": "a\n\u{1B}[31m\u{202E}" + String(repeating: "x", count: 500)])
            .problemTexts.joined()
        #expect(text.contains(#""a\n\u001b[31m\u202ex"#))
        #expect(text.utf8.count < 250)
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }
}
