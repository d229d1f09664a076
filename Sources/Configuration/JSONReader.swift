/// A strict reader of RFC 8259, for configuration files.
///
/// FoundationEssentials' `JSONDecoder` was measured and left aside: it does not say where a text breaks, takes
/// trailing commas, gives the first of two equal names where the Node server takes the last, and has lost a number's
/// digits by the time it can be judged.
struct JSONReader {
    private static let maximumDepth = 64

    private let bytes: [UInt8]
    private var position = 0

    /// Reads `bytes` (UTF-8, a byte-order mark at the start is skipped) as one JSON value.
    static func read(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        var reader = JSONReader(bytes: bytes)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.position = 3 }
        let value = try reader.value(depth: 0)
        reader.skipWhitespace()
        guard reader.position == bytes.count else { throw reader.unexpected("the end of the file") }
        return value
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipWhitespace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        guard depth < Self.maximumDepth else {
            throw failure("more than \(Self.maximumDepth) levels of nesting", expected: "a flatter text")
        }
        skipWhitespace()
        guard let byte = next else { throw unexpected("a value") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw unexpected("a value")
        }
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var members: [JSONValue.Member] = []
        skipWhitespace()
        if take("}") { return .object(members) }
        while true {
            skipWhitespace()
            guard next == UInt8(ascii: "\"") else { throw unexpected("a name in double quotes") }
            let name = try string()
            skipWhitespace()
            guard take(":") else { throw unexpected("\":\"") }
            members.append(.init(name: name, value: try value(depth: depth + 1)))
            skipWhitespace()
            if take("}") { return .object(members) }
            guard take(",") else { throw unexpected("\",\" or \"}\"") }
        }
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var elements: [JSONValue] = []
        skipWhitespace()
        if take("]") { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipWhitespace()
            if take("]") { return .array(elements) }
            guard take(",") else { throw unexpected("\",\" or \"]\"") }
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, bytes[position..<end].elementsEqual("\(word)".utf8) else {
            throw unexpected("a value")
        }
        position = end
        return value
    }

    private mutating func number() throws(JSONSyntaxError) -> String {
        let start = position
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = position
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        guard position > start else { throw unexpected("a digit") }
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        let start = position
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw failure("a string that is not UTF-8", expected: "UTF-8", at: start)
                }
                return string
            case UInt8(ascii: "\\"):
                try escape(into: &text)
            case 0..<0x20:
                throw failure("a line break or control character in a string", expected: "an escape such as \\n")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw failure("a string without its closing quote", expected: "a double quote", at: start)
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
        let start = position
        position += 1
        guard let letter = next else {
            throw failure("a string without its closing quote", expected: "a double quote", at: start)
        }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var units = [try hexadecimal(escapeAt: start)]
            if units[0] & 0xFC00 == 0xD800, take("\\") {
                guard take("u") else { throw loneSurrogate(at: start) }
                units.append(try hexadecimal(escapeAt: start))
            }
            guard let string = String(validating: units, as: UTF16.self) else { throw loneSurrogate(at: start) }
            text.append(contentsOf: string.utf8)
        default:
            throw failure("an unknown escape in a string", expected: #"one of \" \\ \/ \b \f \n \r \t \u"#, at: start)
        }
    }

    private mutating func hexadecimal(escapeAt start: Int) throws(JSONSyntaxError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("an incomplete \\u escape", expected: "four hexadecimal digits", at: start)
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private func loneSurrogate(at offset: Int) -> JSONSyntaxError {
        failure("half of a surrogate pair", expected: "a \\u escape for each half", at: offset)
    }

    private func unexpected(_ expected: String) -> JSONSyntaxError {
        guard let byte = next else { return failure("the text ends", expected: expected) }
        let structural = "{}[],:\"'/#".utf8.contains(byte)
        return failure(
            structural ? "unexpected \(Character(Unicode.Scalar(byte)))" : "an unexpected character",
            expected: expected)
    }

    private func failure(_ found: String, expected: String, at offset: Int? = nil) -> JSONSyntaxError {
        let before = bytes[..<(offset ?? position)]
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return JSONSyntaxError(
            line: before.count { $0 == 0x0A } + 1,
            column: before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1,
            found: found, expected: expected)
    }
}
