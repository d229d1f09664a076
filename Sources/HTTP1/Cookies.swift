/// The `Cookie` field, read as servers must in practice (RFC 6265 sections 4.2 and 5.4): pairs between `;`, with or
/// without white space; what is not a pair is passed over, so that a stranger's cookie cannot hide ours.
enum Cookies {
    /// The value of the first cookie of that name.
    static func value(of name: [UInt8], in field: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = field
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ";")) ?? rest.endIndex
            let pair = rest[..<end]
            rest = rest[end...].dropFirst()
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            guard pair[..<equals].trimmed.elementsEqual(name) else { continue }
            return unquoted(pair[(equals + 1)...].trimmed)
        }
        return nil
    }

    private static func unquoted(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") else {
            return value
        }
        return value.dropFirst().dropLast()
    }
}
