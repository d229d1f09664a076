import EventLoop
import Testing

@testable import Gateway

/// The PROXY protocol's header, versions 1 and 2.
@Suite("PROXY header")
struct ProxyHeaderTests {
    private func parse(_ bytes: [UInt8]) -> ProxyHeader { bytes.withUnsafeBytes { ProxyHeader.parse($0) } }
    private func parse(_ text: String) -> ProxyHeader { parse(Array(text.utf8)) }

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    private static func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }

    private static let version4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 0x01, 0xBB]
    private static let version6: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1] + Array(repeating: 0, count: 15) + [1]
        + [0xDC, 0x04, 0x01, 0xBB]
    /// `PP2_TYPE_UNIQUE_ID` and `PP2_TYPE_NOOP`.
    private static let further: [UInt8] = [0x05, 0, 3, 1, 2, 3, 0x04, 0, 0]

    private static let client4 = SocketAddress(literal: "192.0.2.1", port: 56324)
    private static let client6 = SocketAddress(literal: "2001:db8::1", port: 56324)

    private static let good: [(bytes: [UInt8], client: SocketAddress?)] = [
        (Array("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n".utf8), client4),
        (Array("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n".utf8), client6),
        (Array("PROXY UNKNOWN\r\n".utf8), nil),
        (Array("PROXY UNKNOWN ffff:f...f:ffff whatever it is\r\n".utf8), nil),
        (binary(0x21, 0x11, version4), client4),
        (binary(0x21, 0x11, version4 + further), client4),
        (binary(0x21, 0x21, version6), client6),
        (binary(0x21, 0x21, version6 + further), client6),
        // LOCAL: the proxy's own, whatever addresses it gives; a Unix socket; not said.
        (binary(0x20, 0x11, version4), nil),
        (binary(0x20, 0x00, []), nil),
        (binary(0x21, 0x31, Array(repeating: 7, count: 216)), nil),
        (binary(0x21, 0x00, further), nil),
    ]

    @Test("a header gives the client's address, and where it ends", arguments: 0..<12)
    func whole(index: Int) {
        let (bytes, client) = Self.good[index]
        #expect(parse(bytes) == .header(client: client, length: bytes.count))
        #expect(parse(bytes + Array("GET / HTTP/1.1\r\n".utf8)) == .header(client: client, length: bytes.count))
        #expect((client == nil) == ![0, 1, 4, 5, 6, 7].contains(index))
    }

    @Test("a header that has not come whole asks for more, at each byte", arguments: 0..<12)
    func cut(index: Int) {
        let bytes = Self.good[index].bytes
        for count in 0..<bytes.count { #expect(parse(Array(bytes[..<count])) == .needMore) }
    }

    @Test("an IPv4 address in IPv6's clothes is one of IPv4")
    func mapped() {
        let text = "PROXY TCP6 ::ffff:192.0.2.1 ::1 56324 443\r\n"
        #expect(parse(text) == .header(client: Self.client4, length: text.utf8.count))
    }

    @Test(
        "what is no header of version 1 is refused",
        arguments: [
            "GET / HTTP/1.1\r\n", "proxy TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "PROXY TCP4\r\n", "PROXY \r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n", "PROXY TCP4 2001:db8::1 ::1 56324 443\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 056 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 \r\n", "PROXY TCP4 localhost 198.51.100.7 56324 443\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.7 56324 443\r\n", "PROXX", "\u{16}\u{3}\u{1}", "\r\n\r\nx",
            "PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n",
            "PROXY UNKNOWN" + String(repeating: " ", count: 94),
        ])
    func wrongLine(text: String) {
        guard case .invalid(let sentence) = parse(text) else {
            Issue.record("it was taken: \(text.debugDescription)")
            return
        }
        #expect(!sentence.isEmpty)
    }

    @Test("the longest line of version 1 is taken")
    func longestLine() {
        let text = "PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n"
        #expect(text.utf8.count == 107)
        #expect(parse(text) == .header(client: nil, length: 107))
    }

    @Test("what is no header of version 2 is refused")
    func wrongBinary() {
        let wrong: [[UInt8]] = [
            Self.binary(0x11, 0x11, Self.version4), Self.binary(0x31, 0x11, Self.version4),
            Self.binary(0x22, 0x11, Self.version4), Self.binary(0x21, 0x41, Self.version4),
            Self.binary(0x21, 0x11, Array(Self.version4.dropLast())),
            Self.binary(0x21, 0x21, Array(Self.version6.dropLast())),
            Self.binary(0x21, 0x11, []),
            // Longer than is taken, said before it comes.
            Self.signature + [0x21, 0x11, 0xFF, 0xFF], Self.signature + [0x20, 0x00, 0x07, 0xF1],
        ]
        for bytes in wrong {
            guard case .invalid = parse(bytes) else {
                Issue.record("it was taken: \(bytes)")
                continue
            }
        }
        #expect(parse(Self.signature + [0x20, 0x00, 0x07, 0xF0]) == .needMore)
    }
}
