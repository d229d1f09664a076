import COpenSSL
import Foundation
import JSONWebToken

/// Tokens as they come in a cookie, and claims that are signed rightly.
enum TokenFuzzing {
    private static let secret = Array("a-secret-for-fuzzing-0123456789abcdef".utf8)
    private static let now: Int64 = 1_700_000_000_000
    private static let verifier: Verifier? = try? Verifier(
        keys: VerificationKeys(secrets: [secret], algorithms: [.HS256]), channelClaim: "channel")
    private static let signer: Signer? = try? Signer(algorithm: .HS256, secret: secret)

    private static func verify(_ token: [UInt8]) -> Verification? {
        token.withUnsafeBytes { verifier?.verify($0, nowMilliseconds: now) }
    }

    /// Who gets in has a signature that libcrypto makes of the same text with the same secret.
    static func finding(inToken input: [UInt8]) -> String? {
        guard let verification = verify(input) else { return "no verifier could be made" }
        guard case .accepted = verification else { return nil }
        guard let dot = input.lastIndex(of: UInt8(ascii: ".")) else { return "a token without a dot was accepted" }
        let signature = base64URL(authenticationCode(Array(input[..<dot])))
        return Array(input[(dot + 1)...]) == signature ? nil : "accepted with a wrong signature: \(input.shown)"
    }

    /// Claims that pass are JSON for Foundation too, and mean the same to it.
    static func finding(inClaims input: [UInt8]) -> String? {
        guard let signer, let token = try? signer.sign(claims: input) else { return "no signer could be made" }
        guard let verification = verify(token) else { return "no verifier could be made" }
        guard case .accepted(let identity) = verification else { return nil }
        if JSONOracle.mayDiffer(on: input) { return nil }
        guard let claims = JSONOracle.object(input) else {
            return "claims passed that are no JSON object: \(input.shown)"
        }
        guard let channel = claims["channel"] as? String, Array(channel.utf8) == identity.channel else {
            return "the channel is \(identity.channel.shown), Foundation has \(claims["channel"] ?? "none")"
        }
        guard !channel.isEmpty, channel != "full" else { return "the channel \(channel.debugDescription) passed" }
        let leeway = 30.0
        if let expiry = claims["exp"] as? Double, expiry + leeway < Double(now / 1000) {
            return "expired at \(expiry), yet in"
        }
        if let start = claims["nbf"] as? Double, start - leeway > Double(now / 1000) + 1 {
            return "not before \(start), yet in"
        }
        return nil
    }

    private static func authenticationCode(_ text: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        _ = HMAC(EVP_sha256(), secret, Int32(secret.count), text, text.count, &code, &length)
        return code
    }

    private static func base64URL(_ bytes: [UInt8]) -> [UInt8] {
        Array(
            Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
                "=", with: ""
            )
            .utf8)
    }
}
