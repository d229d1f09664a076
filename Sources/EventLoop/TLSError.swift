import COpenSSL

/// A TLS context that could not be made.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A sentence that names what failed and why.
    public let description: String
}

/// The newest reason in this thread's OpenSSL error queue, as words (`tlsv1 alert unknown ca`), and the queue emptied;
/// `nil` if the queue was empty.
func takeOpenSSLReason() -> String? {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0 else { return nil }
    if let text = ERR_reason_error_string(code) { return String(cString: text) }
    return "OpenSSL error \(code)"
}
