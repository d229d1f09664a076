internal import COpenSSL

/// A public key made ready for one algorithm.
///
/// Owns a libcrypto context in which all that is looked up by name is looked up; each check works on a copy of it.
///
/// `@unchecked Sendable` is sound: `template` is set in the initialiser and from then on only read (`EVP_MD_CTX_copy_ex`
/// takes it as const and counts references atomically) until `deinit` frees it.
final class PublicKeyCheck: @unchecked Sendable {
    let key: PublicKey
    let algorithm: Algorithm
    private let template: OpaquePointer

    /// - Parameter key: one that fits the algorithm.
    init(key: PublicKey, algorithm: Algorithm) throws(CryptographyError) {
        let operation = "set up \(algorithm.rawValue)"
        guard let context = EVP_MD_CTX_new() else { throw .last(operation: operation) }
        var parameters: OpaquePointer?
        guard
            EVP_DigestVerifyInit_ex(context, &parameters, algorithm.digestName, nil, nil, key.handle.pointer, nil) == 1,
            !algorithm.usesPSS || Self.setPSS(parameters, algorithm)
        else {
            EVP_MD_CTX_free(context)
            throw .last(operation: operation)
        }
        self.key = key
        self.algorithm = algorithm
        template = context
    }

    deinit { EVP_MD_CTX_free(template) }

    /// RFC 7518 section 3.5: MGF1 with the digest of the message, and a salt as long as its output, no other.
    private static func setPSS(_ parameters: OpaquePointer?, _ algorithm: Algorithm) -> Bool {
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters, algorithm.digestName, nil) == 1
    }

    /// Whether `signature` is one of the message by this key; nil if libcrypto failed (no memory).
    func matches(_ signature: Span<UInt8>, message: Span<UInt8>) -> Bool? {
        switch algorithm {
        case .ES256: matchesECDSA(signature, halfBytes: 32, message: message)
        case .ES384: matchesECDSA(signature, halfBytes: 48, message: message)
        case .RS256, .RS384, .RS512, .PS256, .PS384, .PS512, .EdDSA, .HS256, .HS384, .HS512:
            signature.withUnsafeBufferPointer { verify($0, message: message) }
        }
    }

    /// RFC 7518 section 3.4: the two numbers stand side by side, each as long as the curve's order; libcrypto wants them
    /// as a DER sequence.
    private func matchesECDSA(_ signature: Span<UInt8>, halfBytes: Int, message: Span<UInt8>) -> Bool? {
        guard signature.count == 2 * halfBytes else { return false }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * halfBytes + 8) { der in
            var end = 2
            for start in [0, halfBytes] {
                end = Self.appendInteger(signature.extracting(start..<start + halfBytes), to: der, at: end)
            }
            der[0] = 0x30
            // Below 128, so that one byte says it: two numbers of 49 bytes, each with two before it, are the most.
            der[1] = UInt8(end - 2)
            return verify(UnsafeBufferPointer(rebasing: der[..<end]), message: message)
        }
    }

    /// Writes a DER INTEGER: no leading zeros but the one that keeps the number positive. Returns where it ends.
    private static func appendInteger(
        _ number: Span<UInt8>, to der: UnsafeMutableBufferPointer<UInt8>, at start: Int
    ) -> Int {
        var first = 0
        while first < number.count - 1, number[first] == 0 { first += 1 }
        let padding = number[first] >= 0x80 ? 1 : 0
        der[start] = 0x02
        der[start + 1] = UInt8(number.count - first + padding)
        if padding == 1 { der[start + 2] = 0 }
        var end = start + 2 + padding
        for index in first..<number.count {
            der[end] = number[index]
            end += 1
        }
        return end
    }

    private func verify(_ signature: UnsafeBufferPointer<UInt8>, message: Span<UInt8>) -> Bool? {
        // A wrong signature leaves entries in the thread's error queue, which would be taken for errors of the next TLS
        // call.
        defer { ERR_clear_error() }
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_MD_CTX_copy_ex(context, template) == 1 else { return nil }
        // Zero for a signature of something else, below for one that is none at all (r = 0): both are wrong.
        return message.withUnsafeBufferPointer { message in
            EVP_DigestVerify(context, signature.baseAddress, signature.count, message.baseAddress, message.count) == 1
        }
    }
}
