import JSONWebToken

/// A token is checked, by HS256. A step is a token. Most of it is libcrypto's.
struct TokenPath: HotPath {
    private let token: [UInt8]
    private let verifier: Verifier

    init() {
        let secret = Array("a-secret-for-measuring-0123456789abc".utf8)
        do {
            token = try Signer(algorithm: .HS256, secret: secret).sign(
                claims: Signer.claims(channel: "24c4f5d0-guest", expiresAtSeconds: 1_800_000_000))
            verifier = Verifier(
                keys: try VerificationKeys(secrets: [secret], algorithms: [.HS256]), channelClaim: "channel")
        } catch {
            fatalError("libcrypto: \(error)")
        }
    }

    mutating func walk() -> Int {
        for _ in 0..<100 {
            let verification = token.withUnsafeBytes { verifier.verify($0, nowMilliseconds: 1_700_000_000_000) }
            guard case .accepted = verification else { fatalError("not accepted") }
        }
        return 100
    }
}
