internal import COpenSSL

/// Why a key could not be set up or a token not be signed: never caused by what a client sends.
public enum CryptographyError: Error, Equatable, CustomStringConvertible {
    /// The secret has no bytes; anybody could sign with it.
    case emptySecret
    /// Tokens of that algorithm are not made with a secret.
    case notForSecrets(Algorithm)
    /// A call of libcrypto failed: what was tried, and libcrypto's own text (often: its configuration file switches
    /// the default provider off).
    case libcrypto(operation: String, detail: String)

    /// A sentence for the operator.
    public var description: String {
        switch self {
        case .emptySecret:
            "The JWT secret is empty; a secret of at least 32 bytes was expected."
        case .notForSecrets(let algorithm):
            "\(algorithm.rawValue) is not an algorithm with a secret; one of HS256, HS384 and HS512 was expected."
        case .libcrypto(let operation, let detail):
            "libcrypto could not \(operation): \(detail)."
        }
    }

    /// The error of the libcrypto call that has just failed on this thread; empties the thread's error queue, which
    /// would otherwise be taken for an error of the next TLS call.
    static func last(operation: String) -> CryptographyError {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return .libcrypto(operation: operation, detail: "no reason given") }
        let detail = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            ERR_error_string_n(code, text.baseAddress, text.count)
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return .libcrypto(operation: operation, detail: detail)
    }
}
