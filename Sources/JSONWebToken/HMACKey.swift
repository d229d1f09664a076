internal import COpenSSL
import Locks

/// A shared secret made ready for one HMAC algorithm (RFC 7518 section 3.2).
///
/// Owns two libcrypto contexts in which the key schedule is done. One is used again and again by whichever thread finds it
/// free; who does not works on a copy of the other, so no thread ever waits for another. Measured with OpenSSL 3.0 and
/// 141 bytes: one-shot `HMAC()` 24,100 instructions, a copy for each check 13,500, a context used again 9,900, of which
/// SHA-256 itself is about 8,000.
///
/// `@unchecked Sendable` is sound: `template` is set in the initialiser and from then on only read
/// (`EVP_MAC_CTX_dup` takes it as const and counts references atomically) until `deinit` frees it; `working` is the
/// mutex's own, and what it points to is used under the lock only.
final class HMACKey: @unchecked Sendable {
    /// SHA-512's output, the longest.
    private static let maxCodeBytes = 64

    let algorithm: Algorithm
    private let template: OpaquePointer
    /// The address of a context: a pointer is not `Sendable`, and the mutex wants its value to be.
    private let working: Mutex<UInt>

    init(algorithm: Algorithm, secret: [UInt8]) throws(CryptographyError) {
        guard !secret.isEmpty else { throw .emptySecret }
        guard algorithm.usesSecret, let digestName = algorithm.digestName else { throw .notForSecrets(algorithm) }
        let operation = "set up HMAC with \(digestName)"
        guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { throw .last(operation: operation) }
        defer { EVP_MAC_free(mac) }
        guard let context = EVP_MAC_CTX_new(mac) else { throw .last(operation: operation) }
        // OSSL_PARAM keeps the pointers of both strings, so they must live until EVP_MAC_init has returned.
        var digest = Array(digestName.utf8CString)
        let initialised = digest.withUnsafeMutableBufferPointer { digest in
            "digest".withCString { key in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(key, digest.baseAddress, 0), OSSL_PARAM_construct_end(),
                ]
                return EVP_MAC_init(context, secret, secret.count, parameters) == 1
            }
        }
        guard initialised, let copy = EVP_MAC_CTX_dup(context) else {
            EVP_MAC_CTX_free(context)
            throw .last(operation: operation)
        }
        self.algorithm = algorithm
        self.template = context
        self.working = Mutex(UInt(bitPattern: copy))
    }

    deinit {
        EVP_MAC_CTX_free(template)
        working.withLock { EVP_MAC_CTX_free(OpaquePointer(bitPattern: $0)) }
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
            guard let length = message.withUnsafeBufferPointer({ compute($0, into: code) }) else { return nil }
            return body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: code[..<length])))
        }
        // A stale entry in the thread's error queue would be taken for an error of the next TLS call.
        if result == nil { ERR_clear_error() }
        return result
    }

    /// Puts the message's code into `code` and returns its length; nil if libcrypto failed.
    private func compute(_ message: UnsafeBufferPointer<UInt8>, into code: UnsafeMutableBufferPointer<UInt8>) -> Int? {
        func finish(_ context: OpaquePointer?) -> Int? {
            var length = 0
            guard EVP_MAC_update(context, message.baseAddress, message.count) == 1,
                EVP_MAC_final(context, code.baseAddress, &length, code.count) == 1
            else { return nil }
            return length
        }
        let reused = working.withLockIfAvailable { address -> Int? in
            let context = OpaquePointer(bitPattern: address)
            // Without a key it begins anew with the one it has (EVP_MAC(3)).
            return EVP_MAC_init(context, nil, 0, nil) == 1 ? finish(context) : nil
        }
        if let reused { return reused }
        guard let context = EVP_MAC_CTX_dup(template) else { return nil }
        defer { EVP_MAC_CTX_free(context) }
        return finish(context)
    }
}
