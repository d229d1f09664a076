/// A signature algorithm of RFC 7518 section 3.1 that this build can check.
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

    /// The algorithm of that name, or nil for a name that this build does not know (a configuration error).
    public init?(name: String) {
        self.init(rawValue: name)
    }

    /// The digest's name as libcrypto knows it.
    var digestName: String {
        switch self {
        case .HS256: "SHA256"
        case .HS384: "SHA384"
        case .HS512: "SHA512"
        }
    }
}
