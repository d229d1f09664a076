/// Base64url without padding (RFC 7515 section 2, RFC 4648 section 5), strict: one text per byte string.
enum Base64URL {
    /// Decodes `text` into `output` from `offset` on, which must have room for three bytes per four characters.
    /// - Returns: the number of bytes written, or nil for another alphabet, padding, white space, an impossible length
    ///   or non-zero trailing bits.
    static func decode(_ text: Span<UInt8>, into output: inout MutableSpan<UInt8>, at offset: Int) -> Int? {
        var written = offset
        // All sextets ORed together: above 63 once one of them was no character of the alphabet.
        var seen: UInt32 = 0
        var index = 0
        while index + 4 <= text.count {
            let first = sextet(text[index])
            let second = sextet(text[index + 1])
            let third = sextet(text[index + 2])
            let fourth = sextet(text[index + 3])
            seen |= first | second | third | fourth
            let word = first << 18 | second << 12 | third << 6 | fourth
            output[written] = UInt8(truncatingIfNeeded: word >> 16)
            output[written + 1] = UInt8(truncatingIfNeeded: word >> 8)
            output[written + 2] = UInt8(truncatingIfNeeded: word)
            index += 4
            written += 3
        }
        switch text.count - index {
        case 0:
            break
        case 2:
            let first = sextet(text[index])
            let second = sextet(text[index + 1])
            guard second & 0x0F == 0 else { return nil }
            seen |= first | second
            output[written] = UInt8(truncatingIfNeeded: first << 2 | second >> 4)
            written += 1
        case 3:
            let first = sextet(text[index])
            let second = sextet(text[index + 1])
            let third = sextet(text[index + 2])
            guard third & 0x03 == 0 else { return nil }
            seen |= first | second | third
            output[written] = UInt8(truncatingIfNeeded: first << 2 | second >> 4)
            output[written + 1] = UInt8(truncatingIfNeeded: second << 4 | third >> 2)
            written += 2
        default:
            return nil
        }
        return seen < 64 ? written - offset : nil
    }

    /// Appends the text of `bytes` to `output`.
    static func encode(_ bytes: [UInt8], to output: inout [UInt8]) {
        var pending: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes {
            pending = pending << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                output.append(character(pending >> bits & 0x3F))
            }
        }
        if bits > 0 { output.append(character(pending << (6 - bits) & 0x3F)) }
    }

    /// The character's six bits, or 0xFF, which no character has.
    @inline(__always)
    private static func sextet(_ character: UInt8) -> UInt32 {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: 0xFF
        }
    }

    private static func character(_ sextet: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: sextet)
        return switch value {
        case 0..<26: value + UInt8(ascii: "A")
        case 26..<52: value - 26 + UInt8(ascii: "a")
        case 52..<62: value - 52 + UInt8(ascii: "0")
        case 62: UInt8(ascii: "-")
        default: UInt8(ascii: "_")
        }
    }
}
