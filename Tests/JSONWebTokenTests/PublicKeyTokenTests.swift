import Testing

@testable import JSONWebToken

/// What a file's keys make of tokens; the file must be good.
func verifier(
    keys: String, secrets: [[UInt8]] = [], algorithms: [Algorithm] = Algorithm.allCases, claim: String = "channel"
) throws -> Verifier {
    let file = PublicKeyFile(Array(keys.utf8), name: "keys")
    #expect(file.problems == [])
    return Verifier(
        keys: try VerificationKeys(secrets: secrets, publicKeys: file.keys.map(\.key), algorithms: algorithms),
        channelClaim: claim)
}

private let allKeys = [Vectors.rsa, Vectors.p256, Vectors.p384, Vectors.ed25519].joined(separator: "\n")

@Suite("Tokens signed with private keys")
struct PublicKeyTokenTests {
    // MARK: Examples of the RFCs

    /// A payload that is no JSON object is looked at only after the signature was found right.
    static let examples: [(what: String, jwk: String, token: String, outcome: Verification)] = [
        (
            "RFC 7515 A.2",
            #"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            accepted("joe", expires: 1_300_819_380_000)
        ),
        (
            "RFC 7515 A.3",
            #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            accepted("joe", expires: 1_300_819_380_000)
        ),
        (
            "RFC 7515 A.4, ES512, which is not supported",
            #"{"keys":[{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
            .refused(.algorithmNotAllowed)
        ),
        (
            "RFC 7515 A.5, no signature",
            #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
            .refused(.algorithmNotAllowed)
        ),
        (
            "RFC 8037 A.4",
            #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            .refused(.payloadNotJSON)
        ),
        (
            "RFC 7520 4.2, PS384",
            #"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#,
            "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
            .refused(.payloadNotJSON)
        ),
    ]

    @Test("the examples of RFC 7515, 7520 and 8037", arguments: examples)
    func example(_ example: (what: String, jwk: String, token: String, outcome: Verification)) throws {
        let verifier = try verifier(keys: example.jwk, claim: "iss")
        #expect(verifier.verify(example.token, at: 1_300_819_379_000) == example.outcome)
        // With the last byte of the signed text changed, no signature is good.
        guard let dot = example.token.lastIndex(of: ".") else { return }
        let changed = example.token[..<dot].dropLast(4) + "AAAA" + example.token[dot...]
        let outcome = verifier.verify(String(changed), at: 1_300_819_379_000)
        #expect(outcome == .refused(.signatureInvalid) || outcome == .refused(.algorithmNotAllowed))
    }

    // MARK: Good and wrong signatures

    @Test("each algorithm, by keys in one PEM file")
    func each() throws {
        let verifier = try verifier(keys: allKeys)
        for (algorithm, token) in Vectors.good {
            #expect(verifier.verify(token) == accepted(uuid), "\(algorithm)")
        }
        #expect(Set(Vectors.good.map(\.algorithm)) == Set(Algorithm.allCases.filter { !$0.usesSecret }))
    }

