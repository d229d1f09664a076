import RedisStreams
import Testing

@Suite("The scan of an event: what is refused")
struct EventJSONMalformedTests {
    static let malformed: [(String, EventJSON.Malformation)] = [
        ("", .notAnObject),
        (" \n", .notAnObject),
        ("[]", .notAnObject),
        (#"[{"channel_id":"c"}]"#, .notAnObject),
        (#""channel_id""#, .notAnObject),
        ("null", .notAnObject),
        ("1", .notAnObject),
        ("}", .notAnObject),
        ("\u{FEFF}{\"channel_id\":\"c\"}", .notAnObject),
        ("\0{}", .notAnObject),
        ("\u{B}{}", .notAnObject),
        ("\u{A0}{}", .notAnObject),

        ("{", .endsEarly),
        (#"{""#, .endsEarly),
        (#"{"a"#, .endsEarly),
        (#"{"a""#, .endsEarly),
        (#"{"a" "#, .endsEarly),
        (#"{"a":"#, .endsEarly),
        (#"{"a":1"#, .endsEarly),
        (#"{"a":1,"#, .endsEarly),
        (#"{"a":["#, .endsEarly),
        (#"{"a":[1"#, .endsEarly),
        (#"{"a":{}"#, .endsEarly),
        (#"{"a":-"#, .endsEarly),
        (#"{"a":1."#, .endsEarly),
        (#"{"a":1e"#, .endsEarly),
        (#"{"a":1e+"#, .endsEarly),
        (#"{"a":"\"#, .endsEarly),
        (#"{"a":"\u"#, .endsEarly),
        (#"{"a":"\u12"#, .endsEarly),
        (#"{"a":"\u123"#, .endsEarly),
        (#"{"a":"\u1234"#, .endsEarly),

        (#"{"channel_id":"c"}x"#, .syntax(offset: 18)),
        (#"{"channel_id":"c"}}"#, .syntax(offset: 18)),
        (#"{"channel_id":"c"} {}"#, .syntax(offset: 19)),
        ("{\"channel_id\":\"c\"}\0", .syntax(offset: 18)),
        ("{\"channel_id\":\"c\"}\u{FEFF}", .syntax(offset: 18)),
        (#"{,}"#, .syntax(offset: 1)),
        (#"{"a":1,}"#, .syntax(offset: 7)),
        (#"{"a":1,,"b":2}"#, .syntax(offset: 7)),
        (#"{"a":1 "b":2}"#, .syntax(offset: 7)),
        (#"{"a"}"#, .syntax(offset: 4)),
        (#"{"a",1}"#, .syntax(offset: 4)),
        (#"{"a"=1}"#, .syntax(offset: 4)),
        (#"{"a"::1}"#, .syntax(offset: 5)),
        (#"{"a":}"#, .syntax(offset: 5)),
        (#"{"a":,}"#, .syntax(offset: 5)),
        (#"{a:1}"#, .syntax(offset: 1)),
        (#"{'a':1}"#, .syntax(offset: 1)),
        (#"{"a":'b'}"#, .syntax(offset: 5)),
        (#"{1:1}"#, .syntax(offset: 1)),
        (#"{null:1}"#, .syntax(offset: 1)),
        (#"{{}:1}"#, .syntax(offset: 1)),
        (#"{]"#, .syntax(offset: 1)),
        (#"{"a":[}]}"#, .syntax(offset: 6)),
        (#"{"a":[1}"#, .syntax(offset: 7)),
        (#"{"a":[1,]}"#, .syntax(offset: 8)),
        (#"{"a":[,1]}"#, .syntax(offset: 6)),
        (#"{"a":[1 2]}"#, .syntax(offset: 8)),
        (#"{"a":["b":1]}"#, .syntax(offset: 9)),
        (#"{"a":{"b"]}"#, .syntax(offset: 9)),
        (#"{"a":{1}}"#, .syntax(offset: 6)),
        (#"{/**/"a":1}"#, .syntax(offset: 1)),
        ("{\"a\":1 // x\n}", .syntax(offset: 7)),
        ("{\u{B}\"a\":1}", .syntax(offset: 1)),
        ("{\u{C}\"a\":1}", .syntax(offset: 1)),
        ("{\0\"a\":1}", .syntax(offset: 1)),
        ("{\u{A0}\"a\":1}", .syntax(offset: 1)),
        ("{\"a\"\u{2028}:1}", .syntax(offset: 4)),

        (#"{"a":True}"#, .syntax(offset: 5)),
        (#"{"a":TRUE}"#, .syntax(offset: 5)),
        (#"{"a":tru}"#, .syntax(offset: 5)),
        (#"{"a":tru"#, .syntax(offset: 5)),
        (#"{"a":truee}"#, .syntax(offset: 9)),
        (#"{"a":fals}"#, .syntax(offset: 5)),
        (#"{"a":nul"#, .syntax(offset: 5)),
        (#"{"a":nulll}"#, .syntax(offset: 9)),
        (#"{"a":NaN}"#, .syntax(offset: 5)),
        (#"{"a":Infinity}"#, .syntax(offset: 5)),
        (#"{"a":-Infinity}"#, .syntax(offset: 6)),
        (#"{"a":undefined}"#, .syntax(offset: 5)),

        (#"{"a":01}"#, .syntax(offset: 6)),
        (#"{"a":00}"#, .syntax(offset: 6)),
        (#"{"a":-01}"#, .syntax(offset: 7)),
        (#"{"a":+1}"#, .syntax(offset: 5)),
        (#"{"a":--1}"#, .syntax(offset: 6)),
        (#"{"a":-}"#, .syntax(offset: 6)),
        (#"{"a":- 1}"#, .syntax(offset: 6)),
        (#"{"a":.5}"#, .syntax(offset: 5)),
        (#"{"a":-.5}"#, .syntax(offset: 6)),
        (#"{"a":1.}"#, .syntax(offset: 7)),
        (#"{"a":1.e1}"#, .syntax(offset: 7)),
        (#"{"a":1.5.5}"#, .syntax(offset: 8)),
        (#"{"a":1e}"#, .syntax(offset: 7)),
        (#"{"a":1e+}"#, .syntax(offset: 8)),
        (#"{"a":1e+-1}"#, .syntax(offset: 8)),
        (#"{"a":1e1.5}"#, .syntax(offset: 8)),
        (#"{"a":1e1e1}"#, .syntax(offset: 8)),
        (#"{"a":0x10}"#, .syntax(offset: 6)),
        (#"{"a":1_000}"#, .syntax(offset: 6)),
        (#"{"a":1a}"#, .syntax(offset: 6)),
        (#"{"a":12 34}"#, .syntax(offset: 8)),
        (#"{"a":１}"#, .syntax(offset: 5)),

        (#"{"a":"\a"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\0"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\'"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\x41"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\U0041"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\N"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\ "}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\u004"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\u00g1"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\u+041"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\u{41}"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"\u 041"}"#, .invalidEscape(offset: 6)),
        (#"{"a":"bc\\\q"}"#, .invalidEscape(offset: 10)),
        (#"{"\q":1}"#, .invalidEscape(offset: 2)),
        ("{\"a\":\"\\\n\"}", .invalidEscape(offset: 6)),

        ("{}", .noChannel),
        (#"{"a":1}"#, .noChannel),
        (#"{"a":{"channel_id":"c"}}"#, .noChannel),
        (#"{"channel":"c"}"#, .noChannel),
        (#"{"Channel_id":"c"}"#, .noChannel),
        (#"{"channel_id\ud800":"c"}"#, .noChannel),
        (#"{"channel\\u005fid":"c"}"#, .noChannel),

        (#"{"channel_id":1}"#, .channelNotString),
        (#"{"channel_id":null}"#, .channelNotString),
        (#"{"channel_id":true}"#, .channelNotString),
        (#"{"channel_id":{}}"#, .channelNotString),
        (#"{"channel_id":{"channel_id":"c"}}"#, .channelNotString),
        (#"{"channel_id":["c"]}"#, .channelNotString),
        (#"{"channel_id":"c","channel_id":null}"#, .channelNotString),
        (#"{"channel_id":"c","channel\u005fid":7}"#, .channelNotString),

        (#"{"channel_id":"\ud800"}"#, .channelNotUnicode),
        (#"{"channel_id":"\udc00"}"#, .channelNotUnicode),
        (#"{"channel_id":"\udc00\ud800"}"#, .channelNotUnicode),
        (#"{"channel_id":"\ud800\ud800\udc00"}"#, .channelNotUnicode),
        (#"{"channel_id":"\ud800x"}"#, .channelNotUnicode),
        (#"{"channel_id":"\ud800\n"}"#, .channelNotUnicode),
        (#"{"channel_id":"\ud800\u0041"}"#, .channelNotUnicode),
        (#"{"channel_id":"\ud800\\udc00"}"#, .channelNotUnicode),
        (#"{"channel_id":"a","channel_id":"\uDFFF"}"#, .channelNotUnicode),
    ]

    @Test("each breach is told by its kind and place", arguments: malformed)
    func breach(text: String, expected: EventJSON.Malformation) {
        #expect(Scanned(Array(text.utf8)) == .malformed(expected))
    }

    @Test("each malformation is a sentence's end")
    func descriptions() {
        let all: [EventJSON.Malformation] = [
            .notAnObject, .syntax(offset: 12), .controlCharacter(offset: 12), .invalidUTF8(offset: 12),
            .invalidEscape(offset: 12),
            .tooDeep(offset: 12), .endsEarly, .noChannel, .channelNotString, .channelNotUnicode,
        ]
        #expect(Set(all.map(\.description)).count == all.count)
        for malformation in all {
            #expect(malformation.description.contains("its data"))
            let hasOffset = String(describing: malformation).contains("12")
            #expect(hasOffset == malformation.description.contains("byte"))
        }
    }

    @Test("every part of an event that is cut off is refused")
    func prefixes() {
        for (text, _) in EventJSONTests.legal {
            let data = Array(text.utf8)
            let end = (data.lastIndex(of: UInt8(ascii: "}")) ?? 0) + 1
            for length in 0..<end {
                guard case .malformed = Scanned(Array(data[..<length])) else {
                    Issue.record("the first \(length) bytes of \(text) were taken for an event")
                    continue
                }
            }
        }
    }

    @Test("each control character in a string is refused, and DEL is none", arguments: UInt8(0)...0x20)
    func controlCharacters(byte: UInt8) {
        let before = Array(#"{"channel_id":"c","x":"ab"#.utf8)
        let after = Array(#"cd"}"#.utf8)
        #expect(
            Scanned(before + [byte] + after)
                == (byte < 0x20 ? .malformed(.controlCharacter(offset: before.count)) : .channel("c")))
        #expect(
            Scanned(Array(#"{"a"#.utf8) + [byte] + Array(#"":1,"channel_id":"c"}"#.utf8))
                == (byte < 0x20 ? .malformed(.controlCharacter(offset: 3)) : .channel("c")))
        #expect(Scanned(before + [0x7F] + after) == .channel("c"))
    }

    @Test("outside of strings only four characters are space", arguments: UInt8.min...UInt8.max)
    func space(byte: UInt8) {
        let isSpace = [0x20, 0x09, 0x0A, 0x0D].contains(byte)
        for (before, after) in [
            ("{", #""channel_id":"c"}"#), (#"{"channel_id""#, #":"c"}"#), (#"{"channel_id":"c""#, "}"),
        ] {
            // What may stand there, or may at one of the places.
            guard !"}:,".utf8.contains(byte) else { continue }
            let scanned = Scanned(Array(before.utf8) + [byte] + Array(after.utf8))
            if isSpace {
                #expect(scanned == .channel("c"))
            } else if byte != UInt8(ascii: "\"") {
                #expect(scanned == .malformed(.syntax(offset: before.utf8.count)))
            }
        }
        let trailing = Scanned(Array(#"{"channel_id":"c"}"#.utf8) + [byte])
        #expect(trailing == (isSpace ? .channel("c") : .malformed(.syntax(offset: 18))))
    }
}
