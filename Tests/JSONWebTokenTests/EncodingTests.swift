import Testing

@testable import JSONWebToken

@Suite("Base64url and JSON")
struct EncodingTests {
    private func decode(_ text: String) -> [UInt8]? {
        let text = Array(text.utf8)
        var output = [UInt8](repeating: 0, count: text.count + 2)
        var span = output.mutableSpan
        guard let count = Base64URL.decode(text.span, into: &span, at: 2) else { return nil }
        return Array(output[2..<2 + count])
    }

    @Test(
        "base64url: the vectors of RFC 4648 section 10 and the last two characters of the alphabet",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"), ("??>", "Pz8-"), ("???", "Pz8_"),
        ])
    func vectors(plain: String, encoded: String) {
        #expect(base64URL(Array(plain.utf8)) == encoded)
        #expect(decode(encoded) == Array(plain.utf8))
    }

    @Test(
        "base64url: padding, white space, other alphabets, lone characters and trailing bits are refused",
        arguments: [
            "Zg==", "Zg=", "Zm8=", "Zh", "Zm9", "Z", "Zm9vY", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm.v", "Zm9é", "====",
            "Zm9v====", "Zm9\0", "Z`9v", "Z{9v", "Z@9v", "Z[9v", "Z:9v",
        ])
    func strict(text: String) {
        #expect(decode(text) == nil)
    }

    @Test("base64url: random bytes come back, and each has one text only")
    func roundTrip() {
        var generator = SeededGenerator(seed: 4648)
        for count in 0..<300 {
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(decode(base64URL(bytes)) == bytes)
        }
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var decoded = Set<[UInt8]>()
        for first in alphabet {
            for second in alphabet {
                guard let bytes = decode("\(first)\(second)") else { continue }
                #expect(decoded.insert(bytes).inserted)
            }
        }
        #expect(decoded.count == 256)
    }

    @Test(
        "a payload that is not one JSON object is refused",
        arguments: [
            "", " ", "null", "1", #""channel""#, "[]", #"[{"channel":"a"}]"#, "{", "}", #"{"channel"}"#,
            #"{"channel":}"#, #"{"channel":"a""#, #"{"channel":"a",}"#, #"{,"channel":"a"}"#, #"{"channel":"a"}}"#,
            #"{"channel":"a"}{"channel":"a"}"#, #"{"channel":"a"} x"#, #"{'channel':'a'}"#, #"{channel:"a"}"#,
            #"{"channel":"a" "b":1}"#, #"{"channel":"a","b":tru}"#, #"{"channel":"a","b":True}"#,
            #"{"channel":"a","b":nul"#, #"{"channel":"a","b":[1,]}"#, #"{"channel":"a","b":[,1]}"#,
            #"{"channel":"a","b":[1 2]}"#, #"{"channel":"a","b":[1}}"#, #"{"channel":"a","b":{"c":1]}"#,
            #"{"channel":"a","b":{"c"}}"#, #"{"channel":"a","b":{1:2}}"#, #"{"channel":"a","b":{"c":1,}}"#,
            #"{"channel":"a","b":["#, #"{"channel":"a","b":[1"#, #"{"channel":"a","b":{"c""#, #"{"channel":"\x"}"#,
            #"{"channel":"\u12"}"#, #"{"channel":"\u12g4"}"#, #"{"channel":"a\"#, #"{"channel":"a\"}"#,
            "{\"channel\":\"a\nb\"}", "{\"channel\":\"a\u{0}b\"}", "{\"channel\":\"a\",\u{A0}\"b\":1}",
            "\u{FEFF}{\"channel\":\"a\"}", "{\"channel\":\"a\"}\u{0}", "{\"channel\":\"a\"/**/}", "// x\n{}",
        ])
    func notAnObject(payload: String) throws {
        #expect(try verifier().verify(token(payload)) == .refused(.payloadNotJSON))
        // In the header's place the same text is refused as a header.
        #expect(try verifier().verify(token(supersetClaims, header: payload)) == .refused(.headerNotJSON))
    }

    @Test(
        "bytes that are not UTF-8 are refused, wherever they stand",
        arguments: [[0xFF], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80]] as [[UInt8]])
    func notUTF8(bytes: [UInt8]) throws {
        let quoted = Array(#"{"channel":"a","sub":""#.utf8) + bytes + Array(#""}"#.utf8)
        #expect(try verifier().verify(token(quoted)) == .refused(.payloadNotJSON))
        let name = Array(#"{"channel":"a",""#.utf8) + bytes + Array(#"":1}"#.utf8)
        #expect(try verifier().verify(token(name)) == .refused(.payloadNotJSON))
    }

    @Test("32 levels of nesting are read, the 33rd is refused, thousands do no harm")
    func depth() throws {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            let inner = depth - 1
            return #"{"x":"# + String(repeating: open, count: inner) + (open == "[" ? "" : "1")
                + String(repeating: close, count: inner) + #","channel":"a"}"#
        }
        for (open, close) in [("[", "]"), (#"{"x":"#, "}")] {
            #expect(try verifier().verify(token(nested(32, open, close))) == accepted("a"))
            #expect(try verifier().verify(token(nested(33, open, close))) == .refused(.payloadNotJSON))
        }
        #expect(try verifier().verify(token(nested(2000, "[", "]"))) == .refused(.payloadNotJSON))
        #expect(try verifier().verify(token(String(repeating: "[", count: 5000))) == .refused(.payloadNotJSON))
        // Closed levels do not count.
        let wide =
            #"{"x":["# + Array(repeating: #"[{"y":[]}]"#, count: 300).joined(separator: ",") + #"],"channel":"a"}"#
        #expect(try verifier().verify(token(wide)) == accepted("a"))
    }

    @Test("every escape is decoded")
    func escapes() throws {
        let name = #"\"\\\/\u00e9\u00E9\u20ac\uD834\uDD1E\uffff \u00800"#
        #expect(
            try verifier().verify(token(#"{"channel":"\#(name)"}"#))
                == accepted("\"\\/éé€\u{1D11E}\u{FFFF} \u{80}0"))
        for control in ["\\b", "\\f", "\\n", "\\r", "\\t", "\\u001f"] {
            #expect(try verifier().verify(token(#"{"channel":"\#(control)"}"#)) == .refused(.channelNotText))
        }
    }

    @Test("random JSON-like text never traps and is accepted only with the channel it says")
    func randomPayloads() throws {
        var generator = SeededGenerator(seed: 8259)
        let verifier = try verifier()
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"channel\"", "\"a\"", "\"exp\"", "\"nbf\"", "1", "-", "e9", ".5", "null",
            "true",
            "\"", "\\", "\\u", "d800", " ", "\n", "\u{0}", "é",
        ]
        for _ in 0..<5_000 {
            let text = (0..<Int.random(in: 0...24, using: &generator))
                .map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            let payload = Bool.random(using: &generator) ? text : #"{"channel":"a","x":"# + text + "}"
            if case .accepted(let identity) = verifier.verify(try token(payload)) {
                #expect(payload.contains("\"channel\""))
                #expect(!identity.channel.isEmpty)
            }
        }
    }
}
