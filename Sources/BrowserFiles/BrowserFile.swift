import COpenSSL

/// A file as browsers are given it. Immutable; made when it is first asked for.
public struct BrowserFile: Sendable {
    /// Its bytes, in UTF-8.
    public let bytes: [UInt8]
    /// Its media type.
    public let contentType: String
    /// Changes with the bytes: a strong entity tag with its quotes (RFC 9110 section 8.8.3).
    public let entityTag: String
    /// Its content security policy; nil for what is no document.
    public let securityPolicy: String?

    init(_ bytes: [UInt8], contentType: String, securityPolicy: String? = nil) {
        self.bytes = bytes
        self.contentType = contentType
        self.securityPolicy = securityPolicy
        entityTag = "\"\(Self.sha256(bytes))\""
    }

    /// The SHA-256 of bytes in base64, as content security policies name it.
    static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = bytes.withUnsafeBufferPointer { SHA256($0.baseAddress, $0.count, &digest) }
        // Four characters for three bytes, and a zero behind them.
        var text = [UInt8](repeating: 0, count: (digest.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&text, digest, Int32(digest.count))
        return String(decoding: text[..<Int(count)], as: UTF8.self)
    }
}
