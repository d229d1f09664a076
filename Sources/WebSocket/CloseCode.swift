/// A status code of a close frame (RFC 6455 section 7.4 and the IANA registry "WebSocket Close Code Number").
///
/// A value is always one that may be sent: 1005, 1006 and 1015 only stand for "no code came" inside programs and must
/// not be on the wire (section 7.4.1), all others outside 1000–1003, 1007–1014 and 3000–4999 are not given out.
public struct CloseCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public let rawValue: UInt16

    /// Nil for a number that may not be on the wire.
    public init?(rawValue: UInt16) {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: self.rawValue = rawValue
        default: return nil
        }
    }

    private init(_ registered: UInt16) { rawValue = registered }

    /// 1000: the purpose is fulfilled.
    public static let normalClosure = CloseCode(1000)
    /// 1001: the server goes down, or the browser leaves the page.
    public static let goingAway = CloseCode(1001)
    /// 1002: the peer broke the protocol.
    public static let protocolError = CloseCode(1002)
    /// 1003: a kind of data that is not taken.
    public static let unsupportedData = CloseCode(1003)
    /// 1007: data that is not what its message says, as text that is not UTF-8.
    public static let invalidPayload = CloseCode(1007)
    /// 1008: the peer may not do this.
    public static let policyViolation = CloseCode(1008)
    /// 1009: a message that is too big.
    public static let messageTooBig = CloseCode(1009)
    /// 1010: the server did not negotiate an extension that the client needs.
    public static let mandatoryExtension = CloseCode(1010)
    /// 1011: the server met a condition it did not expect.
    public static let internalError = CloseCode(1011)
    /// 1012: the service restarts; come back, after a random delay of 5–30 s.
    public static let serviceRestart = CloseCode(1012)
    /// 1013: the service is overloaded; come back later.
    public static let tryAgainLater = CloseCode(1013)
    /// 1014: a gateway got no good answer from behind.
    public static let badGateway = CloseCode(1014)
}
