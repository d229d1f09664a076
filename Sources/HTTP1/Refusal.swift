/// Every way in which a head can be wrong. After one the connection cannot be read any further: where the next
/// message would begin is not known, so the answer carries `Connection: close`.
public enum Refusal: String, Equatable, Sendable, Error, CaseIterable {
    /// The first byte is that of a TLS handshake record: the client was given `https` or `wss`.
    case tlsHandshake
    /// More than ``RequestHeadParser/maxEmptyLines`` empty lines before the request line (RFC 9112 section 2.2).
    case tooManyEmptyLines
    /// The method is empty or not a token (RFC 9110 section 9.1). Bytes that are not HTTP mostly end here.
    case invalidMethod
    /// The method is longer than any known one (RFC 9112 section 3).
    case methodTooLong
    /// The target has a character that no URI has, or is in none of the four forms that fit its method (RFC 9112
    /// section 3.2).
    case invalidTarget
    /// The target is over `Limits.maxTargetBytes`.
    case targetTooLong
    /// The request line does not end in a space, `HTTP/`, digit, dot, digit and CRLF (RFC 9112 section 2.3).
    case invalidVersion
    /// The major version is not 1.
    case unsupportedVersion
    /// A line ends in LF without CR (RFC 9112 section 2.2 allows to take it, which has let requests be smuggled past
    /// proxies).
    case bareLineFeed
    /// A CR that no LF follows (RFC 9112 section 2.2).
    case bareCarriageReturn
    /// NUL or another control character in a field value (RFC 9110 section 5.5).
    case controlCharacter
    /// A line that begins with white space: an obsolete folded field, or white space before the first field (RFC 9112
    /// sections 5.2 and 2.2).
    case foldedField
    /// White space between a field's name and its colon (RFC 9112 section 5.1).
    case spaceBeforeColon
    /// A field name that is empty or not a token (RFC 9110 section 5.1).
    case invalidFieldName
    /// A field line without a colon.
    case missingColon
    /// The head is over `Limits.maxHeadBytes`.
    case headTooLong
    /// More field lines than `Limits.maxFields`.
    case tooManyFields
    /// HTTP/1.1 without a `Host` field (RFC 9112 section 3.2).
    case missingHost
    /// More than one `Host` field (RFC 9112 section 3.2).
    case duplicateHost
    /// The `Host` field is not a host with an optional port (RFC 9112 section 3.2). An empty one is refused too: the
    /// URI of an HTTP request has a host (RFC 9110 section 4.2.1).
    case invalidHost
    /// Both `Content-Length` and `Transfer-Encoding`: two opinions on where the message ends (RFC 9112 section 6.1).
    case lengthAndTransferEncoding
    /// `Content-Length` is not a number, or one beyond 63 bits (RFC 9110 section 8.6).
    case invalidContentLength
    /// Two `Content-Length` values that differ (RFC 9112 section 6.3).
    case conflictingContentLength
    /// `Transfer-Encoding` in HTTP/1.0, or without `chunked` as its last and only framing (RFC 9112 section 6.1).
    case invalidTransferEncoding
    /// A transfer coding besides `chunked` (RFC 9112 section 6.1).
    case unsupportedTransferCoding

    /// The status to answer with.
    public var status: Status {
        switch self {
        case .tlsHandshake, .tooManyEmptyLines, .invalidMethod, .invalidTarget, .invalidVersion, .bareLineFeed,
            .bareCarriageReturn, .controlCharacter, .foldedField, .spaceBeforeColon, .invalidFieldName, .missingColon,
            .missingHost, .duplicateHost, .invalidHost, .lengthAndTransferEncoding, .invalidContentLength,
            .conflictingContentLength, .invalidTransferEncoding:
            .badRequest
        case .targetTooLong: .uriTooLong
        case .headTooLong, .tooManyFields: .requestHeaderFieldsTooLarge
        case .methodTooLong, .unsupportedTransferCoding: .notImplemented
        case .unsupportedVersion: .httpVersionNotSupported
        }
    }

    /// One sentence for the body of the answer and for the log. Holds none of the peer's bytes.
    public var reason: String {
        switch self {
        case .tlsHandshake: "A TLS handshake came to a plain HTTP port; use http:// or ws://."
        case .tooManyEmptyLines: "Too many empty lines stand before the request line."
        case .invalidMethod: "The request line does not begin with an HTTP method."
        case .methodTooLong: "The method is longer than any known one."
        case .invalidTarget: "The request target is not valid for this method."
        case .targetTooLong: "The request target is too long."
        case .invalidVersion: "The request line does not end in an HTTP version."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .bareLineFeed: "A line ends in LF without CR."
        case .bareCarriageReturn: "A CR stands without LF."
        case .controlCharacter: "A header value holds a control character."
        case .foldedField: "A header line begins with white space (folded headers are not accepted)."
        case .spaceBeforeColon: "White space stands between a header's name and its colon."
        case .invalidFieldName: "A header's name is empty or holds a character that is not allowed."
        case .missingColon: "A header line has no colon."
        case .headTooLong: "The request's head is too long."
        case .tooManyFields: "The request has too many headers."
        case .missingHost: "The Host header is missing."
        case .duplicateHost: "There is more than one Host header."
        case .invalidHost: "The Host header is not a host name or address with an optional port."
        case .lengthAndTransferEncoding: "Content-Length and Transfer-Encoding are both given."
        case .invalidContentLength: "Content-Length is not a number."
        case .conflictingContentLength: "Content-Length is given twice with different values."
        case .invalidTransferEncoding: "Transfer-Encoding does not end in chunked, or the request is HTTP/1.0."
        case .unsupportedTransferCoding: "Only the transfer coding chunked is known here."
        }
    }
}
