import Glibc

/// A host with an optional port: the value of a `Host` field, or the authority of an absolute target (RFC 3986
/// section 3.2). User information is not part of it: in HTTP it is an error (RFC 9110 section 4.2.4).
public struct Authority: Sendable {
    /// The host as it was written: a name, an IPv4 address, or an IPv6 address within its brackets.
    public let host: ArraySlice<UInt8>
    /// The port, or nil when there is none (`host` or `host:`).
    public let port: UInt16?

    /// Nil when the bytes are not a non-empty host with an optional port of at most 65535.
    public init?(_ bytes: ArraySlice<UInt8>) {
        let hostEnd: Int
        if bytes.first == UInt8(ascii: "[") {
            guard let bracket = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            guard Self.isAddressLiteral(bytes[(bytes.startIndex + 1)..<bracket]) else { return nil }
            hostEnd = bracket + 1
        } else {
            hostEnd = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            guard Self.isRegisteredName(bytes[..<hostEnd]) else { return nil }
        }
        host = bytes[..<hostEnd]
        guard hostEnd < bytes.endIndex else {
            port = nil
            return
        }
        guard bytes[hostEnd] == UInt8(ascii: ":") else { return nil }
        let digits = bytes[(hostEnd + 1)...]
        var number = 0
        for byte in digits {
            guard ByteClass.isDigit(byte) else { return nil }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
            guard number <= Int(UInt16.max) else { return nil }
        }
        port = digits.isEmpty ? nil : UInt16(number)
    }

    /// `reg-name`, but not empty; IPv4 addresses are of this form too.
    private static func isRegisteredName(_ name: ArraySlice<UInt8>) -> Bool {
        var position = name.startIndex
        while position < name.endIndex {
            if name[position] == UInt8(ascii: "%") {
                guard name.endIndex - position > 2, ByteClass.hexValue(name[position + 1]) != nil,
                    ByteClass.hexValue(name[position + 2]) != nil
                else { return false }
                position += 3
            } else {
                guard ByteClass.isRegisteredName(name[position]) else { return false }
                position += 1
            }
        }
        return !name.isEmpty
    }

    /// `IPv6address / IPvFuture` (RFC 3986 section 3.2.2); a zone identifier is refused, as it means nothing here.
    private static func isAddressLiteral(_ literal: ArraySlice<UInt8>) -> Bool {
        if literal.first == UInt8(ascii: "v") || literal.first == UInt8(ascii: "V") {
            let version = literal.dropFirst().prefix { ByteClass.hexValue($0) != nil }
            guard !version.isEmpty, version.endIndex < literal.endIndex,
                literal[version.endIndex] == UInt8(ascii: ".")
            else { return false }
            let address = literal[(version.endIndex + 1)...]
            return !address.isEmpty
                && address.allSatisfy { ByteClass.isRegisteredName($0) || $0 == UInt8(ascii: ":") }
        }
        // The longest text of an IPv6 address has 45 characters.
        guard literal.count <= 45,
            literal.allSatisfy({
                ByteClass.hexValue($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
            })
        else { return false }
        var address = in6_addr()
        // Sound: the text ends in a NUL, the address has the size that AF_INET6 fills, both outlive the call.
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 46) { text in
            for (offset, byte) in literal.enumerated() { text.initializeElement(at: offset, to: CChar(byte)) }
            text.initializeElement(at: literal.count, to: 0)
            guard let start = text.baseAddress else { return false }
            return inet_pton(AF_INET6, start, &address) == 1
        }
    }
}
