package import EventLoop

/// The header that a proxy puts before a connection's own bytes to say who connected to it: the PROXY protocol, versions 1
/// (a line of text) and 2 (binary), as HAProxy's `proxy-protocol.txt` has it. Bytes in, a value out.
package enum ProxyHeader: Equatable {
    /// - client: whom the proxy speaks for; nil when it speaks for itself (a health check) or does not say (`UNKNOWN`, `LOCAL`,
    ///   a Unix socket).
    /// - length: of the header, behind which the connection's own bytes begin.
    case header(client: SocketAddress?, length: Int)
    /// More bytes are needed.
    case needMore
    /// A sentence.
    case invalid(String)

    /// The longest header that is taken: of version 1 it is 107 bytes by definition; one of version 2 holds, beside two
    /// addresses, what the proxy has to say further (TLVs), which nobody here reads.
    package static let maxBytes = 2048

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    private static let word = Array("PROXY ".utf8)
    private static let maxLineBytes = 107

    /// - Parameter bytes: what has come from the connection's first byte on.
    package static func parse(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
        if begins(bytes, with: signature) {
            return bytes.count < 16 ? .needMore : parseBinary(bytes)
        }
        if begins(bytes, with: word) {
            return bytes.count < word.count ? .needMore : parseLine(bytes)
        }
        return .invalid("the connection does not begin with a header of the PROXY protocol")
    }

    /// As far as there are bytes.
    private static func begins(_ bytes: UnsafeRawBufferPointer, with text: [UInt8]) -> Bool {
        bytes.prefix(text.count).elementsEqual(text.prefix(bytes.count))
    }

    // MARK: Version 1

    /// `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`, or `PROXY UNKNOWN` and anything.
    private static func parseLine(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
        let limited = bytes.prefix(maxLineBytes)
        guard let end = limited.firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count < maxLineBytes ? .needMore : .invalid("the header is longer than 107 bytes")
        }
        guard limited[end - 1] == UInt8(ascii: "\r") else { return .invalid("the header's line does not end in CR LF") }
        let line = String(decoding: limited[..<(end - 1)], as: UTF8.self)
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        if words.count >= 2, words[1] == "UNKNOWN" { return .header(client: nil, length: end + 1) }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6", let source = address(words[2], words[4]),
            let target = address(words[3], words[5]), isVersion6(source) == (words[1] == "TCP6"),
            isVersion6(target) == (words[1] == "TCP6")
        else {
            return .invalid("the header's line is not TCP4 or TCP6, two addresses and two ports, or UNKNOWN")
        }
        return .header(client: source.unmapped, length: end + 1)
    }

    private static func address(_ host: Substring, _ port: Substring) -> SocketAddress? {
        guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), port == "0" || !port.hasPrefix("0"),
            let number = UInt16(port)
        else { return nil }
        return SocketAddress(literal: String(host), port: number)
    }

    private static func isVersion6(_ address: SocketAddress) -> Bool {
        if case .ipv6 = address { true } else { false }
    }

    // MARK: Version 2

    /// 12 bytes of signature, version and command, family and protocol, two bytes of length, then the addresses and TLVs.
    private static func parseBinary(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
        let version = bytes[12] >> 4
        guard version == 2 else { return .invalid("the header has version \(version); 2 was expected") }
        let length = 16 + number(bytes, at: 14)
        guard length <= maxBytes else { return .invalid("the header has \(length) bytes, more than \(maxBytes)") }
        guard bytes.count >= length else { return .needMore }
        switch bytes[12] & 0x0F {
        case 0: return .header(client: nil, length: length)
        case 1: break
        default: return .invalid("the header's command is neither LOCAL nor PROXY")
        }
        let client: SocketAddress
        switch bytes[13] >> 4 {
        case 1:
            guard length >= 16 + 12 else { return .invalid("the header is too short for its IPv4 addresses") }
            let bits = (16..<20).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[$1]) }
            client = .ipv4(IPv4Address(bits: bits), port: UInt16(number(bytes, at: 24)))
        case 2:
            guard length >= 16 + 36 else { return .invalid("the header is too short for its IPv6 addresses") }
            let halves = [16, 24].map { start in (start..<start + 8).reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[$1]) } }
            client = .ipv6(
                IPv6Address(high: halves[0], low: halves[1]), port: UInt16(number(bytes, at: 48)), scope: 0)
        case 0, 3:
            // Not said, or a Unix socket.
            return .header(client: nil, length: length)
        default:
            return .invalid("the header's address family is none that there is")
        }
        return .header(client: client.unmapped, length: length)
    }

    /// Two bytes, the higher first.
    private static func number(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
        Int(bytes[index]) << 8 | Int(bytes[index + 1])
    }
}
