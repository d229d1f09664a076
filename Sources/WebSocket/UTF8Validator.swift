/// Checks UTF-8 (RFC 3629) as it comes, in pieces of any size, and fails at the first byte that cannot be part of it:
/// overlong forms, surrogates and code points above U+10FFFF are found at their second byte.
public struct UTF8Validator: Sendable {
    /// Continuation bytes still to come.
    private var missing: UInt8 = 0
    /// What the next continuation byte may be; narrower than 0x80...0xBF behind E0, ED, F0 and F4.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// A validator at the beginning of a text.
    public init() {}

    /// Whether what was consumed is a whole text: it does not end within a character.
    public var isComplete: Bool { missing == 0 }

    /// Takes the next piece. False when the text is not UTF-8; the validator is of no use then.
    public mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset < bytes.count {
            if missing == 0 {
                offset = Self.skipASCII(bytes, from: offset)
                guard offset < bytes.count else { return true }
                guard begin(bytes[offset]) else { return false }
            } else {
                let byte = bytes[offset]
                guard byte >= lowest, byte <= highest else { return false }
                missing -= 1
                lowest = 0x80
                highest = 0xBF
            }
            offset += 1
        }
        return true
    }

    /// The table of RFC 3629 section 4 for a byte that is not ASCII.
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF:
            missing = 1
        case 0xE0...0xEF:
            missing = 2
            if byte == 0xE0 { lowest = 0xA0 }
            if byte == 0xED { highest = 0x9F }
        case 0xF0...0xF4:
            missing = 3
            if byte == 0xF0 { lowest = 0x90 }
            if byte == 0xF4 { highest = 0x8F }
        default:
            return false
        }
        return true
    }

    /// The offset of the first byte from `start` on that is not ASCII, or the end.
    private static func skipASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        // Sound: each load covers eight bytes from `offset`, and the condition keeps those in the buffer.
        while bytes.count - offset >= 8 {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            guard word & 0x8080_8080_8080_8080 == 0 else { break }
            offset += 8
        }
        while offset < bytes.count, bytes[offset] < 0x80 { offset += 1 }
        return offset
    }
}
