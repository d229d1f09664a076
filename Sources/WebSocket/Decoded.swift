/// What a ``FrameDecoder`` found. Pointers in it are slices of the decoder's input: good as long as the input is,
/// and until it is overwritten.
public enum Decoded {
    /// A piece of a message, unmasked: a whole one, a fragment or less, as it came. May be empty at the message's end.
    case data(kind: MessageKind, payload: UnsafeRawBufferPointer, endOfMessage: Bool)
    /// To be answered with a pong of the same payload (RFC 6455 section 5.5.2).
    case ping(ControlPayload)
    /// An answer to a ping, or sent unasked (section 5.5.3).
    case pong(ControlPayload)
    /// The peer's last frame (section 5.5.1). `code` is nil when it gave none; the reason is valid UTF-8.
    case close(code: CloseCode?, reason: ControlPayload)
    /// The connection is to be failed with ``Violation/closeCode``.
    case violation(Violation)
}

/// The payload of a control frame: at most 125 bytes.
public struct ControlPayload {
    /// A frame that came in one piece is left where it is; one that was cut had to be put together.
    private enum Storage {
        case slice(UnsafeRawBufferPointer)
        case joined([UInt8])
    }

    private let storage: Storage

    init(slice: UnsafeRawBufferPointer) { storage = .slice(slice) }
    init(joined: [UInt8]) { storage = .joined(joined) }

    /// How many bytes there are.
    public var count: Int {
        switch storage {
        case .slice(let bytes): bytes.count
        case .joined(let bytes): bytes.count
        }
    }

    /// Gives the bytes to `body`; the pointer is good within it.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch storage {
        case .slice(let bytes): body(bytes)
        case .joined(let bytes): bytes.withUnsafeBytes(body)
        }
    }

    /// A copy of the bytes.
    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    func dropFirst(_ count: Int) -> ControlPayload {
        switch storage {
        case .slice(let bytes): ControlPayload(slice: UnsafeRawBufferPointer(rebasing: bytes.dropFirst(count)))
        case .joined(let bytes): ControlPayload(joined: Array(bytes.dropFirst(count)))
        }
    }
}
