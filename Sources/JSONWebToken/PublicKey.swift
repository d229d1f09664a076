internal import COpenSSL

/// A public key that tokens may be signed with: sound, of a type that has an algorithm here, and strong enough.
///
/// Immutable; may be shared by all threads.
public struct PublicKey: Sendable {
    /// What it is, and so which algorithms it fits.
    public enum Kind: Sendable, Hashable {
        case rsa(bits: Int)
        case p256
        case p384
        case ed25519
    }

    /// RFC 7518 sections 3.3 and 3.5 forbid shorter ones.
    public static let minimumRSABits = 2048
    /// Longer ones are refused by libcrypto's own check of a signature.
    static let maximumRSABits = 16_384

    /// What it is.
    public let kind: Kind
    /// What a token's `kid` calls it, in UTF-8; nil for a key without a name.
    public let id: [UInt8]?
    /// The one algorithm it may be used for, if it says so (RFC 7517 section 4.4).
    public let algorithm: Algorithm?
    let handle: PublicKeyHandle

    /// - Throws: why it is no key for tokens.
    init(_ handle: PublicKeyHandle, id: [UInt8]? = nil, algorithm: Algorithm? = nil) throws(KeyFault) {
        self.handle = handle
        self.id = id
        self.algorithm = algorithm
        kind = try handle.soundKind()
        if let algorithm, !kind.fits(algorithm) {
            throw KeyFault(
                "is \(kind) and says that it is for \(algorithm.rawValue)", expected: "one of \(kind.algorithmNames)")
        }
    }

    /// Whether it may be used for the algorithm: by its type and curve, and by what it says itself.
    public func fits(_ algorithm: Algorithm) -> Bool {
        kind.fits(algorithm) && (self.algorithm ?? algorithm) == algorithm
    }
}

extension PublicKey.Kind: CustomStringConvertible {
    /// `an RSA key of 2048 bits`.
    public var description: String {
        switch self {
        case .rsa(let bits): "an RSA key of \(bits) bits"
        case .p256: "an EC key on P-256"
        case .p384: "an EC key on P-384"
        case .ed25519: "an Ed25519 key"
        }
    }

    func fits(_ algorithm: Algorithm) -> Bool {
        switch algorithm {
        case .HS256, .HS384, .HS512: false
        case .RS256, .RS384, .RS512, .PS256, .PS384, .PS512:
            if case .rsa = self { true } else { false }
        case .ES256: self == .p256
        case .ES384: self == .p384
        case .EdDSA: self == .ed25519
        }
    }

    var algorithmNames: String {
        Algorithm.allCases.filter(fits).map(\.rawValue).joined(separator: ", ")
    }
}

/// Why an entry of a key file is no key: `found` is a verb phrase, `expected` a noun phrase. Holds nothing of the key.
struct KeyFault: Error, Equatable {
    let found: String
    let expected: String

    init(_ found: String, expected: String) {
        self.found = found
        self.expected = expected
    }
}

/// The owner of libcrypto's key object.
///
/// `@unchecked Sendable` is sound: libcrypto locks what it caches in a key and counts references atomically, and nothing
/// here changes the key after it was made.
final class PublicKeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// Its kind, if it is one there is an algorithm for, and the numbers in it can be a key at all.
    func soundKind() throws(KeyFault) -> PublicKey.Kind {
        defer { ERR_clear_error() }
        let kind: PublicKey.Kind
        if EVP_PKEY_is_a(pointer, "RSA") == 1 {
            kind = .rsa(bits: Int(EVP_PKEY_get_bits(pointer)))
        } else if EVP_PKEY_is_a(pointer, "EC") == 1 {
            kind = try curve()
        } else if EVP_PKEY_is_a(pointer, "ED25519") == 1 {
            kind = .ed25519
        } else {
            let type = EVP_PKEY_get0_type_name(pointer).map { String(cString: $0) } ?? "unknown"
            throw KeyFault("is a key of the type \(type)", expected: "an RSA, EC or Ed25519 key")
        }
        if case .rsa(let bits) = kind {
            guard bits >= PublicKey.minimumRSABits, bits <= PublicKey.maximumRSABits else {
                throw KeyFault(
                    "is \(kind)", expected: "one of \(PublicKey.minimumRSABits) to \(PublicKey.maximumRSABits) bits")
            }
            try checkExponent()
        }
        guard isSound() else { throw KeyFault("is broken: its numbers are no public key", expected: "a sound key") }
        return kind
    }

    private func curve() throws(KeyFault) -> PublicKey.Kind {
        let name = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 80) { text -> String? in
            var length = 0
            guard EVP_PKEY_get_group_name(pointer, text.baseAddress, text.count, &length) == 1 else { return nil }
            return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        switch name {
        case "prime256v1": return .p256
        case "secp384r1": return .p384
        default:
            throw KeyFault("is an EC key on \(name ?? "a curve without a name")", expected: "one on P-256 or P-384")
        }
    }

    /// An exponent of 1 signs everything; a long one makes each check slow, and libcrypto refuses it then.
    private func checkExponent() throws(KeyFault) {
        var exponent: OpaquePointer?
        defer { BN_free(exponent) }
        guard EVP_PKEY_get_bn_param(pointer, "e", &exponent) == 1, BN_is_odd(exponent) == 1,
            (2...64).contains(BN_num_bits(exponent))
        else {
            throw KeyFault(
                "has a public exponent that is even, 1 or longer than 64 bits", expected: "one such as 65537")
        }
    }

    /// Points lie on their curve, moduli are composite and without small factors (SP 800-56B section 6.4.2.2).
    private func isSound() -> Bool {
        guard let context = EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil) else { return false }
        defer { EVP_PKEY_CTX_free(context) }
        return EVP_PKEY_public_check(context) == 1
    }
}
