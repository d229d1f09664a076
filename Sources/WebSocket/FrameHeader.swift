/// Writes frame headers (RFC 6455 section 5.2), lengths always in the fewest bytes.
public enum FrameHeader {
    /// The longest header: two bytes, a 64-bit length and a mask.
    public static let maximumLength = 14

    /// Bytes of a server's header: 2, 4 or 10.
    @inlinable
    public static func length(forPayload payloadLength: Int) -> Int {
        payloadLength < 126 ? 2 : payloadLength <= 0xFFFF ? 4 : 10
    }

    /// Bytes of a client's header, which has the masking key in it: 6, 8 or 14.
    @inlinable
    public static func maskedLength(forPayload payloadLength: Int) -> Int {
        length(forPayload: payloadLength) + 4
    }

    /// Writes a server's header at the start of `bytes`, which must have room for ``length(forPayload:)``.
    /// - Parameters:
    ///   - isFinal: false for a fragment that others follow.
    ///   - isCompressed: the payload begins a compressed message (RSV1, RFC 7692 section 6).
    /// - Returns: the header's length.
    @inlinable
    @discardableResult
    public static func write(
        opcode: Opcode, payloadLength: Int, isFinal: Bool = true, isCompressed: Bool = false,
        into bytes: UnsafeMutableRawBufferPointer
    ) -> Int {
        write(
            opcode: opcode, payloadLength: payloadLength, isFinal: isFinal, isCompressed: isCompressed, maskBit: 0,
            into: bytes)
    }

    /// Writes a client's header at the start of `bytes`, which must have room for ``maskedLength(forPayload:)``. The
    /// payload is then to be masked with ``Masking/apply(_:to:)`` and the same key.
    /// - Parameter key: for each frame a new one that nobody can guess (section 5.3); its low byte goes first.
    /// - Returns: the header's length.
    @discardableResult
    public static func writeMasked(
        opcode: Opcode, payloadLength: Int, key: UInt32, isFinal: Bool = true, isCompressed: Bool = false,
        into bytes: UnsafeMutableRawBufferPointer
    ) -> Int {
        let length = write(
            opcode: opcode, payloadLength: payloadLength, isFinal: isFinal, isCompressed: isCompressed, maskBit: 0x80,
            into: bytes)
        precondition(bytes.count >= length + 4, "the buffer has no room for the masking key")
        bytes.storeBytes(of: key.littleEndian, toByteOffset: length, as: UInt32.self)
        return length + 4
    }

    @inlinable
    static func write(
        opcode: Opcode, payloadLength: Int, isFinal: Bool, isCompressed: Bool, maskBit: UInt8,
        into bytes: UnsafeMutableRawBufferPointer
    ) -> Int {
        let length = length(forPayload: payloadLength)
        // Raw buffers check their bounds in debug builds only; this one check makes the stores below sound in all.
        precondition(payloadLength >= 0 && bytes.count >= length, "the buffer has no room for the frame header")
        bytes[0] = (isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue
        switch length {
        case 2:
            bytes[1] = maskBit | UInt8(truncatingIfNeeded: payloadLength)
        case 4:
            bytes[1] = maskBit | 126
            bytes.storeBytes(of: UInt16(truncatingIfNeeded: payloadLength).bigEndian, toByteOffset: 2, as: UInt16.self)
        default:
            bytes[1] = maskBit | 127
            bytes.storeBytes(of: UInt64(payloadLength).bigEndian, toByteOffset: 2, as: UInt64.self)
        }
        return length
    }
}
