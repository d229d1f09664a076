/// Decodes a peer's frames (RFC 6455 section 5) from a byte stream that may be cut anywhere.
///
/// It keeps no payload: data is handed on as it comes, and only a control frame that was cut is put together. A
/// decoder between frames is its own size (under 100 bytes) and owns no memory. After a close or a violation it
/// swallows whatever comes.
public struct FrameDecoder: Sendable {
    /// Who decodes; it decides which side must mask (section 5.1).
    public enum Role: Sendable {
        /// The peer is a client: its frames must be masked.
        case server
        /// The peer is a server: its frames must not be.
        case client
    }

    /// The next byte belongs to this part of a frame.
    private enum Step: Sendable {
        case opcode
        case length
        case extendedLength(missing: UInt8, least: UInt64)
        case maskingKey(missing: UInt8)
        case payload
        case ended
    }

    /// What is open between a message's first frame and its last (section 5.4).
    private enum Message: Sendable {
        case none
        case text
        case binary
    }

    private let role: Role
    private let maxMessageBytes: Int

    private var step = Step.opcode
    private var opcode = Opcode.continuation
    private var isFinal = false
    private var maskingKey: UInt32 = 0
    /// The length while it is read, then what of the payload has not come yet.
    private var remaining: UInt64 = 0

    private var message = Message.none
    private var messageBytes: UInt64 = 0
    private var text = UTF8Validator()
    /// The beginning of a control frame that was cut; empty, and without memory, at all other times.
    private var control: [UInt8] = []

    /// - Parameter maxMessageBytes: how many payload bytes a message may have, over all its fragments; the first frame
    ///   header that says more is a violation, before any of its payload is read.
    public init(role: Role, maxMessageBytes: Int) {
        self.role = role
        self.maxMessageBytes = max(maxMessageBytes, 0)
    }

    /// Whether it is between messages: a new decoder would go on just the same.
    public var isAtRest: Bool {
        guard case .opcode = step else { return false }
        return message == .none
    }

    /// Finds the next event in `input` from offset `consumed` on and moves `consumed` behind it. Call it with the same
    /// input until it returns nil: then all of the input is consumed.
    ///
    /// Payloads are unmasked in place, so no byte may be given twice.
    public mutating func decode(_ input: UnsafeMutableRawBufferPointer, consumed: inout Int) -> Decoded? {
        while true {
            switch step {
            case .opcode, .length, .extendedLength, .maskingKey:
                guard consumed < input.count else { return nil }
                let byte = input[consumed]
                consumed += 1
                if let violation = readHeader(byte) { return fail(violation) }
            case .payload:
                let available = min(remaining, UInt64(max(input.count - consumed, 0)))
                guard available > 0 || remaining == 0 else { return nil }
                let piece = UnsafeMutableRawBufferPointer(rebasing: input[consumed..<(consumed + Int(available))])
                consumed += piece.count
                remaining -= available
                if role == .server { maskingKey = Masking.apply(maskingKey, to: piece) }
                let event =
                    opcode.isControl
                    ? readControl(UnsafeRawBufferPointer(piece)) : readData(UnsafeRawBufferPointer(piece))
                if let event { return event }
            case .ended:
                consumed = input.count
                return nil
            }
        }
    }

    private mutating func fail(_ violation: Violation) -> Decoded {
        step = .ended
        control = []
        return .violation(violation)
    }

    // MARK: Header (section 5.2)

    private mutating func readHeader(_ byte: UInt8) -> Violation? {
        switch step {
        case .opcode:
            return readOpcode(byte)
        case .length:
            return readLength(byte)
        case .extendedLength(let missing, let least):
            remaining = remaining << 8 | UInt64(byte)
            guard missing == 1 else {
                step = .extendedLength(missing: missing - 1, least: least)
                return nil
            }
            guard remaining >> 63 == 0 else { return .lengthOutOfRange }
            guard remaining >= least else { return .nonMinimalLength }
            return endLength()
        case .maskingKey(let missing):
            maskingKey |= UInt32(byte) << (8 * UInt32(4 - missing))
            step = missing == 1 ? .payload : .maskingKey(missing: missing - 1)
            return nil
        case .payload, .ended:
            return nil
        }
    }

