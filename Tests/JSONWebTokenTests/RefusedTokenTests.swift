import Testing

@testable import JSONWebToken

@Suite("Tokens that are refused")
struct RefusedTokenTests {
    private struct Parts {
        let header: String
        let payload: String
        let signature: String

        init() throws {
            let parts = try token(supersetClaims).split(separator: ".").map(String.init)
            (header, payload, signature) = (parts[0], parts[1], parts[2])
        }
    }

    @Test("a form other than three parts")
    func form() throws {
        let good = try Parts()
        let whole = "\(good.header).\(good.payload).\(good.signature)"
        let verifier = try verifier()
        #expect(verifier.verify(whole) == accepted(uuid))
        for (text, refusal) in [
            ("", Refusal.empty), ("garbage", .notThreeParts), ("a.b", .notThreeParts), ("null", .notThreeParts),
            ("\(good.header).\(good.payload)", .notThreeParts), (whole + ".", .notThreeParts),
            (whole + "." + good.signature, .notThreeParts), (whole + ".a.b", .notThreeParts),
            ("." + whole, .notThreeParts), ("..", .headerNotJSON), (".", .notThreeParts),
            (".\(good.payload).\(good.signature)", .headerNotJSON),
            ("\(good.header)..\(good.signature)", .signatureInvalid),
            ("\(good.header).\(good.payload).", .signatureInvalid), (" " + whole, .notBase64URL),
            (whole + " ", .notBase64URL), ("\"\(whole)\"", .notBase64URL), ("Bearer \(whole)", .notBase64URL),
            ("\0", .notThreeParts), (whole + "\0", .notBase64URL),
        ] {
            #expect(verifier.verify(text) == .refused(refusal), "\(text)")
        }
    }

    @Test("every beginning of a good token")
    func truncated() throws {
        let whole = Array(try token(supersetClaims).utf8)
        let verifier = try verifier()
        for count in 0..<whole.count {
            guard case .refused = verifier.verify(Array(whole[..<count])) else {
                Issue.record("accepted with \(count) bytes")
                continue
            }
        }
    }

    @Test("a signature that is padded, too long, too short, in base64's own alphabet, or of nothing")
    func signature() throws {
        let good = try Parts()
        let verifier = try verifier()
        let input = "\(good.header).\(good.payload)"
        for (signature, refusal) in [
            (good.signature + "=", Refusal.notBase64URL), (good.signature + "==", .notBase64URL),
            (good.signature + "A", .signatureInvalid), (good.signature + "AA", .notBase64URL),
            (good.signature + "AAAA", .signatureInvalid), (String(good.signature.dropLast(2)), .notBase64URL),
            (String(good.signature.dropFirst(4)), .signatureInvalid), ("A" + good.signature, .signatureInvalid),
            (String(repeating: "A", count: 43), .signatureInvalid), ("", .signatureInvalid),
            ("+/" + good.signature.dropFirst(2), .notBase64URL),
        ] {
            #expect(verifier.verify("\(input).\(signature)") == .refused(refusal), "\(signature)")
        }
    }

    @Test("trailing bits: the last character's other fifteen (or three) spellings")
    func trailingBits() throws {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let whole = try token(supersetClaims)
        let last = try #require(whole.last)
        let verifier = try verifier()
        for character in alphabet where character != last {
            let changed = String(whole.dropLast()) + String(character)
            guard case .refused = verifier.verify(changed) else {
                Issue.record("accepted with \(character) at the end")
                continue
            }
        }
        // The same in a payload that is signed as it stands: 'e30' and 'e31' both would decode to '{}'.
        #expect(verifier.verify(try signed(base64URL(Array(supersetHeader.utf8)), "e30")) == .refused(.channelMissing))
        #expect(verifier.verify(try signed(base64URL(Array(supersetHeader.utf8)), "e31")) == .refused(.notBase64URL))
    }

