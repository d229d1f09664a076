/// A value as `JSONObjectReader` found it: where it stands, not what it says.
enum JSONValue {
    case string(JSONString)
    /// In the grammar of RFC 8259 section 6.
    case number(Range<Int>)
    /// Brackets included; grammatical throughout.
    case object(Range<Int>)
    /// Brackets included; grammatical throughout.
    case array(Range<Int>)
    /// `true`, `false` or `null`.
    case literal
}

/// A string of a JSON text: the range between its quotes, known to be grammatical.
struct JSONString {
    let content: Range<Int>
    let hasEscapes: Bool

    /// Whether the string says `name`, however it is escaped.
    func equals(_ name: [UInt8], in text: Span<UInt8>) -> Bool {
        if hasEscapes { return decoded(in: text) == name }
        guard content.count == name.count else { return false }
        for index in 0..<name.count where text[content.lowerBound + index] != name[index] { return false }
        return true
    }

    /// The string in UTF-8, or nil if it has half a surrogate pair (RFC 8259 section 8.2), which UTF-8 cannot say.
    func decoded(in text: Span<UInt8>) -> [UInt8]? {
        guard hasEscapes else { return text.extracting(content).withUnsafeBufferPointer { Array($0) } }
        var result: [UInt8] = []
        result.reserveCapacity(content.count)
        var index = content.lowerBound
        while index < content.upperBound {
            let byte = text[index]
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                index += 1
                continue
            }
            let escape = text[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = scalar(at: &index, in: text) else { return nil }
                result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            default: result.append(escape)
            }
        }
        return result
    }

    /// The scalar whose four hexadecimal digits begin at `index`, with the escape of a low surrogate after them if
    /// they are a high one; moves `index` past all of it.
    private func scalar(at index: inout Int, in text: Span<UInt8>) -> Unicode.Scalar? {
        guard let first = codeUnit(at: index, in: text) else { return nil }
        index += 4
        guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
        guard index + 6 <= content.upperBound, text[index] == UInt8(ascii: "\\"), text[index + 1] == UInt8(ascii: "u"),
            let second = codeUnit(at: index + 2, in: text), (0xDC00...0xDFFF).contains(second)
        else { return nil }
        index += 6
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private func codeUnit(at index: Int, in text: Span<UInt8>) -> UInt32? {
        var unit: UInt32 = 0
        for offset in 0..<4 {
            guard let digit = Self.hexadecimal(text[index + offset]) else { return nil }
            unit = unit << 4 | digit
        }
        return unit
    }

    static func hexadecimal(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(character - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(character - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
