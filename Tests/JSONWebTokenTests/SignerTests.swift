import Testing

@testable import JSONWebToken

@Suite("Signing and names")
struct SignerTests {
    private func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    @Test("claims are written as Superset writes them")
    func claims() {
        #expect(text(Signer.claims(channel: uuid, subject: "1")) == supersetClaims)
        #expect(text(Signer.claims(channel: "a")) == #"{"channel":"a","sub":null}"#)
        #expect(
            text(Signer.claims(channel: "a", channelClaim: "ch\"", subject: "x", expiresAtSeconds: 1_700_000_000))
                == #"{"ch\"":"a","sub":"x","exp":1700000000}"#)
        #expect(text(Signer.claims(channel: "a", channelClaim: "sub", subject: "x")) == #"{"sub":"a"}"#)
        #expect(
            text(Signer.claims(channel: "\"\\\n\u{1F}é😀/\u{7F}"))
                == "{\"channel\":\"\\\"\\\\\\u000a\\u001fé😀/\u{7F}\",\"sub\":null}")
    }

    @Test("a signed token is the one that Python makes")
    func sameAsPython() throws {
        let signer = try Signer(algorithm: .HS256, secret: secret)
        #expect(
            text(try signer.sign(claims: Signer.claims(channel: uuid, subject: "1")))
                == "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.9qCxz7fCjcdkJQn6jBcngCzlsq4Tr419S8YQzQQatFo"
        )
    }

    @Test("what is signed is accepted again, with each algorithm", arguments: Algorithm.allCases.filter(\.usesSecret))
    func roundTrip(algorithm: Algorithm) throws {
        let signer = try Signer(algorithm: algorithm, secret: secret)
        let verifier = try verifier(algorithms: [algorithm], claim: "who")
        for channel in [uuid, "a\"b\\c/d", "Zürich 😀", String(repeating: "x", count: 5000)] {
            let claims = Signer.claims(channel: channel, channelClaim: "who", expiresAtSeconds: nowSeconds)
            #expect(
                verifier.verify(try signer.sign(claims: claims)) == accepted(channel, expires: nowSeconds * 1000))
        }
    }

    @Test("an empty secret signs nothing and says so")
    func emptySecret() {
        #expect(throws: CryptographyError.emptySecret) { try Signer(algorithm: .HS256, secret: []) }
        #expect(CryptographyError.emptySecret.description.contains("empty"))
    }

    @Test("an algorithm of private keys signs nothing here", arguments: Algorithm.allCases.filter { !$0.usesSecret })
    func notForSecrets(algorithm: Algorithm) {
        #expect(throws: CryptographyError.notForSecrets(algorithm)) { try Signer(algorithm: algorithm, secret: secret) }
    }

    @Test("an algorithm's name is compared exactly")
    func algorithmNames() {
        for algorithm in Algorithm.allCases { #expect(Algorithm(name: algorithm.rawValue) == algorithm) }
        for name in ["hs256", "HS256 ", "none", "None", "", "rs256", "ES512", "ES256K", "Ed25519", "eddsa", "HS1"] {
            #expect(Algorithm(name: name) == nil)
        }
    }

    @Test("the rule for a channel's name can be asked before a token is made")
    func channelNames() {
        #expect(ChannelName.refusal(of: Array(uuid.utf8)) == nil)
        #expect(ChannelName.refusal(of: []) == .channelEmpty)
        #expect(ChannelName.refusal(of: Array("full".utf8)) == .channelReserved)
        #expect(ChannelName.refusal(of: Array("a\tb".utf8)) == .channelNotText)
    }
}
