/// Every way in which a peer's frames can be wrong; each fails the connection (RFC 6455 section 7.1.7).
public enum Violation: Equatable, Sendable, Error {
    /// RSV1, RSV2 or RSV3 is set and no extension that was agreed on gives it a meaning (section 5.2).
    case reservedBits
    /// RSV1 on a frame that is not the first of a message (RFC 7692 section 6.1).
    case misplacedCompression
    /// An opcode that is not given out: 3–7 or 11–15 (section 5.2).
    case reservedOpcode(UInt8)
    /// A client's frame without a mask (section 5.1).
    case unmaskedFrame
    /// A server's frame with a mask (section 5.1).
    case maskedFrame
    /// A close, ping or pong without FIN (section 5.5).
    case fragmentedControlFrame
    /// A close, ping or pong of more than 125 bytes (section 5.5).
    case oversizedControlFrame
    /// A continuation while no message is open (section 5.4).
    case unexpectedContinuation
    /// A text or binary frame within an open message (section 5.4).
    case interruptedMessage
    /// A length in more bytes than it needs (section 5.2).
    case nonMinimalLength
    /// A 64-bit length with its top bit set (section 5.2).
    case lengthOutOfRange
    /// A message of more bytes than the decoder was made for.
    case messageTooBig
    /// Text that is not UTF-8 (section 8.1).
    case invalidText
    /// A compressed message that cannot be restored. RFC 7692 names no code for it; 1007, data that is not what it says,
    /// is what others send.
    case corruptCompression
    /// A close frame of one byte: half a status code (section 5.5.1).
    case truncatedCloseCode
    /// A status code that may not be on the wire (section 7.4).
    case invalidCloseCode(UInt16)
    /// A close frame whose reason is not UTF-8 (sections 5.5.1 and 8.1).
    case invalidCloseReason

    /// The status code of the close frame to answer with.
    public var closeCode: CloseCode {
        switch self {
        case .reservedBits, .misplacedCompression, .reservedOpcode, .unmaskedFrame, .maskedFrame,
            .fragmentedControlFrame,
            .oversizedControlFrame, .unexpectedContinuation, .interruptedMessage, .nonMinimalLength,
            .lengthOutOfRange, .truncatedCloseCode, .invalidCloseCode:
            .protocolError
        case .messageTooBig: .messageTooBig
        case .invalidText, .corruptCompression, .invalidCloseReason: .invalidPayload
        }
    }

    /// One sentence for the close frame (at most 123 bytes) and the log. Holds none of the peer's bytes.
    public var reason: String {
        switch self {
        case .reservedBits: "A reserved bit is set that no agreed extension gives a meaning."
        case .misplacedCompression: "Only the first frame of a message may be marked as compressed."
        case .reservedOpcode(let opcode): "Opcode \(opcode) is reserved."
        case .unmaskedFrame: "A client's frame must be masked."
        case .maskedFrame: "A server's frame must not be masked."
        case .fragmentedControlFrame: "A control frame must not be fragmented."
        case .oversizedControlFrame: "A control frame must not exceed 125 bytes."
        case .unexpectedContinuation: "A continuation frame came without a message to continue."
        case .interruptedMessage: "A new message began before the last one ended."
        case .nonMinimalLength: "A payload length must be given in the fewest bytes."
        case .lengthOutOfRange: "A payload length must be below 2^63."
        case .messageTooBig: "The message is too big."
        case .invalidText: "A text message is not valid UTF-8."
        case .corruptCompression: "A compressed message cannot be restored."
        case .truncatedCloseCode: "A close frame must not have a payload of one byte."
        case .invalidCloseCode(let code): "The close code \(code) must not be sent."
        case .invalidCloseReason: "The close reason is not valid UTF-8."
        }
    }
}
