/// Queries in the form that browsers give them: `name=value` pairs between `&` (WHATWG URL, section 5.1).
enum Query {
    /// The decoded value of the first pair whose decoded name is `name`.
    static func value(of name: StaticString, in query: ArraySlice<UInt8>) -> [UInt8]? {
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            var decoder = FormDecoder(pair[..<equals])
            guard name.withUTF8Buffer({ decoder.equals($0) }) else { continue }
            var value: [UInt8] = []
            var rest = FormDecoder(pair[equals...].dropFirst())
            while let byte = rest.next() { value.append(byte) }
            return value
        }
        return nil
    }
}

/// Decodes `%XX` and `+`, a byte at a time, so that names can be compared without a copy.
private struct FormDecoder {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> UInt8? {
        guard let byte = rest.popFirst() else { return nil }
        if byte == UInt8(ascii: "+") { return UInt8(ascii: " ") }
        guard byte == UInt8(ascii: "%"), rest.count >= 2,
            let high = ByteClass.hexValue(rest[rest.startIndex]),
            let low = ByteClass.hexValue(rest[rest.startIndex + 1])
        else { return byte }
        rest = rest.dropFirst(2)
        return high << 4 | low
    }

    mutating func equals(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for wanted in text {
            guard next() == wanted else { return false }
        }
        return rest.isEmpty
    }
}
