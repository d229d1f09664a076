/// The keys a token may be signed with, and the algorithms it may use. Immutable; may be shared by all threads.
///
/// A key is bound to its algorithm when it is made, so a key can never be used for a family of algorithms it was not
/// given for (the confusion of an HMAC check with a public key, RFC 8725 section 2.1).
public struct VerificationKeys: Sendable {
    private enum Key: Sendable {
        case hmac(HMACKey)
        case publicKey(PublicKeyCheck)

        var algorithm: Algorithm {
            switch self {
            case .hmac(let key): key.algorithm
            case .publicKey(let check): check.algorithm
            }
        }

        /// What a token calls the key; secrets have no name.
        var id: [UInt8]? {
            switch self {
            case .hmac: nil
            case .publicKey(let check): check.key.id
            }
        }

        func matches(_ signature: Span<UInt8>, message: Span<UInt8>) -> Bool? {
            switch self {
            case .hmac(let key): key.matches(signature, message: message)
            case .publicKey(let check): check.matches(signature, message: message)
            }
        }
    }

    enum SignatureCheck {
        case valid
        case invalid
        /// No key is left to try once those of another name are passed over.
        case unknownKey
        /// libcrypto failed, which says nothing about the token.
        case failed
    }

    /// How many keys one token is tried with at the most: each costs a signature check, and anybody can send a token.
    /// Public keys that come later are not reached by a token that names none of them.
    public static let maxTriedKeys = 16

    /// The algorithms a token may name, as configured.
    public let algorithms: [Algorithm]

    /// In the order in which they are tried: the current secret's first, public keys in the order they were given.
    private let keys: [Key]

    /// Makes the keys for every pair of secret and algorithm, and of public key and algorithm that fit each other.
    /// - Parameters:
    ///   - secrets: the current secret first, then those that are still honoured after a change. An empty one is no
    ///     key and is passed over.
    ///   - publicKeys: those that fit none of the algorithms are passed over.
    ///   - algorithms: what `alg` may name. Without any, every token is refused.
    /// - Throws: if libcrypto cannot do what an algorithm needs at all.
    public init(
        secrets: [[UInt8]], publicKeys: [PublicKey] = [], algorithms: [Algorithm]
    ) throws(CryptographyError) {
        var keys: [Key] = []
        for secret in secrets where !secret.isEmpty {
            for algorithm in algorithms where algorithm.usesSecret {
                keys.append(.hmac(try HMACKey(algorithm: algorithm, secret: secret)))
            }
        }
        for key in publicKeys {
            for algorithm in algorithms where key.fits(algorithm) {
                keys.append(.publicKey(try PublicKeyCheck(key: key, algorithm: algorithm)))
            }
        }
        self.algorithms = algorithms
        self.keys = keys
    }

    /// How many keys fit the algorithm.
    public func count(for algorithm: Algorithm) -> Int { keys.count { $0.algorithm == algorithm } }

    /// - Parameter keyID: the token's `kid`, a string of `header`: keys of other names are passed over, those without a name
    ///   are not (RFC 7515 section 4.1.4 calls it a hint). Nil: all keys of the algorithm may have signed.
    func check(
        _ signature: Span<UInt8>, of message: Span<UInt8>, algorithm: Algorithm, keyID: JSONString?,
        in header: Span<UInt8>
    ) -> SignatureCheck {
        var failed = false
        var tried = 0
        for key in keys where key.algorithm == algorithm {
            if let keyID, let id = key.id, !keyID.equals(id, in: header) { continue }
            guard tried < Self.maxTriedKeys else { break }
            tried += 1
            switch key.matches(signature, message: message) {
            case true?: return .valid
            case false?: break
            case nil: failed = true
            }
        }
        if failed { return .failed }
        return tried == 0 && keyID != nil ? .unknownKey : .invalid
    }
}
