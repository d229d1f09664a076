import Configuration
import Foundation
import Metrics
import TestSupport
import Testing

/// What counts as an event, and what its text becomes.
@Suite("Live delivery: JSON")
struct LiveJSONTests {
    /// What the data of an event for the channel "alpha" may look like.
    static let legal: [(what: String, data: String)] = [
        ("as Superset's Python writes it", sampleEvent("alpha", "job-1")),
        ("without spaces", #"{"channel_id":"alpha","job_id":"1","user_id":null,"status":"done","errors":[]}"#),
        ("the channel as the last key", #"{"status": "done", "errors": [], "channel_id": "alpha"}"#),
        ("the channel in the middle", #"{"status": "done", "channel_id": "alpha", "errors": []}"#),
        ("a nested channel_id before", #"{"nested": {"channel_id": "beta"}, "channel_id": "alpha"}"#),
        ("a nested channel_id behind", #"{"channel_id": "alpha", "nested": {"channel_id": "beta"}}"#),
        ("a channel_id in an array", #"{"list": [{"channel_id": "beta"}, "channel_id"], "channel_id": "alpha"}"#),
        ("channel_id inside a string", #"{"text": "\"channel_id\": \"beta\"", "channel_id": "alpha"}"#),
        ("channel_id as a value", #"{"text": "channel_id", "other": "beta", "channel_id": "alpha"}"#),
        ("the value escaped", #"{"channel_id": "\u0061l\u0070ha"}"#),
        ("the value escaped whole, in capitals", #"{"channel_id": "\u0061\u006C\u0070\u0068\u0061"}"#),
        ("the key escaped", #"{"channel\u005fid": "alpha"}"#),
        ("the key escaped whole", #"{"\u0063\u0068\u0061\u006e\u006e\u0065\u006c\u005f\u0069\u0064": "alpha"}"#),
        ("the key twice: the last counts", #"{"channel_id": "beta", "channel_id": "alpha"}"#),
        ("the key twice, once escaped", #"{"channel_id": "beta", "channel_\u0069d": "alpha"}"#),
        ("the key twice, first of another type", #"{"channel_id": {"channel_id": "beta"}, "channel_id": "alpha"}"#),
        ("the key twice, escaped value first", #"{"channel_id": "\u0062eta", "channel_id": "alpha"}"#),
        ("the key twice, escaped value last", #"{"channel_id": "beta", "channel_id": "\u0061lpha"}"#),
        (
            "keys that begin or end like it",
            #"{"channel_id2": "beta", "xchannel_id": "beta", "channel_i": "beta", "channel_id": "alpha"}"#
        ),
        ("newlines between tokens", "{\n  \"channel_id\"\n:\n\"alpha\"\n,\n\"errors\": [\n1,\r\n2\n]\n}"),
        ("tabs and spaces between tokens", "{ \t \"channel_id\" \t : \t \"alpha\" \t , \"a\" : [ 1 , 2 ] \t }"),
        ("space around", " \t\r\n {\"channel_id\": \"alpha\"} \t\r\n "),
        (
            "big numbers",
            #"{"channel_id": "alpha", "n": 123456789012345678901234567890, "m": -0, "e": 1E+400, "f": 2.0}"#
        ),
        ("a number of 400 digits", #"{"channel_id": "alpha", "n": \#(String(repeating: "9", count: 400))}"#),
        (
            "every literal",
            #"{"channel_id": "alpha", "t": true, "f": false, "n": null, "x": 1e5, "y": 0.5e-3, "z": -12.5E2}"#
        ),
        ("an id of its own", #"{"id": "mine", "channel_id": "alpha"}"#),
        ("an id of its own, behind", #"{"channel_id": "alpha", "id": 42}"#),
        ("every short escape", #"{"channel_id": "alpha", "s": "\" \\ \/ \b \f \n \r \t"}"#),
        ("a pair of surrogates", #"{"channel_id": "alpha", "s": "\uD83D\uDE00"}"#),
        ("an escaped NUL", #"{"channel_id": "alpha", "s": "\u0000"}"#),
        ("UTF-8 of all lengths", #"{"channel_id": "alpha", "s": "é ſ € 😀", "ключ": "鍵"}"#),
        (
            "the ends of UTF-8's ranges",
            "{\"channel_id\": \"alpha\", \"s\": \"\u{7F}\u{80}\u{7FF}\u{800}\u{FFFD}\u{FFFF}\u{10000}\u{10FFFF}\"}"
        ),
        ("line separators of Unicode", "{\"channel_id\": \"alpha\", \"s\": \"\u{2028}\u{2029}\u{85}\"}"),
        (
            "empty keys, strings, arrays and objects",
            #"{"": "", "a": [], "b": {}, "c": [[], {}], "channel_id": "alpha"}"#
        ),
        (
            "some nesting",
            #"{"deep": \#(String(repeating: "[", count: 60))\#(String(repeating: "]", count: 60)), "channel_id": "alpha"}"#
        ),
        ("a backslash at a string's end", #"{"s": "\\", "t": "\\\"", "channel_id": "alpha"}"#),
        ("brackets inside strings", #"{"s": "}{][,:", "channel_id": "alpha"}"#),
    ]

    @Test("JSON of any legal form arrives as it was, with the ID put first")
    func legalForms() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        let other = try gateway.connect("beta")
        for (what, data) in Self.legal {
            let id = try redis.add("async-events-full", data: data)
            let end = try redis.add("async-events-full", data: sampleEvent("alpha", "end"))
            var text = try client.event()
            #expect(text == eventText(id, data), "\(what)")
            #expect(!text.utf8.contains(10) && !text.utf8.contains(13), "\(what)")
            // Were it skipped, the next one would have come in its place.
            if eventID(text) == id { text = try client.event() }
            #expect(eventID(text) == end, "\(what)")
        }
        #expect(try other.barrier().isEmpty)
        #expect(try gateway.figures().figures.eventsSkipped == 0)
    }

    @Test("the same holds in one batch: hundreds of events of all forms, laid out side by side")
    func legalFormsInOneBatch() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis) { $0.eventLoops = 1 }.open()
        let client = try gateway.connect("alpha")
        var arguments = [
            "EVAL", "for _, data in ipairs(ARGV) do redis.call('XADD', 'async-events-full', '*', 'data', data) end",
            "0",
        ]
        for _ in 0..<8 { arguments += Self.legal.map(\.data) }
        try redis.command(arguments.map { Array($0.utf8) })
        try client.expect(redis.entries().map(\.text))
    }

    @Test("a client that parses the text ends up with the producer's own id")
    func ownID() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        let id = try redis.add("async-events-full", data: #"{"channel_id": "alpha", "id": "mine"}"#)
        // The last of two equal keys wins in every mainstream parser, so ours has to come first.
        #expect(try client.event() == "{\"id\":\"\(id)\", \"channel_id\": \"alpha\", \"id\": \"mine\"}")
    }

    @Test(
        "a channel's name may have any characters",
        arguments: [
            "24c4a1de-0000-4000-8000-000000000000", "guest-" + String(repeating: "0123456789abcdef", count: 4), "a b",
            "é€😀",
            "quote\"back\\slash/", String(repeating: "long", count: 500), "{}", "*",
        ])
    func channelNames(name: String) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect(name)
        let other = try gateway.connect(name + "x")
        let escaped = name.unicodeScalars.map { scalar in
            scalar.utf16.map { "\\u" + String(0x10000 + Int($0), radix: 16).dropFirst() }.joined()
        }.joined()
        var expected: [String] = []
        let plain = try JSONSerialization.data(withJSONObject: ["channel_id": name])
        for data in [String(decoding: plain, as: UTF8.self), "{\"channel_id\": \"\(escaped)\"}"] {
            expected.append(eventText(try redis.add("async-events-full", data: data), data))
        }
        try client.expect(expected)
        #expect(try other.barrier().isEmpty)
    }

    // MARK: Malformed

    private static func object(_ member: String) -> [UInt8] { Array("{\"channel_id\": \"alpha\", \(member)}".utf8) }
    private static func string(_ bytes: [UInt8]) -> [UInt8] {
        Array("{\"channel_id\": \"alpha\", \"s\": \"".utf8) + bytes + Array("\"}".utf8)
    }

    typealias Malformed = (what: String, data: [UInt8])

    static let malformed: [Malformed] = noEvents + badValues + badStrings + badBytes + elsewhere

    private static let noEvents: [Malformed] = [
        ("empty", ""), ("only space", " \n"), ("an empty object", "{}"), ("an array", "[]"),
        ("an array around it", #"[{"channel_id": "alpha"}]"#), ("a string", #""alpha""#), ("null", "null"),
        ("no JSON at all", "channel_id=alpha"), ("only a brace", "{"), ("no closing brace", #"{"channel_id": "alpha""#),
        ("cut in the value", #"{"channel_id": "alp"#), ("cut in the key", #"{"channel_"#),
        ("cut behind the colon", #"{"channel_id":"#), ("cut in an escape", #"{"channel_id": "alpha", "s": "\u00"#),
        ("a second object", #"{"channel_id": "alpha"}{"channel_id": "alpha"}"#),
        ("a letter behind it", #"{"channel_id": "alpha"}x"#), ("a brace too many", #"{"channel_id": "alpha"}}"#),
        ("a comma before it", #",{"channel_id": "alpha"}"#),
        ("a byte order mark", "\u{FEFF}{\"channel_id\": \"alpha\"}"),
        ("a comma at the end", #"{"channel_id": "alpha",}"#), ("a comma at the start", #"{,"channel_id": "alpha"}"#),
        ("two commas", #"{"channel_id": "alpha",,"a": 1}"#), ("no comma", #"{"channel_id": "alpha" "a": 1}"#),
        ("no colon", #"{"channel_id" "alpha"}"#), ("two colons", #"{"channel_id":: "alpha"}"#),
        ("a key without a value", #"{"channel_id": "alpha", "a"}"#),
        ("a number as a key", #"{"channel_id": "alpha", 1: 2}"#),
        ("single quotes", "{'channel_id': 'alpha'}"), ("a bare key", #"{channel_id: "alpha"}"#),
        ("a comment", #"{"channel_id": "alpha" /* it */}"#),
        ("a vertical tab between tokens", "{\"channel_id\":\u{B}\"alpha\"}"),
        ("a no-break space between tokens", "{\"channel_id\":\u{A0}\"alpha\"}"),
        ("brackets crossed", #"{"channel_id": "alpha", "a": [{]}}"#),
        ("a bracket not closed", #"{"channel_id": "alpha", "a": [1}"#),
        ("no channel", #"{"job_id": "1"}"#), ("the channel only nested", #"{"a": {"channel_id": "alpha"}}"#),
        ("the channel a number", #"{"channel_id": 1}"#), ("the channel null", #"{"channel_id": null}"#),
        ("the channel an array", #"{"channel_id": ["alpha"]}"#),
        ("the channel an object", #"{"channel_id": {"a": "alpha"}}"#),
        ("the channel true", #"{"channel_id": true}"#),
        ("the channel last not a string", #"{"channel_id": "alpha", "channel_id": 1}"#),
        ("the key in another case", #"{"Channel_Id": "alpha"}"#),
    ].map { ($0, Array($1.utf8)) }

    private static let badValues: [Malformed] = [
        "NaN", "Infinity", "-Infinity", "undefined", "tru", "TRUE", "nul", "01", "-01", "1.", ".5", "-.5", "+1", "0x10",
        "1e", "1e+", "-", "--1", "1_000", "1 2", "1.2.3", "\"a\" \"b\"", "[1,]", "[,1]", "[1 2]", "{\"b\" 1}", "'b'",
    ].map { ("the value \($0)", object("\"a\": \($0)")) }

    private static let badStrings: [Malformed] =
        ([0x00, 0x01, 0x08, 0x09, 0x0A, 0x0D, 0x1F] as [UInt8]).map {
            ("the control character \($0) in a string", string([$0]))
        }
        + [#"\x"#, #"\u12"#, #"\u12G4"#, #"\u 123"#, #"\'"#, #"\0"#, #"\U0041"#, #"\a"#, #"\"#, #"\u+041"#].map {
            ("the escape \($0)", string(Array($0.utf8)))
        }

    /// No UTF-8: lone continuations, overlong forms, surrogates, beyond the last code point, cut.
    private static let badBytes: [Malformed] =
        ([
            [0xFF], [0xFE], [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE2, 0x82],
            [0xE2, 0x28, 0xA1], [0xE0, 0x80, 0xAF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF0, 0x9F, 0x98], [0xF0, 0x80, 0x80, 0xAF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]]).map { (bytes: [UInt8]) -> Malformed in ("the bytes \(bytes) in a string", string(bytes)) }

    private static let elsewhere: [Malformed] = [
        ("invalid UTF-8 in a key", bytes("{\"channel_id\": \"alpha\", \"", [0xFF], "\": 1}")),
        ("invalid UTF-8 in the channel", bytes("{\"channel_id\": \"alpha", [0xC3], "\"}")),
        ("invalid UTF-8 between tokens", bytes("{\"channel_id\": \"alpha\"", [0xA0], "}")),
        (
            "invalid UTF-8 deep inside",
            bytes("{\"channel_id\": \"alpha\", \"a\": [{\"b\": [\"", [0xF0, 0x28], "\"]}]}")
        ),
        ("UTF-16", Array("{\"channel_id\": \"alpha\"}".utf16).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }),
        ("a NUL at the end", bytes("{\"channel_id\": \"alpha\"}", [0], "")),
        ("arrays nested without end", object("\"a\": " + String(repeating: "[", count: 200_000))),
        ("arrays nested very deep", object("\"a\": " + nested("[", "]", 200_000))),
        ("objects nested very deep", object("\"a\": " + nested("{\"a\":", "}", 200_000, inside: "1"))),
    ]

    private static func bytes(_ before: String, _ middle: [UInt8], _ behind: String) -> [UInt8] {
        Array(before.utf8) + middle + Array(behind.utf8)
    }

    private static func nested(_ open: String, _ close: String, _ depth: Int, inside: String = "") -> String {
        String(repeating: open, count: depth) + inside + String(repeating: close, count: depth)
    }

    @Test("a malformed entry is skipped and counted, and the next event arrives")
    func malformedForms() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        for (index, (what, data)) in Self.malformed.enumerated() {
            try redis.addGlobal(bytes: data)
            let id = try redis.add("async-events-full", data: sampleEvent("alpha", "good"))
            var text = try client.event()
            if eventID(text) != id {
                Issue.record("\(what): it was delivered: \(text.prefix(200))")
                text = try client.event()
            }
            #expect(eventID(text) == id, "\(what)")
            #expect(try gateway.figures().figures.eventsSkipped == index + 1, "\(what)")
        }
        #expect(try client.barrier().isEmpty)
    }

    @Test("an entry without the field data is skipped, and so is one whose field only resembles it")
    func withoutData() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        let event = sampleEvent("alpha", "none")
        for field in ["payload", "Data", "DATA", "data ", "dat", "data1", ""] {
            try redis.command("XADD", "async-events-full", "*", field, event)
        }
        let id = try redis.add("async-events-full", data: sampleEvent("alpha", "good"))
        #expect(eventID(try client.event()) == id)
        #expect(try gateway.figures().figures.eventsSkipped == 7)
    }

    @Test("a flood of malformed entries among good ones stops nothing, and is logged as warnings, but not one for each")
    func flood() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway(redis: redis).open()
        let client = try gateway.connect("alpha")
        let script = """
            for n = 1, 3000 do
              redis.call('XADD', 'async-events-full', '*', 'data', '{"broken')
              if n % 10 == 0 then
                redis.call('XADD', 'async-events-full', '*', 'data', '{"channel_id": "alpha", "n": ' .. n .. '}')
              end
            end
            """
        try redis.command("EVAL", script, "0")
        let expected = try redis.entries().filter { $0.data.contains("alpha") }.map(\.text)
        #expect(expected.count == 300)
        try client.expect(expected)
        #expect(try gateway.figures().figures.eventsSkipped == 3000)
        let warnings = gateway.log.lines.filter { $0.hasPrefix("warning") && $0.contains("malformed") }
        #expect(!warnings.isEmpty)
        #expect(warnings.count < 300, "\(warnings.count) lines")
        #expect(warnings[0].contains("id=") && warnings[0].contains("problem="), "\(warnings[0])")
    }
}
