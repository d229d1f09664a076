/// A signature algorithm that this build can check (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// The names are those of the JOSE header's `alg`, compared exactly: `hs256` is no algorithm, and neither is `none` in
/// any spelling.
public enum Algorithm: String, Sendable, CaseIterable {
    /// HMAC with SHA-256 (RFC 7518 section 3.2).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case HS256
    /// HMAC with SHA-384 (RFC 7518 section 3.2).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case HS384
    /// HMAC with SHA-512 (RFC 7518 section 3.2).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case HS512
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case RS256
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 section 3.3).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case RS384
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 section 3.3).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case RS512
    /// RSASSA-PSS with SHA-256, MGF1 and salt of the same (RFC 7518 section 3.5).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case PS256
    /// RSASSA-PSS with SHA-384, MGF1 and salt of the same (RFC 7518 section 3.5).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case PS384
    /// RSASSA-PSS with SHA-512, MGF1 and salt of the same (RFC 7518 section 3.5).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case PS512
    /// ECDSA over P-256 with SHA-256 (RFC 7518 section 3.4).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case ES256
    /// ECDSA over P-384 with SHA-384 (RFC 7518 section 3.4).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case ES384
    /// Ed25519 (RFC 8037 section 3.1; its other curve, Ed448, is not supported).
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case EdDSA

    /// The algorithm of that name, or nil for a name that this build does not know (a configuration error).
    public init?(name: String) {
        self.init(rawValue: name)
    }

    /// Whether it is checked with a shared secret; the others are checked with a public key.
    public var usesSecret: Bool {
        switch self {
        case .HS256, .HS384, .HS512: true
        case .RS256, .RS384, .RS512, .PS256, .PS384, .PS512, .ES256, .ES384, .EdDSA: false
        }
    }

    /// Whether the padding of an RSA signature is that of PSS.
    var usesPSS: Bool {
        switch self {
        case .PS256, .PS384, .PS512: true
        case .HS256, .HS384, .HS512, .RS256, .RS384, .RS512, .ES256, .ES384, .EdDSA: false
        }
    }

    /// The digest's name as libcrypto knows it; nil for EdDSA, which brings its own.
    var digestName: String? {
        switch self {
        case .HS256, .RS256, .PS256, .ES256: "SHA256"
        case .HS384, .RS384, .PS384, .ES384: "SHA384"
        case .HS512, .RS512, .PS512: "SHA512"
        case .EdDSA: nil
        }
    }
}