    private mutating func readOpcode(_ byte: UInt8) -> Violation? {
        guard byte & 0x70 == 0 else { return .reservedBits }
        guard let opcode = Opcode(rawValue: byte & 0x0F) else { return .reservedOpcode(byte & 0x0F) }
        self.opcode = opcode
        isFinal = byte & 0x80 != 0
        switch opcode {
        case .close, .ping, .pong:
            guard isFinal else { return .fragmentedControlFrame }
        case .text, .binary:
            guard message == .none else { return .interruptedMessage }
            message = opcode == .text ? .text : .binary
        case .continuation:
            guard message != .none else { return .unexpectedContinuation }
        }
        step = .length
        return nil
    }

    private mutating func readLength(_ byte: UInt8) -> Violation? {
        let isMasked = byte & 0x80 != 0
        let length = byte & 0x7F
        switch role {
        case .server:
            guard isMasked else { return .unmaskedFrame }
        case .client:
            guard !isMasked else { return .maskedFrame }
        }
        guard !opcode.isControl || length <= 125 else { return .oversizedControlFrame }
        maskingKey = 0
        remaining = 0
        switch length {
        case 126:
            step = .extendedLength(missing: 2, least: 126)
            return nil
        case 127:
            step = .extendedLength(missing: 8, least: 0x1_0000)
            return nil
        default:
            remaining = UInt64(length)
            return endLength()
        }
    }

    /// The length is known: the last moment to refuse a frame before its payload comes.
    private mutating func endLength() -> Violation? {
        if !opcode.isControl {
            guard remaining <= UInt64(maxMessageBytes) - messageBytes else { return .messageTooBig }
            messageBytes += remaining
        }
        switch role {
        case .server: step = .maskingKey(missing: 4)
        case .client: step = .payload
        }
        return nil
    }

    // MARK: Payload (sections 5.4 to 5.6)

    /// Nil for the end of a fragment that brought no bytes, and when more is to come of the same frame.
    private mutating func readData(_ piece: UnsafeRawBufferPointer) -> Decoded? {
        let endOfFrame = remaining == 0
        let endOfMessage = endOfFrame && isFinal
        let kind: MessageKind
        switch message {
        case .none, .binary:
            kind = .binary
        case .text:
            kind = .text
            guard text.consume(piece), !endOfMessage || text.isComplete else { return fail(.invalidText) }
        }
        if endOfFrame { step = .opcode }
        if endOfMessage {
            message = .none
            messageBytes = 0
        }
        return piece.isEmpty && !endOfMessage ? nil : .data(kind: kind, payload: piece, endOfMessage: endOfMessage)
    }

    /// Nil while the frame is not complete.
    private mutating func readControl(_ piece: UnsafeRawBufferPointer) -> Decoded? {
        let payload: ControlPayload
        if remaining == 0 && control.isEmpty {
            payload = ControlPayload(slice: piece)
        } else {
            control.append(contentsOf: piece)
            guard remaining == 0 else { return nil }
            payload = ControlPayload(joined: control)
            control = []
        }
        step = .opcode
        switch opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        case .close: return readClose(payload)
        case .continuation, .text, .binary: return nil
        }
    }

    /// Section 5.5.1: nothing, or a status code of two bytes and a reason in UTF-8.
    private mutating func readClose(_ payload: ControlPayload) -> Decoded {
        step = .ended
        switch payload.count {
        case 0: return .close(code: nil, reason: payload)
        case 1: return fail(.truncatedCloseCode)
        default: break
        }
        let number = payload.withUnsafeBytes { UInt16($0[0]) << 8 | UInt16($0[1]) }
        guard let code = CloseCode(rawValue: number) else { return fail(.invalidCloseCode(number)) }
        let reason = payload.dropFirst(2)
        var validator = UTF8Validator()
        guard reason.withUnsafeBytes({ validator.consume($0) }), validator.isComplete else {
            return fail(.invalidCloseReason)
        }
        return .close(code: code, reason: reason)
    }
}
