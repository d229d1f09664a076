import Testing

@testable import JSONWebToken

@Suite("Files of public keys")
struct KeyFileTests {
    private func read(_ text: String) -> PublicKeyFile { PublicKeyFile(Array(text.utf8), name: "keys.pem") }

    private static func jwk(_ members: String, _ more: String = "") -> String {
        "{\(members)\(more.isEmpty ? "" : "," + more)}"
    }
    private static func set(_ keys: String...) -> String { "{\"keys\":[\(keys.joined(separator: ","))]}" }

    static let goodFiles: [(what: String, text: String, kinds: [PublicKey.Kind])] = [
        ("an RSA key", Vectors.rsa, [.rsa(bits: 2048)]),
        ("an RSA key in the form of PKCS #1", Vectors.rsaPKCS1, [.rsa(bits: 2048)]),
        (
            "certificates, an expired one too", Vectors.rsaCertificate + "\n" + Vectors.p256Certificate,
            [.rsa(bits: 2048), .p256]
        ),
        (
            "a key on each curve", [Vectors.p256, Vectors.p384, Vectors.ed25519].joined(separator: "\n"),
            [.p256, .p384, .ed25519]
        ),
        ("text around the blocks", "# ours\n\n\(Vectors.p256)\n theirs:\n\(Vectors.ed25519)\nend", [.p256, .ed25519]),
        ("lines that end as on Windows", Vectors.p256.replacing("\n", with: "\r\n"), [.p256]),
        ("a byte-order mark", "\u{FEFF}" + Vectors.p256, [.p256]),
        ("a JWK", jwk(Vectors.p256Members), [.p256]),
        ("a JWK behind a byte-order mark and white space", "\u{FEFF}\n \(jwk(Vectors.ed25519Members)) \n", [.ed25519]),
        ("a JWK with members of its own", jwk(Vectors.p384Members, #""keys":7,"x5c":["a"],"ext":true"#), [.p384]),
        (
            "a set, with members of its own",
            #"{"a":{"keys":[]},"keys":[{"# + Vectors.rsaMembers + #"},{"use":"sig","key_ops":["sign","verify"],"#
                + Vectors.p256Members + "}]}", [.rsa(bits: 2048), .p256]
        ),
    ]

    @Test("forms that are read", arguments: goodFiles)
    func good(what: String, text: String, kinds: [PublicKey.Kind]) {
        let file = read(text)
        #expect(file.problems == [])
        #expect(file.notes == [])
        #expect(file.keys.map(\.key.kind) == kinds)
    }

    @Test("keys of a set that are for something else are passed over with a word")
    func skipped() {
        let file = read(
            Self.set(
                Self.jwk(Vectors.rsaMembers, #""use":"enc""#), Self.jwk(Vectors.rsaMembers, #""key_ops":["encrypt"]"#),
                Self.jwk(Vectors.rsaMembers, #""alg":"RSA-OAEP""#), Self.jwk(Vectors.p521Members),
                Self.jwk(Vectors.secp256k1Members), #"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
                #"{"kty":"OKP","crv":"Ed448","x":"AA"}"#, #"{"kty":"XYZ"}"#, #"{"kty":"EC"}"#,
                Self.jwk(Vectors.rsaMembers, #""alg":"HS256""#), Self.jwk(Vectors.p256Members, #""kid":"a""#)))
        #expect(file.problems == [])
        #expect(file.keys.map(\.place) == ["keys.pem, entry 11"])
        #expect(file.keys.map(\.key.id) == [Array("a".utf8)])
        #expect(file.notes.count == 10)
        #expect(file.notes.first == "keys.pem, entry 1 is not for signatures (\"use\" is \"enc\") and is not used.")
        #expect(file.notes.allSatisfy { $0.hasSuffix(" and is not used.") })
    }

    static let badFiles: [(what: String, text: String, problems: [String])] = [
        (
            "nothing", "",
            ["keys.pem holds no key; PEM blocks (PUBLIC KEY or CERTIFICATE), a JWK or a JWK Set were expected."]
        ),
        ("text", "hello", ["keys.pem holds no key;"]),
        ("a private key", Vectors.p256Private, ["keys.pem, entry 1 is a private key, which the gateway must not have"]),
        ("a private key of SEC 1", Vectors.p256SEC1, ["keys.pem, entry 1 is a private key"]),
        (
            "1024 bits", Vectors.rsa1024,
            ["keys.pem, entry 1 is an RSA key of 1024 bits; one of 2048 to 16384 bits was expected."]
        ),
        ("P-521", Vectors.p521, ["keys.pem, entry 1 is an EC key on secp521r1; one on P-256 or P-384 was expected."]),
        ("secp256k1", Vectors.secp256k1, ["keys.pem, entry 1 is an EC key on secp256k1;"]),
        (
            "Ed448", Vectors.ed448,
            ["keys.pem, entry 1 is a key of the type ED448; an RSA, EC or Ed25519 key was expected."]
        ),
        ("DSA", Vectors.dsa, ["keys.pem, entry 1 is a key of the type DSA;"]),
        ("RSA for PSS only", Vectors.rsaPSS, ["keys.pem, entry 1 is a key of the type RSA-PSS;"]),
        (
            "all that is wrong at once, each by its number",
            [Vectors.rsa, Vectors.rsa1024, Vectors.p256, Vectors.p521].joined(separator: "\n"),
            ["keys.pem, entry 2 is an RSA key of 1024 bits;", "keys.pem, entry 4 is an EC key on secp521r1;"]
        ),
        ("a block without its end", String(Vectors.p256.prefix(60)), ["keys.pem, entry 1 cannot be read"]),
        (
            "a block without its end before another", String(Vectors.p256.prefix(60)) + "\n" + Vectors.ed25519,
            ["keys.pem, entry 1 cannot be read"]
        ),
        ("base64 that is broken", Vectors.p256.replacing("M", with: "!"), ["keys.pem, entry 1 cannot be read"]),
        (
            "a block of something else", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            ["keys.pem, entry 1 has no key in it that can be read"]
        ),
        (
            "another kind of block", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
            ["keys.pem, entry 1 is a block of the kind \"X509 CRL\""]
        ),
        ("JSON that is broken", "{\"kty\":", ["keys.pem is not a JSON object; a JWK or a JWK Set was expected."]),
        ("an array", "[]", ["keys.pem is not a JSON object;"]),
        ("an object of something else", "{}", ["keys.pem has neither \"kty\" nor \"keys\";"]),
        ("keys that are no array", #"{"keys":{}}"#, ["keys.pem has \"keys\" that are no array;"]),
        ("keys twice", #"{"keys":[],"keys":[]}"#, ["keys.pem has the member \"keys\" twice;"]),
        ("a set without keys", #"{"keys":[]}"#, ["keys.pem holds no key that tokens can be signed with;"]),
        (
            "a set with keys for other things only", set(jwk(Vectors.p521Members)),
            ["keys.pem holds no key that tokens can be signed with;"]
        ),
        ("a key that is no object", #"{"keys":["a"]}"#, ["keys.pem, entry 1 is not an object;"]),
        ("no type", #"{"keys":[{"n":"AQAB"}]}"#, ["keys.pem, entry 1 has no \"kty\";"]),
        ("no modulus", #"{"kty":"RSA","e":"AQAB"}"#, ["keys.pem has no \"n\";"]),
        (
            "a member twice", jwk(Vectors.p256Members, #""kid":"a","kid":"b""#),
            ["keys.pem has the member \"kid\" twice;"]
        ),
        (
            "a name that is no string", jwk(Vectors.p256Members, #""kid":7"#),
            ["keys.pem has a \"kid\" that is no string;"]
        ),
        (
            "operations that are no strings", jwk(Vectors.p256Members, #""key_ops":[7]"#),
            ["keys.pem has \"key_ops\" that"]
        ),
        (
            "a private member", jwk(Vectors.p256Members, #""d":"AQAB""#),
            ["keys.pem has the private member \"d\", which the gateway must not have;"]
        ),
        ("a shared secret", #"{"kty":"oct","k":"AQAB"}"#, ["keys.pem has the private member \"k\""]),
        ("a short RSA key", jwk(Vectors.rsa1024Members), ["keys.pem is an RSA key of 1024 bits;"]),
        (
            "an exponent of 1", #"{"kty":"RSA","n":"\#(Vectors.rsaModulus)","e":"AQ"}"#,
            ["keys.pem has a public exponent that is even, 1 or longer than 64 bits;"]
        ),
        (
            "an even exponent", #"{"kty":"RSA","n":"\#(Vectors.rsaModulus)","e":"AQAA"}"#,
            ["keys.pem has a public exponent that is even"]
        ),
        (
            "an exponent of 65 bits", #"{"kty":"RSA","n":"\#(Vectors.rsaModulus)","e":"AQAAAAAAAAAB"}"#,
            ["keys.pem has a public exponent that is even"]
        ),
        (
            "a modulus that is a prime number", #"{"kty":"RSA","n":"\#(Vectors.primeModulus)","e":"AQAB"}"#,
            ["keys.pem is broken: its numbers are no public key;"]
        ),
        (
            "a modulus with padding", #"{"kty":"RSA","n":"\#(Vectors.rsaModulus)==","e":"AQAB"}"#,
            ["keys.pem has a \"n\" that cannot be read; a number in base64url without padding was expected."]
        ),
        (
            "a point that is not on the curve",
            Vectors.p256Members.replacing("\"x\":", with: "\"z\":").replacing("\"y\":", with: "\"x\":").replacing(
                "\"z\":", with: "\"y\":"
            ).jwk, ["keys.pem is broken: its numbers are no public key;"]
        ),
        (
            "the numbers of another curve", jwk(Vectors.p384Members.replacing("P-384", with: "P-256")),
            ["keys.pem has a \"x\" that cannot be read; 32 bytes in base64url without padding was expected."]
        ),
        (
            "a point cut short", #"{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}"#,
            ["keys.pem has a \"x\" that cannot be read;"]
        ),
        ("an Ed25519 key cut short", #"{"kty":"OKP","crv":"Ed25519","x":"AQAB"}"#, ["keys.pem has a \"x\" that"]),
        (
            "an algorithm of another type", jwk(Vectors.rsaMembers, #""alg":"ES256""#),
            [
                "keys.pem is an RSA key of 2048 bits and says that it is for ES256; one of RS256, RS384, RS512, PS256, PS384, PS512 was expected."
            ]
        ),
        (
            "an algorithm of another curve", jwk(Vectors.p256Members, #""alg":"ES384""#),
            ["keys.pem is an EC key on P-256 and says that it is for ES384;"]
        ),
        (
            "two that are wrong in a set",
            set(jwk(Vectors.rsa1024Members), jwk(Vectors.p256Members), #"{"kty":"RSA"}"#),
            ["keys.pem, entry 1 is an RSA key of 1024 bits;", "keys.pem, entry 3 has no \"n\";"]
        ),
    ]

    @Test("what is wrong is named, with the entry and what was expected, all at once", arguments: badFiles)
    func bad(what: String, text: String, problems: [String]) {
        let file = read(text)
        #expect(file.problems.count == problems.count, "\(file.problems)")
        for (problem, expected) in zip(file.problems, problems) {
            #expect(problem.hasPrefix(expected), "\(problem)")
            #expect(problem.hasSuffix(" expected."), "\(problem)")
        }
        // Nothing of a key may come into a log by way of an error.
        for word in text.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) where word.count > 20 {
            #expect(!file.problems.joined().contains(word))
        }
    }

    @Test("bytes that are not UTF-8, and every beginning of a good file")
    func broken() {
        #expect(
            PublicKeyFile(Array("{\"kty\":\"".utf8) + [0xFF] + Array("\"}".utf8), name: "f").problems
                == ["f is not UTF-8; a JWK or a JWK Set was expected."])
        for text in [Self.set(Self.jwk(Vectors.p256Members)), Vectors.ed25519] {
            let bytes = Array(text.utf8)
            for count in 0..<bytes.count - 1 {
                let file = PublicKeyFile(Array(bytes[..<count]), name: "f")
                #expect(!file.problems.isEmpty && file.keys.isEmpty, "\(count) bytes")
            }
        }
    }
}

extension String {
    fileprivate var jwk: String { "{\(self)}" }
}
