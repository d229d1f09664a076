/// The escapes of JSON strings (RFC 8259 section 7).
enum JSONEscapes {
    static func hexadecimal(_ digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(digit - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(digit - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The UTF-8 that a valid string stands for; nil if it has half of a surrogate pair.
    /// - Parameter range: between the quotes.
    static func decode(_ data: UnsafeRawBufferPointer, _ range: Range<Int>) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let byte = data[position]
            guard byte == UInt8(ascii: "\\") else {
                decoded.append(byte)
                position += 1
                continue
            }
            let escape = data[position + 1]
            position += 2
            switch escape {
            case UInt8(ascii: "b"): decoded.append(0x08)
            case UInt8(ascii: "f"): decoded.append(0x0C)
            case UInt8(ascii: "n"): decoded.append(0x0A)
            case UInt8(ascii: "r"): decoded.append(0x0D)
            case UInt8(ascii: "t"): decoded.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = scalar(data, &position, range.upperBound), let bytes = UTF8.encode(scalar) else {
                    return nil
                }
                decoded.append(contentsOf: bytes)
            default: decoded.append(escape)
            }
        }
        return decoded
    }

    /// The scalar of one `\uXXXX`, or of the two that make a pair. `position` stands behind the first `u`.
    private static func scalar(
        _ data: UnsafeRawBufferPointer, _ position: inout Int, _ end: Int
    ) -> Unicode.Scalar? {
        func unit(at offset: Int) -> UInt32 {
            data[offset..<offset + 4].reduce(0) { $0 << 4 | (hexadecimal($1) ?? 0) }
        }
        let first = unit(at: position)
        position += 4
        guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) }
        guard position + 6 <= end, data[position] == UInt8(ascii: "\\"), data[position + 1] == UInt8(ascii: "u")
        else { return nil }
        let second = unit(at: position + 2)
        guard second & 0xFC00 == 0xDC00 else { return nil }
        position += 6
        return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF))
    }
}
