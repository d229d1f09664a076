import Testing

@testable import JSONWebToken

@Suite("Tokens of publishers")
struct PublisherTokenTests {
    private func verify(_ claims: String, at milliseconds: Int64 = nowSeconds * 1000) throws -> PublisherVerification {
        let token = Array(try token(claims).utf8)
        let verifier = try verifier()
        return token.withUnsafeBytes { verifier.verifyPublisher($0, nowMilliseconds: milliseconds) }
    }

    private func channels(_ names: String...) -> PublisherVerification {
        .accepted(channels: names.map { Array($0.utf8) })
    }

    @Test("the channels that the claim lists are handed out as they are, whether or not the token opens one itself")
    func listed() throws {
        #expect(try verify(#"{"publish":["alpha"]}"#) == channels("alpha"))
        #expect(
            try verify(#"{"channel":7,"publish": [ "b\u0065ta" , "é", "full", "*", "" ],"sub":null}"#)
                == channels("beta", "é", "full", "*", ""))
        #expect(try verify(#"{"publish":[]}"#) == .accepted(channels: []))
    }

    @Test(
        "a claim that is missing or no array of strings permits nothing",
        arguments: [
            #"{"channel":"alpha"}"#, #"{"publish":"alpha"}"#, #"{"publish":["alpha",1]}"#, #"{"publish":[["alpha"]]}"#,
            #"{"publish":{"alpha":true}}"#, #"{"publish":null}"#, #"{"publish":["\ud800"]}"#, #"{"Publish":["alpha"]}"#,
            #"{"mercure":{"publish":["alpha"]}}"#,
        ])
    func notListed(claims: String) throws {
        #expect(try verify(claims) == .noPermission)
    }

    @Test("everything else is checked as it is for who listens")
    func refused() throws {
        #expect(try verify(#"{"publish":["a"],"exp":1699999000}"#) == .refused(.expired))
        #expect(try verify(#"{"publish":["a"],"nbf":1700000100}"#) == .refused(.notYetValid))
        #expect(try verify(#"{"publish":["a"],"publish":["b"]}"#) == .refused(.duplicateMember))
        #expect(try verify(#"{"publish":["a"]"#) == .refused(.payloadNotJSON))
        let good = Array(try token(#"{"publish":["a"]}"#).utf8)
        for count in 0..<good.count {
            let verifier = try verifier()
            let outcome = Array(good[..<count]).withUnsafeBytes {
                verifier.verifyPublisher($0, nowMilliseconds: nowSeconds * 1000)
            }
            guard case .refused = outcome else {
                Issue.record("the first \(count) bytes are accepted")
                return
            }
        }
    }

    @Test("the signer writes what the verifier reads")
    func signer() throws {
        #expect(
            String(decoding: Signer.claims(channel: nil, publish: ["a", "b\""]), as: UTF8.self)
                == #"{"publish":["a","b\""],"sub":null}"#)
        let claims = String(
            decoding: Signer.claims(channel: "c", publish: ["a"], expiresAtSeconds: 1_700_000_001), as: UTF8.self)
        #expect(claims == #"{"channel":"c","publish":["a"],"sub":null,"exp":1700000001}"#)
        #expect(try verify(claims) == channels("a"))
    }

    @Test(
        "names of the gateway's own keys are no channels", arguments: ["presence:", "presence:a", "idempotency:{x}:1"])
    func reserved(name: String) throws {
        #expect(ChannelName.refusal(of: Array(name.utf8)) == .channelReserved)
        #expect(try verifier().verify(token(#"{"channel":"\#(name)"}"#)) == .refused(.channelReserved))
        #expect(ChannelName.refusal(of: Array("presence".utf8)) == nil)
    }
}
