/// Entries of `allowedOrigins`: `*`, `null`, `scheme://host[:port]` (RFC 6454, section 6.2) or
/// `scheme://*.domain[:port]`.
enum OriginPattern {
    /// In lower case and without the scheme's default port: browsers send origins so, and they are compared as text.
    static func normalised(_ text: String) -> String {
        let text = text.lowercased()
        for (scheme, port) in [("http://", ":80"), ("https://", ":443")]
        where text.hasPrefix(scheme) && text.hasSuffix(port) && text.utf8.count > scheme.utf8.count + port.utf8.count {
            // An IPv6 address such as [::80] ends with a bracket, so what is cut off is a port.
            return String(text.dropLast(port.count))
        }
        return text
    }

    static func isValid(_ text: String) -> Bool {
        if text == "*" || text == "null" { return true }
        guard let separator = text.utf8.firstRange(of: "://".utf8) else { return false }
        let scheme = text.utf8[..<separator.lowerBound]
        let authority = Substring(text.utf8[separator.upperBound...])
        guard let first = scheme.first, isAlphanumeric(first), first > UInt8(ascii: "9"),
            scheme.allSatisfy({ isAlphanumeric($0) || "+-.".utf8.contains($0) })
        else { return false }

        if authority.first == "[" {
            guard let bracket = authority.firstIndex(of: "]") else { return false }
            let address = authority[authority.index(after: authority.startIndex)..<bracket]
            return address.utf8.count { $0 == UInt8(ascii: ":") } >= 2
                && address.utf8.allSatisfy { isHexadecimal($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
                && isPort(authority[authority.index(after: bracket)...])
        }
        let colon = authority.firstIndex(of: ":") ?? authority.endIndex
        return isHost(authority[..<colon]) && isPort(authority[colon...])
    }

    private static func isHost(_ text: Substring) -> Bool {
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text
        return !name.isEmpty && name.first != "."
            && name.utf8.allSatisfy { isAlphanumeric($0) || "-._".utf8.contains($0) }
    }

    /// Nothing, or a colon and a number from 1 to 65535.
    private static func isPort(_ text: Substring) -> Bool {
        if text.isEmpty { return true }
        let digits = text.dropFirst()
        return text.first == ":" && digits.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            && UInt16(digits).map { $0 > 0 } == true
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        Character(Unicode.Scalar(byte)).isHexDigit
    }
}
