/// What a frame is (RFC 6455 section 5.2). The raw value is the low half of a frame's first byte.
@frozen
public enum Opcode: UInt8, Sendable, CaseIterable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Whether it is a control frame: at most 125 bytes, never fragmented (section 5.5).
    @inlinable public var isControl: Bool { rawValue & 0x8 != 0 }
}

/// What a message is: all of its frames are of one kind (RFC 6455 section 5.4).
public enum MessageKind: Sendable {
    /// UTF-8.
    case text
    case binary
}
