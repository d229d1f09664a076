/// Every way in which an opening handshake can be wrong (RFC 6455 section 4.2.1).
public enum HandshakeRefusal: String, Equatable, Sendable, Error, CaseIterable {
    /// Not a GET request.
    case methodNotGet
    /// HTTP/1.0.
    case httpTooOld
    /// No `websocket` in `Upgrade`.
    case upgradeMissing
    /// No `upgrade` in `Connection`.
    case connectionMissing
    /// No `Sec-WebSocket-Version`.
    case versionMissing
    /// `Sec-WebSocket-Version` more than once.
    case versionRepeated
    /// A version other than 13.
    case versionUnknown
    /// No `Sec-WebSocket-Key`.
    case keyMissing
    /// `Sec-WebSocket-Key` more than once.
    case keyRepeated
    /// A key that is not base64 of 16 bytes.
    case keyInvalid
    /// `Sec-WebSocket-Extensions` does not keep its grammar (section 9.1).
    case extensionsMalformed
    /// This side has no SHA-1 to answer with; not the client's fault.
    case digestUnavailable

    /// The HTTP status to answer with: 400, 405, 426 or 500.
    public var statusCode: Int {
        switch self {
        case .methodNotGet: 405
        case .versionUnknown: 426
        case .httpTooOld, .upgradeMissing, .connectionMissing, .versionMissing, .versionRepeated, .keyMissing,
            .keyRepeated, .keyInvalid, .extensionsMalformed:
            400
        case .digestUnavailable: 500
        }
    }

    /// The header field that must go with the status: what is supported instead (RFC 6455 section 4.4, RFC 9110
    /// section 15.5.6).
    public var headerField: (name: StaticString, value: StaticString)? {
        switch self {
        case .methodNotGet: ("Allow", "GET")
        case .versionUnknown: ("Sec-WebSocket-Version", Handshake.version)
        case .httpTooOld, .upgradeMissing, .connectionMissing, .versionMissing, .versionRepeated, .keyMissing,
            .keyRepeated, .keyInvalid, .extensionsMalformed, .digestUnavailable:
            nil
        }
    }

    /// One sentence for the body of the answer and for the log. Holds none of the peer's bytes.
    public var reason: String {
        switch self {
        case .methodNotGet: "A WebSocket is opened with GET."
        case .httpTooOld: "A WebSocket is opened with HTTP/1.1."
        case .upgradeMissing: "The Upgrade header does not name websocket."
        case .connectionMissing: "The Connection header does not name Upgrade."
        case .versionMissing: "The Sec-WebSocket-Version header is missing."
        case .versionRepeated: "There is more than one Sec-WebSocket-Version header."
        case .versionUnknown: "Only version 13 of the WebSocket protocol is spoken here."
        case .keyMissing: "The Sec-WebSocket-Key header is missing."
        case .keyRepeated: "There is more than one Sec-WebSocket-Key header."
        case .keyInvalid: "The Sec-WebSocket-Key header is not base64 of 16 bytes."
        case .extensionsMalformed: "The Sec-WebSocket-Extensions header is not a list of extensions."
        case .digestUnavailable: "The server's cryptography library has no SHA-1, so it cannot answer."
        }
    }
}
