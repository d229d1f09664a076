import Testing

@testable import JSONWebToken

/// Tokens made by others: RFC 7515, and Python's hmac and base64 modules (run once).
@Suite("Tokens that are accepted")
struct AcceptedTokenTests {
    @Test("the example of RFC 7515 A.1, with iss as the channel's claim")
    func rfc7515A1() throws {
        let encodedKey = Array(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow".utf8)
        var key = [UInt8](repeating: 0, count: 64)
        var output = key.mutableSpan
        #expect(Base64URL.decode(encodedKey.span, into: &output, at: 0) == 64)
        let token =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        let verifier = try verifier(secrets: [key], claim: "iss")
        #expect(verifier.verify(token, at: 1_300_819_379_000) == accepted("joe", expires: 1_300_819_380_000))
        #expect(verifier.verify(token) == .refused(.expired))
    }

    @Test(
        "Superset's token, made by Python: a user's, an anonymous visitor's, and with the other two algorithms",
        arguments: [
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.9qCxz7fCjcdkJQn6jBcngCzlsq4Tr419S8YQzQQatFo",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjpudWxsfQ.3znZQKaU-mC6HFwLtI6ghAqGh4tHEfCBi5z8LlM1un0",
            "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.1PGjGKgyFg5PC6RR0ab1LbHEjFdgF-ynW6LozTKx8EL96Sl7A3lwsphUVpxAlbqz",
            "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiMjRjNGE4ZjYtMGYxZi00ZDVjLTlhNTUtMWY0ZjRhNWQ4ZTIxIiwic3ViIjoiMSJ9.DcmzwewsVw2sOMnp6AxI-1jmurln2SipSt4Zvbr82WbUsbCLXB3h-FHpyExdrcp_jlxwg2M2CgD_qnPAud3anw",
        ])
    func superset(token: String) throws {
        #expect(try verifier(algorithms: [.HS256, .HS384, .HS512]).verify(token) == accepted(uuid))
    }

    @Test("a guest's channel with an expiry, made by Python")
    func guest() throws {
        let token =
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJjaGFubmVsIjoiZ3Vlc3QtMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZiIsInN1YiI6bnVsbCwiZXhwIjoxNzAwMDAzNjAwfQ.p7aOPhv3PwHsNshU9L_GkZTxnT3CgffscPolG5Toe98"
        let channel = "guest-" + String(repeating: "0123456789abcdef", count: 4)
        #expect(try verifier().verify(token) == accepted(channel, expires: 1_700_003_600_000))
    }

    @Test("indented JSON with escapes, a surrogate pair, nbf and half a second in exp, made by Python")
    func escapes() throws {
        let token =
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.ewogICJjaGFubmVsIjogIlpcdTAwZmNyaWNoIFwiXHUwM2MwXCIgXHVkODNkXHVkZTAwIFxcLyIsCiAgImV4cCI6IDE3MDAwMDM2MDAuNSwKICAibmJmIjogMTY5OTk5OTk5OQp9.Y5punrmOF62JaueF_4V2Nj-VYFfE2yEN4iipkr0i4Dk"
        #expect(try verifier().verify(token) == accepted("Zürich \"π\" 😀 \\/", expires: 1_700_003_600_500))
    }

    @Test("each secret is tried: the current one and those before it")
    func previousSecrets() throws {
        let previous = Array("the-secret-that-was-there-before-this-one".utf8)
        let older = Array("the-secret-that-was-there-before-that-one".utf8)
        let keys = try verifier(secrets: [secret, previous, older])
        for signingSecret in [secret, previous, older] {
            #expect(keys.verify(try token(supersetClaims, secret: signingSecret)) == accepted(uuid))
        }
    }

    @Test("a channel's claim of another name, in UTF-8 too, and written with escapes")
    func customClaim() throws {
        #expect(try verifier(claim: "https://x/canal").verify(token(#"{"https://x/canal":"a"}"#)) == accepted("a"))
        #expect(try verifier(claim: "größe").verify(token(#"{"größe":"a"}"#)) == accepted("a"))
        #expect(try verifier(claim: "größe").verify(token(#"{"gr\u00f6\u00dfe":"a"}"#)) == accepted("a"))
        #expect(try verifier(claim: "sub").verify(token(supersetClaims)) == accepted("1"))
        #expect(try verifier(claim: "sub").verify(token(#"{"sub":null}"#)) == .refused(.channelNotString))
    }

    @Test(
        "what else stands in header and payload does not matter",
        arguments: [
            (#"{"alg":"HS256"}"#, #"{"channel":"a"}"#), (#"{"typ":7,"alg":"HS256"}"#, #"{"channel":"a"}"#),
            (#"{"alg":"HS\u003256","kid":"x","jwk":{"k":[1]}}"#, #"{"channel":"a"}"#),
            (supersetHeader, #"{"sub":{"exp":0,"channel":"b"},"channel":"a","aud":["exp",{"nbf":"x"}]}"#),
            (supersetHeader, #"{"iat":99999999999,"iss":"\ud800","channel":"a","x":1,"x":2}"#),
            (" \r\n\t{ \"alg\" : \"HS256\" } \n", "\n{\t\"channel\"\r:\n\"a\" , \"f\" : -0.5E+3, \"t\":true}\n"),
            (supersetHeader, #"{"Exp":"x","EXP":1,"exp ":1,"channel":"a"}"#),
            (supersetHeader, #"{"\ud800":1,"channel":"a","":[[],{},[{}],""]}"#),
        ])
    func otherMembers(header: String, claims: String) throws {
        #expect(try verifier().verify(token(claims, header: header)) == accepted("a"))
    }

    @Test("a token of 8,192 bytes is accepted, one of 8,193 refused unseen")
    func length() throws {
        // Header and signature have 36 and 43 characters; three claim bytes make four characters.
        let overhead = 36 + 43 + 2
        let claims = { (count: Int) in
            #"{"channel":"a","x":""# + String(repeating: "x", count: count - 22) + #""}"#
        }
        let longest = try token(claims((Verifier.maxTokenBytes - overhead) * 3 / 4))
        #expect(longest.utf8.count == Verifier.maxTokenBytes)
        #expect(try verifier().verify(longest) == accepted("a"))
        #expect(try verifier().verify(longest + "A") == .refused(.tooLong))
        #expect(try verifier().verify([UInt8](repeating: 0, count: 1_000_000)) == .refused(.tooLong))
    }

    @Test("one verifier serves many threads at once")
    func concurrent() async throws {
        let verifier = try verifier(algorithms: [.HS256, .HS512])
        let tokens = [
            try token(supersetClaims),
            try token(supersetClaims, header: #"{"alg":"HS512"}"#, algorithm: .HS512),
        ]
        let wrong = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var wrong = 0
                    for round in 0..<2000 where verifier.verify(tokens[round % 2]) != accepted(uuid) { wrong += 1 }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
