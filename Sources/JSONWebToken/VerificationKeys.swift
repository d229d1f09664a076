/// The keys a token may be signed with, and the algorithms it may use. Immutable; may be shared by all threads.
///
/// A key is bound to its algorithm when it is made, so a key can never be used for a family of algorithms it was not
/// given for (the confusion of an HMAC check with a public key, RFC 8725 section 2.1).
public struct VerificationKeys: Sendable {
    enum Key: Sendable {
        case hmac(HMACKey)

        var algorithm: Algorithm {
            switch self {
            case .hmac(let key): key.algorithm
            }
        }
    }

    enum SignatureCheck {
        case valid
        case invalid
        /// libcrypto failed, which says nothing about the token.
        case failed
    }

    /// The algorithms a token may name, as configured.
    public let algorithms: [Algorithm]

    /// In the order in which they are tried: the current secret's first.
    private let keys: [Key]

    /// Makes the keys for every pair of secret and algorithm.
    /// - Parameters:
    ///   - secrets: the current secret first, then those that are still honoured after a change. An empty one is no
    ///     key and is passed over.
    ///   - algorithms: what `alg` may name. Without any, every token is refused.
    /// - Throws: if libcrypto cannot do HMAC at all.
    public init(secrets: [[UInt8]], algorithms: [Algorithm]) throws(CryptographyError) {
        var keys: [Key] = []
        for secret in secrets where !secret.isEmpty {
            for algorithm in algorithms {
                keys.append(.hmac(try HMACKey(algorithm: algorithm, secret: secret)))
            }
        }
        self.algorithms = algorithms
        self.keys = keys
    }

    func check(_ signature: Span<UInt8>, of message: Span<UInt8>, algorithm: Algorithm) -> SignatureCheck {
        var failed = false
        for key in keys where key.algorithm == algorithm {
            switch key {
            case .hmac(let key):
                switch key.matches(signature, message: message) {
                case true?: return .valid
                case false?: break
                case nil: failed = true
                }
            }
        }
        return failed ? .failed : .invalid
    }
}
