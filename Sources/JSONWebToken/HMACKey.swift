internal import COpenSSL

/// A shared secret made ready for one HMAC algorithm (RFC 7518 section 3.2).
///
/// Owns a libcrypto context in which the key schedule is done; each check works on a copy of it. Measured with OpenSSL
/// 3.0 and 140 bytes: one-shot `HMAC()` 1.24 µs and 13 allocations, the copy 0.46 µs and 11, a context re-used by a
/// single thread 0.24 µs and 2. The copy is taken because it lets all event loops share one key without a lock.
///
/// `@unchecked Sendable` is sound: `template` is set in the initialiser and from then on only read
/// (`EVP_MAC_CTX_dup` takes it as const and counts references atomically) until `deinit` frees it.
final class HMACKey: @unchecked Sendable {
    /// SHA-512's output, the longest.
    private static let maxCodeBytes = 64

    let algorithm: Algorithm
    private let template: OpaquePointer

    init(algorithm: Algorithm, secret: [UInt8]) throws(CryptographyError) {
        guard !secret.isEmpty else { throw .emptySecret }
        let operation = "set up HMAC with \(algorithm.digestName)"
        guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { throw .last(operation: operation) }
        defer { EVP_MAC_free(mac) }
        guard let context = EVP_MAC_CTX_new(mac) else { throw .last(operation: operation) }
        // OSSL_PARAM keeps the pointers of both strings, so they must live until EVP_MAC_init has returned.
        var digest = Array(algorithm.digestName.utf8CString)
        let initialised = digest.withUnsafeMutableBufferPointer { digest in
            "digest".withCString { key in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(key, digest.baseAddress, 0), OSSL_PARAM_construct_end(),
                ]
                return EVP_MAC_init(context, secret, secret.count, parameters) == 1
            }
        }
        guard initialised else {
            EVP_MAC_CTX_free(context)
            throw .last(operation: operation)
        }
        self.algorithm = algorithm
        self.template = context
    }

    deinit {
        EVP_MAC_CTX_free(template)
    }

    /// Whether `signature` is the message's code, compared in constant time; nil if libcrypto failed (no memory).
    func matches(_ signature: Span<UInt8>, message: Span<UInt8>) -> Bool? {
        withCode(of: message) { code in
            signature.withUnsafeBytes { signature in
                signature.count == code.count && CRYPTO_memcmp(signature.baseAddress, code.baseAddress, code.count) == 0
            }
        }
    }

    /// The message's code; nil if libcrypto failed (no memory).
    func code(of message: Span<UInt8>) -> [UInt8]? {
        withCode(of: message) { Array($0) }
    }

    private func withCode<Result>(of message: Span<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        let result: Result? = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.maxCodeBytes) { code in
            guard let context = EVP_MAC_CTX_dup(template) else { return nil }
            defer { EVP_MAC_CTX_free(context) }
            var length = 0
            let updated = message.withUnsafeBufferPointer { EVP_MAC_update(context, $0.baseAddress, $0.count) == 1 }
            guard updated, EVP_MAC_final(context, code.baseAddress, &length, code.count) == 1 else { return nil }
            return body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: code[..<length])))
        }
        // A stale entry in the thread's error queue would be taken for an error of the next TLS call.
        if result == nil { ERR_clear_error() }
        return result
    }
}
