import RedisStreams
import Testing

/// What a scan found, with the channel's bytes.
enum Scanned: Equatable {
    case channel([UInt8])
    case malformed(EventJSON.Malformation)

    static func channel(_ name: String) -> Scanned { .channel(Array(name.utf8)) }

    init(_ data: [UInt8]) {
        self = data.withUnsafeBytes { Scanned($0) }
    }

    init(_ data: UnsafeRawBufferPointer) {
        switch EventJSON.scan(data) {
        case .event(let range): self = .channel([UInt8](data[range]))
        case .eventEscaped(let name): self = .channel(name)
        case .malformed(let malformation): self = .malformed(malformation)
        }
    }
}

@Suite("The scan of an event: what is let through")
struct EventJSONTests {
    static let superset =
        #"{"channel_id": "24c4f1aa-5b0e", "job_id": "f5d0", "user_id": 1, "status": "done", "errors": [], "result_url": "/api/v1/chart/data/qc-0"}"#

    static let legal: [(String, String)] = [
        (superset, "24c4f1aa-5b0e"),
        (
            #"{"channel_id": "c", "job_id": "j", "user_id": null, "status": "error", "errors": [{"message": "Error: no such column: x"}], "result_url": null}"#,
            "c"
        ),
        // Space and order.
        (#"{"channel_id":"c"}"#, "c"),
        (" \t\r\n{ \t\r\n\"channel_id\" \t\r\n: \t\r\n\"c\" \t\r\n, \"a\" : [ \n] , \"b\" : { \r } } \t\r\n", "c"),
        (#"{"job_id":"j","channel_id":"c"}"#, "c"),
        (#"{"job_id":"j","z":{},"channel_id":"c","a":[]}"#, "c"),
        // A channel_id elsewhere.
        (#"{"a":{"channel_id":"no"},"channel_id":"c"}"#, "c"),
        (#"{"channel_id":"c","a":{"channel_id":"no"}}"#, "c"),
        (#"{"channel_id":"c","a":[{"channel_id":"no"},["channel_id","no"]]}"#, "c"),
        (#"{"a":"channel_id","channel_id":"c","b":"\"channel_id\":\"no\""}"#, "c"),
        (#"{"a":[{"channel_id":"no"}],"channel_id":"c"}"#, "c"),
        (#"{"a":"{\"channel_id\":\"no\"}","channel_id":"c"}"#, "c"),
        (#"{"channel_id":"channel_id"}"#, "channel_id"),
        // Names that are nearly it.
        (
            #"{"channel_ID":"no","channel_id ":"no","channel_i":"no","channel_idx":"no"," channel_id":"no","":"no","channel_id":"c"}"#,
            "c"
        ),
        (#"{"channel\u0000id":"no","channel-id":"no","channel_id":"c","channel_id\u0000":"no"}"#, "c"),
        (#"{"channel_id":"c","channel_i\ud864":"no","\ud800":"no"}"#, "c"),
        // Repeated: the last counts.
        (#"{"channel_id":"a","channel_id":"b"}"#, "b"),
        (#"{"channel_id":1,"channel_id":"b"}"#, "b"),
        (#"{"channel_id":"a","channel_\u0069d":"b"}"#, "b"),
        (#"{"channel_\u0069d":"a","channel_id":"b"}"#, "b"),
        (#"{"channel_id":"\ud800","channel_id":"b"}"#, "b"),
        (#"{"channel_id":{"channel_id":"no"},"channel_id":"b","x":{"channel_id":"no"}}"#, "b"),
        // Escapes in the name.
        (#"{"\u0063hannel_id":"c"}"#, "c"),
        (#"{"\u0063\u0068\u0061\u006e\u006E\u0065\u006c\u005f\u0069\u0064":"c"}"#, "c"),
        (#"{"channel\u005Fid":"c"}"#, "c"),
        // Escapes in the value.
        (#"{"channel_id":"\u0041b\u0063"}"#, "Abc"),
        (#"{"channel_id":"\"\\\/\b\f\n\r\t"}"#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#"{"channel_id":"\u00e9\u20AC\ud83d\ude00"}"#, "é€😀"),
        (#"{"channel_id":"a\uD83D\uDE00b\\u0041"}"#, #"a😀b\u0041"#),
        (#"{"channel_id":"\ud800\udc00\udbff\udfff"}"#, "\u{10000}\u{10FFFF}"),
        (#"{"channel_id":"\u0000\uFFFF\uD7FF\uE000"}"#, "\u{0}\u{FFFF}\u{D7FF}\u{E000}"),
        (#"{"channel_id":"é\n€"}"#, "é\n€"),
        // Other strings.
        (#"{"channel_id":"é€😀"}"#, "é€😀"),
        (#"{"channel_id":""}"#, ""),
        (#"{"channel_id":"c","x":"\ud800","y":"\udc00\ud800","z":"\ud800\ud800\udc00"}"#, "c"),
        (#"{"channel_id":"c","x":"\ud800\n","y":"\ud800\\udc00"}"#, "c"),
        ("{\"channel_id\":\"c\",\"x\":\"\u{7F}\u{80}\u{2028}\u{FEFF}\u{FFFE}\u{10FFFF}\"}", "c"),
        (#"{"channel_id":"c","":"","\"":"\\"}"#, "c"),
        // Other values.
        (
            #"{"channel_id":"c","n":[0,-0,1,-1,10,123456789012345678901234567890,0.0,-0.10,1.5e3,1E+400,1e-5,0e0,0E-0,2.0]}"#,
            "c"
        ),
        (#"{"channel_id":"c","l":[true,false,null],"t":true,"f":false,"n":null}"#, "c"),
        (#"{"channel_id":"c","a":[[],[[]],{},{"":{}},[{}],[1,[2,{"a":[3]}]]]}"#, "c"),
    ]

    @Test("each legal form is an event of its channel", arguments: legal)
    func legalForm(text: String, channel: String) {
        #expect(Scanned(Array(text.utf8)) == .channel(channel))
    }

    @Test("a channel without escapes is found in place", arguments: legal)
    func offsets(text: String, channel: String) {
        let data = Array(text.utf8)
        data.withUnsafeBytes { bytes in
            guard case .event(let range) = EventJSON.scan(bytes) else { return }
            #expect(bytes[range.lowerBound - 1] == UInt8(ascii: "\""))
            #expect(bytes[range.upperBound] == UInt8(ascii: "\""))
            #expect(!bytes[range].contains(UInt8(ascii: "\\")))
        }
        let isEscaped = data.withUnsafeBytes { bytes in
            if case .eventEscaped = EventJSON.scan(bytes) { return true }
            return false
        }
        #expect(isEscaped == Self.hasEscapedChannel.contains(text))
    }

    private static let hasEscapedChannel = Set(
        legal.map(\.0).filter {
            $0.hasPrefix(#"{"channel_id":"\"#) || $0.hasPrefix(#"{"channel_id":"a\u"#)
                || $0.hasPrefix(#"{"channel_id":"é\n"#)
        }
        .filter { !$0.hasSuffix(#""channel_id":"b"}"#) })

    @Test("an event of 1 MiB is scanned whole")
    func large() {
        let filler = String(repeating: "0123456789abcdef", count: 65_536)
        #expect(Scanned(Array(#"{"x":"\#(filler)","channel_id":"c"}"#.utf8)) == .channel("c"))
        #expect(Scanned(Array(#"{"channel_id":"\#(filler)"}"#.utf8)) == .channel(filler))
        #expect(Scanned(Array(#"{"channel_id":"\u0030\#(filler)"}"#.utf8)) == .channel("0" + filler))
        let numbers = String(repeating: "1.5,", count: 262_144)
        #expect(Scanned(Array(#"{"x":[\#(numbers)0],"channel_id":"c"}"#.utf8)) == .channel("c"))
    }

    /// The document's own braces are one level.
    static func nested(_ levels: Int, _ open: (Int) -> String, _ close: (Int) -> String) -> [UInt8] {
        let inner = (2..<levels + 1)
        let text =
            #"{"channel_id":"c","x":"# + inner.map(open).joined()
            + (levels > 1 && open(levels).hasSuffix(":") ? "1" : "")
            + inner.reversed().map(close).joined() + "}"
        return Array(text.utf8)
    }

    static let shapes: [@Sendable (Int) -> (String, String)] = [
        { _ in ("[", "]") },
        { _ in (#"{"a":"#, "}") },
        { $0 % 2 == 0 ? ("[", "]") : (#"{"channel_id":"#, "}") },
        { ($0 * 7) % 5 < 2 ? ("[", "]") : (#"{"a":"#, "}") },
    ]

    @Test("512 levels are let through and the 513th is not", arguments: shapes.indices)
    func depth(shape: Int) {
        let shape = Self.shapes[shape]
        for levels in [2, 8, 63, 64, 65, 128, 511, 512] {
            #expect(Scanned(Self.nested(levels, { shape($0).0 }, { shape($0).1 })) == .channel("c"))
        }
        for levels in [513, 514, 10_000] {
            let data = Self.nested(levels, { shape($0).0 }, { shape($0).1 })
            let opening = (2...512).reduce(#"{"channel_id":"c","x":"#.utf8.count) { $0 + shape($1).0.utf8.count }
            #expect(Scanned(data) == .malformed(.tooDeep(offset: opening)))
        }
    }

    @Test("many containers one after the other are not deep")
    func siblings() {
        let text = #"{"channel_id":"c","x":[\#(String(repeating: "[{}],", count: 2000))[]]}"#
        #expect(Scanned(Array(text.utf8)) == .channel("c"))
    }

    @Test("every closing bracket must fit, at every depth")
    func mismatchedBrackets() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let kinds = (0..<Int.random(in: 1...200, using: &random)).map { _ in Bool.random(using: &random) }
            let prefix = #"{"channel_id":"c","x":"# + kinds.map { $0 ? "[" : #"{"":"# }.joined() + "1"
            var closing = kinds.reversed().map { UInt8(ascii: $0 ? "]" : "}") }
            #expect(Scanned(Array(prefix.utf8) + closing + [UInt8(ascii: "}")]) == .channel("c"))
            let wrong = closing.indices.randomElement(using: &random) ?? 0
            closing[wrong] = closing[wrong] == UInt8(ascii: "]") ? UInt8(ascii: "}") : UInt8(ascii: "]")
            #expect(
                Scanned(Array(prefix.utf8) + closing + [UInt8(ascii: "}")])
                    == .malformed(.syntax(offset: prefix.utf8.count + wrong)))
        }
    }
}
