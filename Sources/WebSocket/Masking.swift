/// The masking of a client's payload (RFC 6455 section 5.3).
public enum Masking {
    /// Masks or unmasks `bytes` in place, eight at a time.
    /// - Parameter key: the key's first byte is the low one.
    /// - Returns: the key turned so that it fits what follows `bytes` in the same frame.
    @discardableResult
    public static func apply(_ key: UInt32, to bytes: UnsafeMutableRawBufferPointer) -> UInt32 {
        let wide = (UInt64(key) << 32 | UInt64(key)).littleEndian
        var offset = 0
        // Sound: each load and store covers eight bytes from `offset`, and the condition keeps those in the buffer.
        while bytes.count - offset >= 8 {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            bytes.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        var turned = key
        while offset < bytes.count {
            bytes[offset] ^= UInt8(truncatingIfNeeded: turned)
            turned = turned >> 8 | turned << 24
            offset += 1
        }
        return turned
    }
}
