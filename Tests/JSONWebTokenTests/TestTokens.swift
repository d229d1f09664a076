@testable import JSONWebToken

/// 2023-11-14T22:13:20Z, in seconds.
let nowSeconds: Int64 = 1_700_000_000
let secret = Array("test-secret-change-me-test-secret-change-me".utf8)
let uuid = "24c4a8f6-0f1f-4d5c-9a55-1f4f4a5d8e21"
let supersetHeader = #"{"alg":"HS256","typ":"JWT"}"#
let supersetClaims = #"{"channel":"\#(uuid)","sub":"1"}"#

func verifier(
    secrets: [[UInt8]] = [secret], algorithms: [Algorithm] = [.HS256], claim: String = "channel", leeway: Int64 = 30
) throws -> Verifier {
    Verifier(
        keys: try VerificationKeys(secrets: secrets, algorithms: algorithms), channelClaim: claim, leewaySeconds: leeway
    )
}

extension Verifier {
    func verify(_ token: [UInt8], at milliseconds: Int64 = nowSeconds * 1000) -> Verification {
        token.withUnsafeBytes { verify($0, nowMilliseconds: milliseconds) }
    }

    func verify(_ token: String, at milliseconds: Int64 = nowSeconds * 1000) -> Verification {
        verify(Array(token.utf8), at: milliseconds)
    }
}

func base64URL(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    Base64URL.encode(bytes, to: &text)
    return String(decoding: text, as: UTF8.self)
}

/// A token that is rightly signed, whatever it says.
func token(
    _ claims: String, header: String = supersetHeader, algorithm: Algorithm = .HS256, secret: [UInt8] = secret
) throws -> String {
    try token(Array(claims.utf8), header: header, algorithm: algorithm, secret: secret)
}

func token(
    _ claims: [UInt8], header: String = supersetHeader, algorithm: Algorithm = .HS256, secret: [UInt8] = secret
) throws -> String {
    let signer = try Signer(algorithm: algorithm, secret: secret)
    return String(decoding: try signer.sign(header: Array(header.utf8), claims: claims), as: UTF8.self)
}

/// Two encoded parts, signed as they stand.
func signed(_ header: String, _ payload: String) throws -> String {
    let key = try HMACKey(algorithm: .HS256, secret: secret)
    let input = Array("\(header).\(payload)".utf8)
    let code = key.code(of: input.span) ?? []
    return "\(header).\(payload).\(base64URL(code))"
}

func accepted(_ channel: String, expires milliseconds: Int64? = nil) -> Verification {
    .accepted(Identity(channel: Array(channel.utf8), expiresAtMilliseconds: milliseconds))
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
