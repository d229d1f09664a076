/// Puts a peer's frames together to whole messages, and restores compressed ones: for who wants to read messages. (The
/// gateway does not; it uses the ``FrameDecoder`` alone.)
///
/// Holds at most one message. With permessage-deflate also zlib's state, from the first compressed message on. After a close
/// or a violation it swallows whatever comes.
public struct MessageAssembler: ~Copyable {
    /// What is complete.
    public enum Received: Equatable, Sendable {
        /// Text is valid UTF-8.
        case message(MessageKind, [UInt8])
        /// To be answered with a pong of the same payload (RFC 6455 section 5.5.2).
        case ping([UInt8])
        case pong([UInt8])
        /// The peer's last frame.
        case close(CloseCode?, reason: String)
        /// The connection is to be failed with ``Violation/closeCode``.
        case violation(Violation)
    }

    private let maxMessageBytes: Int
    /// The peer's window and whether it takes its context over; nil without compression.
    private let compression: (windowBits: Int, takesContextOver: Bool)?
    private var decoder: FrameDecoder
    private var inflater: Inflater?
    private var message: [UInt8] = []
    /// Of a compressed message; the decoder checks others.
    private var text = UTF8Validator()
    private var hasFailed = false

    /// - Parameters:
    ///   - maxMessageBytes: how many bytes a message may have, over all its fragments and after decompression.
    ///   - deflate: what was agreed on; nil: no compression.
    public init(role: FrameDecoder.Role, maxMessageBytes: Int, deflate: PerMessageDeflate? = nil) {
        self.maxMessageBytes = max(maxMessageBytes, 0)
        decoder = FrameDecoder(role: role, maxMessageBytes: maxMessageBytes, takesCompressed: deflate != nil)
        compression = deflate.map {
            switch role {
            case .server: ($0.clientMaxWindowBits, !$0.clientNoContextTakeover)
            case .client: ($0.serverMaxWindowBits, !$0.serverNoContextTakeover)
            }
        }
    }

    /// Finds what is next complete in `input` from offset `consumed` on and moves `consumed` behind it. Call it with the
    /// same input until it returns nil: then all of the input is consumed. No byte may be given twice.
    public mutating func next(_ input: UnsafeMutableRawBufferPointer, consumed: inout Int) -> Received? {
        guard !hasFailed else {
            consumed = input.count
            return nil
        }
        while let decoded = decoder.decode(input, consumed: &consumed) {
            switch decoded {
            case .data(let kind, let payload, let endOfMessage):
                if let violation = append(payload, kind, endOfMessage) {
                    hasFailed = true
                    message = []
                    return .violation(violation)
                }
                guard endOfMessage else { continue }
                var whole: [UInt8] = []
                swap(&whole, &message)
                return .message(kind, whole)
            case .ping(let payload): return .ping(payload.bytes)
            case .pong(let payload): return .pong(payload.bytes)
            case .close(let code, let reason):
                return .close(code, reason: String(decoding: reason.bytes, as: UTF8.self))
            case .violation(let violation):
                message = []
                return .violation(violation)
            }
        }
        return nil
    }

    private mutating func append(
        _ payload: UnsafeRawBufferPointer, _ kind: MessageKind, _ endOfMessage: Bool
    ) -> Violation? {
        guard let compression, decoder.isMessageCompressed else {
            message.append(contentsOf: payload)
            return nil
        }
        let inflater = inflater ?? Inflater(windowBits: compression.windowBits)
        self.inflater = inflater
        let start = message.count
        var outcome = inflater.restore(payload, limit: maxMessageBytes, into: &message)
        if outcome == .restored, endOfMessage {
            outcome = inflater.endMessage(
                takesContextOver: compression.takesContextOver, limit: maxMessageBytes, into: &message)
        }
        // What was restored is looked at first: invalid text fails at its byte, whatever is wrong behind it.
        if kind == .text {
            let isText = message.withUnsafeBytes { text.consume(UnsafeRawBufferPointer(rebasing: $0[start...])) }
            guard isText else { return .invalidText }
        }
        switch outcome {
        case .tooBig: return .messageTooBig
        case .corrupt: return .corruptCompression
        case .restored: break
        }
        guard endOfMessage else { return nil }
        guard text.isComplete else { return .invalidText }
        return nil
    }
}
