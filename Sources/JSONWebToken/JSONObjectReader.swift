/// Goes through the members of one JSON object (RFC 8259), strictly, without recursion and without building values.
///
/// The text must be valid UTF-8 already. It is handed in with each call, so that nothing here outlives it.
struct JSONObjectReader {
    enum Step {
        case member(name: JSONString, value: JSONValue)
        /// The object and the text are complete.
        case end
        /// Not a JSON object, or something after it; ask no further.
        case malformed
    }

    private enum Progress {
        case beforeObject
        case afterMember
        case complete
    }

    /// Levels of objects and arrays, the outermost included; what lies deeper is malformed. Bounds `openObjects`.
    private static let maxDepth = 32

    private var position = 0
    private var progress = Progress.beforeObject

    mutating func next(in text: Span<UInt8>) -> Step {
        skipWhitespace(in: text)
        switch progress {
        case .beforeObject:
            guard take(UInt8(ascii: "{"), in: text) else { return .malformed }
            skipWhitespace(in: text)
            if take(UInt8(ascii: "}"), in: text) { return finish(in: text) }
        case .afterMember:
            if take(UInt8(ascii: "}"), in: text) { return finish(in: text) }
            guard take(UInt8(ascii: ","), in: text) else { return .malformed }
            skipWhitespace(in: text)
        case .complete:
            return .end
        }
        guard let name = readName(in: text), let value = readValue(in: text) else { return .malformed }
        progress = .afterMember
        return .member(name: name, value: value)
    }

    private mutating func finish(in text: Span<UInt8>) -> Step {
        skipWhitespace(in: text)
        progress = .complete
        return position == text.count ? .end : .malformed
    }

    /// A member's name and the colon and white space after it.
    private mutating func readName(in text: Span<UInt8>) -> JSONString? {
        guard let name = readString(in: text) else { return nil }
        skipWhitespace(in: text)
        guard take(UInt8(ascii: ":"), in: text) else { return nil }
        skipWhitespace(in: text)
        return name
    }

    private mutating func readValue(in text: Span<UInt8>) -> JSONValue? {
        guard position < text.count else { return nil }
        let start = position
        switch text[position] {
        case UInt8(ascii: "{"): return skipContainer(in: text) ? .object(start..<position) : nil
        case UInt8(ascii: "["): return skipContainer(in: text) ? .array(start..<position) : nil
        default: return readScalar(in: text)
        }
    }

    /// The elements of an array that a reader has gone over, or nil if the range is no array's.
    static func elements(of array: Range<Int>, in text: Span<UInt8>) -> [JSONValue]? {
        var reader = JSONObjectReader()
        reader.position = array.lowerBound
        guard reader.take(UInt8(ascii: "["), in: text) else { return nil }
        reader.skipWhitespace(in: text)
        var elements: [JSONValue] = []
        if reader.take(UInt8(ascii: "]"), in: text) { return elements }
        while let element = reader.readValue(in: text) {
            elements.append(element)
            reader.skipWhitespace(in: text)
            if reader.take(UInt8(ascii: "]"), in: text) { return elements }
            guard reader.take(UInt8(ascii: ","), in: text) else { return nil }
            reader.skipWhitespace(in: text)
        }
        return nil
    }

    private mutating func readScalar(in text: Span<UInt8>) -> JSONValue? {
        guard position < text.count else { return nil }
        switch text[position] {
        case UInt8(ascii: "\""): return readString(in: text).map { .string($0) }
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return readNumber(in: text).map { .number($0) }
        case UInt8(ascii: "t"): return take("true", in: text) ? .literal : nil
        case UInt8(ascii: "f"): return take("false", in: text) ? .literal : nil
        case UInt8(ascii: "n"): return take("null", in: text) ? .literal : nil
        default: return nil
        }
    }

    /// RFC 8259 section 7, without its quotes. `position` is at the opening one.
    private mutating func readString(in text: Span<UInt8>) -> JSONString? {
        guard take(UInt8(ascii: "\""), in: text) else { return nil }
        let start = position
        var hasEscapes = false
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                return JSONString(content: start..<position - 1, hasEscapes: hasEscapes)
            } else if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                guard skipEscape(in: text) else { return nil }
            } else if byte < 0x20 {
                return nil
            }
        }
        return nil
    }

    /// What follows a backslash. Halves of surrogate pairs are grammatical; `JSONString` deals with them.
    private mutating func skipEscape(in text: Span<UInt8>) -> Bool {
        guard position < text.count else { return false }
        let byte = text[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        case UInt8(ascii: "u"):
            guard text.count - position >= 4 else { return false }
            for _ in 0..<4 {
                guard JSONString.hexadecimal(text[position]) != nil else { return false }
                position += 1
            }
            return true
        default:
            return false
        }
    }

    /// RFC 8259 section 6.
    private mutating func readNumber(in text: Span<UInt8>) -> Range<Int>? {
        let start = position
        _ = take(UInt8(ascii: "-"), in: text)
        if !take(UInt8(ascii: "0"), in: text) {
            guard skipDigits(in: text) else { return nil }
        }
        if take(UInt8(ascii: "."), in: text) {
            guard skipDigits(in: text) else { return nil }
        }
        if take(UInt8(ascii: "e"), in: text) || take(UInt8(ascii: "E"), in: text) {
            _ = take(UInt8(ascii: "+"), in: text) || take(UInt8(ascii: "-"), in: text)
            guard skipDigits(in: text) else { return nil }
        }
        return start..<position
    }

    private mutating func skipDigits(in text: Span<UInt8>) -> Bool {
        let start = position
        while position < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position]) { position += 1 }
        return position > start
    }

    private enum Expected {
        case value
        case firstElement
        case firstName
        case name
        case separator
    }

    /// An object or array with all that is in it. `position` is at its first bracket.
    private mutating func skipContainer(in text: Span<UInt8>) -> Bool {
        // One bit per open container, the innermost lowest: 1 for an object, 0 for an array.
        var openObjects: UInt32 = 0
        var depth = 1
        var expected = Expected.value
        while true {
            skipWhitespace(in: text)
            guard position < text.count else { return false }
            let byte = text[position]
            let closes: Bool
            switch expected {
            case .firstElement: closes = byte == UInt8(ascii: "]")
            case .firstName: closes = byte == UInt8(ascii: "}")
            case .separator: closes = byte == (openObjects & 1 == 1 ? UInt8(ascii: "}") : UInt8(ascii: "]"))
            case .value, .name: closes = false
            }
            if closes {
                position += 1
                openObjects >>= 1
                depth -= 1
                if depth == 1 { return true }
                expected = .separator
                continue
            }
            switch expected {
            case .value, .firstElement:
                if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                    guard depth < Self.maxDepth else { return false }
                    let isObject = byte == UInt8(ascii: "{")
                    position += 1
                    openObjects = openObjects << 1 | (isObject ? 1 : 0)
                    depth += 1
                    expected = isObject ? .firstName : .firstElement
                } else {
                    guard readScalar(in: text) != nil else { return false }
                    expected = .separator
                }
            case .firstName, .name:
                guard readName(in: text) != nil else { return false }
                expected = .value
            case .separator:
                guard take(UInt8(ascii: ","), in: text) else { return false }
                expected = openObjects & 1 == 1 ? .name : .value
            }
        }
    }

    private mutating func skipWhitespace(in text: Span<UInt8>) {
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8, in text: Span<UInt8>) -> Bool {
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func take(_ word: StaticString, in text: Span<UInt8>) -> Bool {
        guard text.count - position >= word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { word in
            for byte in word {
                guard text[position] == byte else { return false }
                position += 1
            }
            return true
        }
    }
}