    @Test("a wrong secret, an empty one, none at all, and an algorithm with another's key")
    func keys() throws {
        let good = try token(supersetClaims)
        let other = Array("another-secret-another-secret-another".utf8)
        #expect(try verifier(secrets: [other]).verify(good) == .refused(.signatureInvalid))
        #expect(try verifier(secrets: []).verify(good) == .refused(.signatureInvalid))
        #expect(try verifier(secrets: [[]]).verify(good) == .refused(.signatureInvalid))
        #expect(try verifier(algorithms: []).verify(good) == .refused(.algorithmNotAllowed))
        #expect(try verifier(algorithms: [.HS384, .HS512]).verify(good) == .refused(.algorithmNotAllowed))
        // Signed with HMAC-SHA-256 but named HS512, and the other way round.
        let all = try verifier(algorithms: Algorithm.allCases)
        #expect(all.verify(try token(supersetClaims, header: #"{"alg":"HS512"}"#)) == .refused(.signatureInvalid))
        #expect(
            all.verify(try token(supersetClaims, header: #"{"alg":"HS256"}"#, algorithm: .HS512))
                == .refused(.signatureInvalid))
    }

    @Test(
        "an algorithm that is not listed, none in any spelling, or no name",
        arguments: [
            (#"{"alg":"none"}"#, Refusal.algorithmNotAllowed), (#"{"alg":"None"}"#, .algorithmNotAllowed),
            (#"{"alg":"NONE"}"#, .algorithmNotAllowed), (#"{"alg":"nOnE"}"#, .algorithmNotAllowed),
            (#"{"alg":"\u006eone"}"#, .algorithmNotAllowed), (#"{"alg":"HS384"}"#, .algorithmNotAllowed),
            (#"{"alg":"RS256"}"#, .algorithmNotAllowed), (#"{"alg":"hs256"}"#, .algorithmNotAllowed),
            (#"{"alg":"HS256 "}"#, .algorithmNotAllowed), (#"{"alg":"HS256\u0000"}"#, .algorithmNotAllowed),
            (#"{"alg":""}"#, .algorithmNotAllowed), (#"{"alg":"\ud800"}"#, .algorithmNotAllowed),
            (#"{"typ":"JWT"}"#, .algorithmMissing), (#"{"alg":null}"#, .algorithmMissing),
            (#"{"alg":256}"#, .algorithmMissing), (#"{"alg":["HS256"]}"#, .algorithmMissing),
            (#"{"ALG":"HS256"}"#, .algorithmMissing), (#"{}"#, .algorithmMissing),
            (#"{"alg":"none","alg":"HS256"}"#, .duplicateMember),
            (#"{"alg":"HS256","alg":"HS256"}"#, .duplicateMember),
            (#"{"alg":"HS256","\u0061lg":"none"}"#, .duplicateMember),
            (#"{"alg":"HS256","crit":["exp"]}"#, .criticalExtension),
            (#"{"crit":[],"alg":"HS256"}"#, .criticalExtension), (#"{"alg":"HS256","crit":null}"#, .criticalExtension),
            (#"{"alg":"HS256","cri\u0074":["b64"],"b64":false}"#, .criticalExtension),
        ])
    func algorithm(header: String, refusal: Refusal) throws {
        #expect(try verifier().verify(token(supersetClaims, header: header)) == .refused(refusal))
        // Without a signature it is no better.
        let unsigned = base64URL(Array(header.utf8)) + "." + base64URL(Array(supersetClaims.utf8)) + "."
        #expect(try verifier().verify(unsigned) == .refused(refusal))
    }

    @Test(
        "a channel claim that is missing, empty, reserved, no string, no text, or there twice",
        arguments: [
            (#"{"sub":"1"}"#, Refusal.channelMissing), (#"{}"#, .channelMissing),
            (#"{"Channel":"a"}"#, .channelMissing), (#"{"sub":{"channel":"a"}}"#, .channelMissing),
            (#"{"x":"channel","y":"a"}"#, .channelMissing), (#"{"channel":""}"#, .channelEmpty),
            (#"{"channel":"full"}"#, .channelReserved), (#"{"channel":"f\u0075ll"}"#, .channelReserved),
            (#"{"channel":null}"#, .channelNotString), (#"{"channel":1}"#, .channelNotString),
            (#"{"channel":true}"#, .channelNotString), (#"{"channel":["a"]}"#, .channelNotString),
            (#"{"channel":{"a":"b"}}"#, .channelNotString), (#"{"channel":"a\nb"}"#, .channelNotText),
            (#"{"channel":"\u0000"}"#, .channelNotText), (#"{"channel":"\u007f"}"#, .channelNotText),
            (#"{"channel":"\ud83d"}"#, .channelNotText), (#"{"channel":"\ude00"}"#, .channelNotText),
            (#"{"channel":"\ud83d\ud83d\ude00"}"#, .channelNotText), (#"{"channel":"\ud83dx"}"#, .channelNotText),
            (#"{"channel":"\ud83d\n"}"#, .channelNotText), (#"{"channel":"\ud83d\u"}"#, .payloadNotJSON),
            (#"{"channel":"a","channel":"b"}"#, .duplicateMember),
            (#"{"channel":"a","channe\u006c":"a"}"#, .duplicateMember),
            (#"{"exp":1,"exp":9999999999,"channel":"a"}"#, .duplicateMember),
            (#"{"nbf":1,"channel":"a","nbf":1}"#, .duplicateMember),
        ])
    func channel(claims: String, refusal: Refusal) throws {
        #expect(try verifier().verify(token(claims)) == .refused(refusal))
    }

    @Test("names close to the reserved one are channels")
    func notReserved() throws {
        for name in ["Full", "FULL", "full ", "fulll", "ful", "-full", "a/b", "*", "ﬀ"] {
            #expect(try verifier().verify(token(#"{"channel":"\#(name)"}"#)) == accepted(name))
        }
    }

    @Test("a changed payload or header under the old signature")
    func changed() throws {
        let good = try Parts()
        let verifier = try verifier(algorithms: [.HS256, .HS384])
        let payload = base64URL(Array(#"{"channel":"another","sub":"1"}"#.utf8))
        #expect(verifier.verify("\(good.header).\(payload).\(good.signature)") == .refused(.signatureInvalid))
        for header in [#"{"alg":"HS256"}"#, #"{"alg":"HS384","typ":"JWT"}"#, #"{"alg":"HS256","typ":"JWT"} "#] {
            let text = "\(base64URL(Array(header.utf8))).\(good.payload).\(good.signature)"
            #expect(verifier.verify(text) == .refused(.signatureInvalid))
        }
        #expect(
            verifier.verify("\(good.payload).\(good.header).\(good.signature)") == .refused(.algorithmMissing))
    }

    @Test("a good token with any one byte replaced by any other")
    func oneByte() throws {
        let whole = Array(try token(supersetClaims).utf8)
        let verifier = try verifier(algorithms: Algorithm.allCases)
        var changed = whole
        for index in whole.indices {
            for byte in UInt8.min...UInt8.max where byte != whole[index] {
                changed[index] = byte
                if case .accepted = verifier.verify(changed) { Issue.record("accepted: byte \(index) is \(byte)") }
            }
            changed[index] = whole[index]
        }
    }

    @Test("a good token changed at random in several places")
    func manyBytes() throws {
        var generator = SeededGenerator(seed: 7519)
        let whole = Array(try token(#"{"channel":"a","exp":1700000001,"nbf":1}"#).utf8)
        let verifier = try verifier(algorithms: Algorithm.allCases)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/".utf8)
        for _ in 0..<20_000 {
            var changed = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<changed.count, using: &generator)
                let byte = alphabet.randomElement(using: &generator) ?? 0
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: changed.insert(byte, at: index)
                case 1: changed.remove(at: index)
                case 2: changed.swapAt(index, changed.count - 1 - index)
                default: changed[index] = byte
                }
            }
            if changed != whole, case .accepted = verifier.verify(changed) {
                Issue.record("accepted: \(String(decoding: changed, as: UTF8.self))")
            }
        }
    }

    @Test("every refusal has a sentence and a tag")
    func texts() {
        for refusal in Refusal.allCases {
            #expect(refusal.reason.hasSuffix(".") && refusal.reason.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
            #expect(refusal.tag.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "_") })
        }
        #expect(Set(Refusal.allCases.map(\.reason)).count == Refusal.allCases.count)
    }
}