    @Test("an algorithm that is not listed is refused, whatever keys there are")
    func notListed() throws {
        for (algorithm, token) in Vectors.good {
            let others = Algorithm.allCases.filter { $0 != algorithm }
            #expect(
                try verifier(keys: allKeys, algorithms: others).verify(token) == .refused(.algorithmNotAllowed),
                "\(algorithm)")
        }
    }

    @Test("numbers that begin with zero bytes are read as they are", arguments: Vectors.leadingZeros)
    func leadingZeros(what: String, token: String) throws {
        #expect(try verifier(keys: allKeys).verify(token) == accepted(uuid))
    }

    @Test("padding, salt, digest, curve, form or key of a signature is wrong", arguments: Vectors.wrong)
    func wrong(what: String, token: String) throws {
        #expect(try verifier(keys: allKeys).verify(token) == .refused(.signatureInvalid))
    }

    private struct Parts {
        let input: String
        let signature: [UInt8]

        init(_ token: String) throws {
            let parts = token.split(separator: ".")
            input = "\(parts[0]).\(parts[1])"
            let text = Array(parts[2].utf8)
            var bytes = [UInt8](repeating: 0, count: text.count)
            var output = bytes.mutableSpan
            let count = try #require(Base64URL.decode(text.span, into: &output, at: 0))
            signature = Array(bytes[..<count])
        }

        func with(_ signature: some Collection<UInt8>) -> String { "\(input).\(base64URL(Array(signature)))" }
    }

    /// The orders of P-256 and P-384 (FIPS 186-4 section D.1.2).
    private static let orders: [(Algorithm, [UInt8])] = [
        (
            .ES256,
            [UInt8](repeating: 0xFF, count: 4) + [0, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8)
                + [
                    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
                ]
        ),
        (
            .ES384,
            [UInt8](repeating: 0xFF, count: 24)
                + [
                    0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF, 0x58, 0x1A, 0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A,
                    0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
                ]
        ),
    ]

    @Test("r and s outside of 1 to n − 1, and signatures of other lengths", arguments: orders)
    func ranges(algorithm: Algorithm, order: [UInt8]) throws {
        let verifier = try verifier(keys: allKeys)
        let token = try #require(Vectors.good.first { $0.algorithm == algorithm }).token
        let good = try Parts(token)
        let half = order.count
        #expect(good.signature.count == 2 * half)
        #expect(verifier.verify(good.with(good.signature)) == accepted(uuid))
        let r = Array(good.signature[..<half])
        let s = Array(good.signature[half...])
        let zero = [UInt8](repeating: 0, count: half)
        let one = [UInt8](repeating: 0, count: half - 1) + [1]
        let most = [UInt8](repeating: 0xFF, count: half)
        var less = order
        less[half - 1] -= 1
        let numbers = [zero, one, less, order, most]
        var signatures: [[UInt8]] = numbers.map { $0 + s } + numbers.map { r + $0 }
        for first in numbers { signatures += numbers.map { first + $0 } }
        signatures += [s + r, r, s, r + r, [0] + r + s, r + s + [0], [0] + r + [0] + s, r + [0] + s, [], [0]]
        signatures += (0..<2 * half).map { Array(good.signature[..<$0]) }
        // Each half with its sign byte, as DER has it.
        signatures.append([0x30, UInt8(2 * half + 4), 2, UInt8(half)] + r + [2, UInt8(half)] + s)
        for signature in signatures {
            #expect(verifier.verify(good.with(signature)) == .refused(.signatureInvalid), "\(signature)")
        }
    }

    @Test("signatures of other lengths, of nothing and of all ones, for each algorithm")
    func lengths() throws {
        let verifier = try verifier(keys: allKeys)
        for (algorithm, token) in Vectors.good {
            let good = try Parts(token)
            let count = good.signature.count
            var signatures: [[UInt8]] = [[], [0], good.signature + [0], [0] + good.signature]
            signatures.append(good.signature + good.signature)
            signatures.append(Array(good.signature.dropLast()))
            signatures.append(Array(good.signature.dropFirst()))
            signatures.append([UInt8](repeating: 0, count: count))
            signatures.append([UInt8](repeating: 0xFF, count: count))
            signatures.append(good.signature.reversed())
            for signature in signatures {
                #expect(verifier.verify(good.with(signature)) == .refused(.signatureInvalid), "\(algorithm)")
            }
        }
    }

    @Test("a good token with one bit of any byte changed", arguments: Vectors.good.map(\.token))
    func oneBit(token: String) throws {
        let verifier = try verifier(keys: allKeys)
        let whole = Array(token.utf8)
        for index in whole.indices {
            var changed = whole
            changed[index] ^= 1 << UInt8(index % 6)
            if case .accepted = verifier.verify(changed) { Issue.record("accepted with byte \(index) changed") }
        }
    }

    // MARK: Keys that are taken for others

    @Test("a public key's text is never the secret of an HMAC", arguments: [Algorithm.HS256, .HS384, .HS512])
    func confusion(algorithm: Algorithm) throws {
        let header = #"{"alg":"\#(algorithm.rawValue)","typ":"JWT"}"#
        let jwk = "{\(Vectors.rsaMembers)}"
        let texts = [Vectors.rsa, Vectors.rsa + "\n", Vectors.p256, Vectors.ed25519, jwk, Vectors.rsaModulus]
        let verifiers = try [
            verifier(keys: allKeys), verifier(keys: jwk), verifier(keys: allKeys, secrets: [secret]),
        ]
        for text in texts {
            let forged = try token(supersetClaims, header: header, algorithm: algorithm, secret: Array(text.utf8))
            for verifier in verifiers { #expect(verifier.verify(forged) == .refused(.signatureInvalid)) }
        }
    }

    @Test("a token that brings its own key is checked with ours")
    func embeddedKey() throws {
        let verifier = try verifier(keys: Vectors.otherRSA)
        let header = #"{"alg":"RS256","jwk":{\#(Vectors.rsaMembers)}}"#
        let own = try #require(Vectors.good.first { $0.algorithm == .RS256 }).token
        let parts = own.split(separator: ".")
        #expect(verifier.verify(own) == .refused(.signatureInvalid))
        let forged = "\(base64URL(Array(header.utf8))).\(parts[1]).\(parts[2])"
        #expect(verifier.verify(forged) == .refused(.signatureInvalid))
    }

    @Test("no key of the algorithm's type: refused, with every other key there")
    func otherTypes() throws {
        for (algorithm, token) in Vectors.good {
            let keys: [(key: String, fits: [Algorithm])] = [
                (Vectors.rsa, [.RS256, .RS384, .RS512, .PS256, .PS384, .PS512]), (Vectors.p256, [.ES256]),
                (Vectors.p384, [.ES384]), (Vectors.ed25519, [.EdDSA]),
            ]
            let others = keys.filter { !$0.fits.contains(algorithm) }.map(\.key).joined(separator: "\n")
            #expect(
                try verifier(keys: others, secrets: [secret]).verify(token) == .refused(.signatureInvalid),
                "\(algorithm)")
        }
    }

    // MARK: kid

    private static func set(_ keys: String...) -> String { "{\"keys\":[\(keys.joined(separator: ","))]}" }
    private static func key(_ members: String, id: String?) -> String {
        "{\(members)\(id.map { ",\"kid\":\"\($0)\"" } ?? "")}"
    }

    static let selections: [(what: String, keys: String, token: String, outcome: Verification)] = [
        ("its own key", set(key(Vectors.rsaMembers, id: "a")), Vectors.namedA, accepted(uuid)),
        (
            "written with an escape in the file", set(key(Vectors.rsaMembers, id: "\\u0061")), Vectors.namedA,
            accepted(uuid)
        ),
        ("a key of another name", set(key(Vectors.rsaMembers, id: "b")), Vectors.namedA, .refused(.keyUnknown)),
        ("a name in another case", set(key(Vectors.rsaMembers, id: "A")), Vectors.namedA, .refused(.keyUnknown)),
        ("the empty name", set(key(Vectors.rsaMembers, id: "")), Vectors.namedA, .refused(.keyUnknown)),
        (
            "the name of another key", set(key(Vectors.rsaMembers, id: "b"), key(Vectors.otherRSAMembers, id: "a")),
            Vectors.namedA, .refused(.signatureInvalid)
        ),
        ("a key without a name", set(key(Vectors.rsaMembers, id: nil)), Vectors.namedA, accepted(uuid)),
        (
            "a wrong key without a name", set(key(Vectors.otherRSAMembers, id: nil)), Vectors.namedA,
            .refused(.signatureInvalid)
        ),
        (
            "two keys of one name, the first",
            set(key(Vectors.rsaMembers, id: "a"), key(Vectors.otherRSAMembers, id: "a")),
            Vectors.namedA, accepted(uuid)
        ),
        (
            "two keys of one name, the second",
            set(key(Vectors.rsaMembers, id: "a"), key(Vectors.otherRSAMembers, id: "a")), Vectors.namedAByOther,
            accepted(uuid)
        ),
        (
            "two types of one name", set(key(Vectors.rsaMembers, id: "a"), key(Vectors.p256Members, id: "a")),
            Vectors.namedAByP256, accepted(uuid)
        ),
        (
            "the name of a key of another type",
            set(key(Vectors.rsaMembers, id: "a"), key(Vectors.p256Members, id: "b")),
            Vectors.namedAByP256, .refused(.keyUnknown)
        ),
        (
            "no name in the token", set(key(Vectors.otherRSAMembers, id: "a"), key(Vectors.rsaMembers, id: "b")),
            Vectors.good[0].token, accepted(uuid)
        ),
        (
            "keys of which one is for another algorithm only",
            set(key(Vectors.rsaMembers + #","alg":"RS512""#, id: "a"), key(Vectors.otherRSAMembers, id: "a")),
            Vectors.namedA, .refused(.signatureInvalid)
        ),
        (
            "a key for this algorithm", set(key(Vectors.rsaMembers + #","alg":"RS256""#, id: "a")), Vectors.namedA,
            accepted(uuid)
        ),
    ]

    @Test("a token's kid names its key", arguments: selections)
    func selection(what: String, keys: String, token: String, outcome: Verification) throws {
        #expect(try verifier(keys: keys).verify(token) == outcome)
    }

    @Test("a token without a name is tried with sixteen keys, one with a name with its own wherever that stands")
    func bound() throws {
        let others = [String](repeating: Self.key(Vectors.otherRSAMembers, id: "x"), count: 15)
        let wanted = Self.key(Vectors.rsaMembers, id: "a")
        func verifier(_ keys: [String]) throws -> Verifier {
            try JSONWebTokenTests.verifier(keys: "{\"keys\":[\(keys.joined(separator: ","))]}", algorithms: [.RS256])
        }
        let nameless = Vectors.good[0].token
        #expect(VerificationKeys.maxTriedKeys == 16)
        #expect(try verifier(others + [wanted]).verify(nameless) == accepted(uuid))
        let far = try verifier(others + others + [wanted])
        #expect(far.verify(nameless) == .refused(.signatureInvalid))
        #expect(far.verify(Vectors.namedA) == accepted(uuid))
    }

    @Test("a secret has no name: it is tried whatever the token's kid says")
    func secretWithKid() throws {
        let named = try token(supersetClaims, header: #"{"alg":"HS256","kid":"whatever"}"#)
        #expect(try verifier(keys: allKeys, secrets: [secret]).verify(named) == accepted(uuid))
    }

    @Test(
        "a kid that is no string, or there twice",
        arguments: [
            (#"{"alg":"HS256","kid":7}"#, Refusal.keyIDNotString), (#"{"alg":"HS256","kid":null}"#, .keyIDNotString),
            (#"{"alg":"HS256","kid":["a"]}"#, .keyIDNotString), (#"{"alg":"HS256","kid":{}}"#, .keyIDNotString),
            (#"{"alg":"HS256","kid":true}"#, .keyIDNotString),
            (#"{"alg":"HS256","kid":"a","kid":"a"}"#, .duplicateMember),
            (#"{"kid":"a","alg":"HS256","k\u0069d":"b"}"#, .duplicateMember),
            (#"{"alg":"HS256","b64":false}"#, .criticalExtension), (#"{"alg":"HS256","b64":true}"#, .criticalExtension),
            (#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, .criticalExtension),
            (#"["alg","HS256"]"#, .headerNotJSON), (#""alg""#, .headerNotJSON), ("null", .headerNotJSON),
            ("7", .headerNotJSON),
        ])
    func badHeader(header: String, refusal: Refusal) throws {
        #expect(try verifier().verify(token(supersetClaims, header: header)) == .refused(refusal))
    }

    @Test("one verifier with public keys serves many threads at once")
    func concurrent() async throws {
        let verifier = try verifier(keys: allKeys)
        let wrong = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var wrong = 0
                    for _ in 0..<20 {
                        for (_, token) in Vectors.good where verifier.verify(token) != accepted(uuid) { wrong += 1 }
                    }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
