import TestSupport
import Testing

@Suite("Conformance: large messages")
struct LimitTests {
    private static let text = (0..<1 << 20).map { UInt8(0x20 + $0 % 95) }
    private static let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) }

    @Test("9 and 10: large messages come back, whole, in fragments and in pieces of any size")
    func large() throws {
        var cases = [
            Case("9.1", frame(1, Self.text), [.text(Self.text)]),
            Case("9.2", frame(2, Self.bytes), [.binary(Self.bytes)]),
            Case("10.1", fragmented(1, Array(Self.text[..<65_536]), by: 1300), [.text(Array(Self.text[..<65_536]))]),
        ]
        for size in [64, 256, 4096, 65_536, 1 << 19] {
            cases.append(Case("9.3 by \(size)", fragmented(1, Self.text, by: size), [.text(Self.text)]))
            cases.append(Case("9.4 by \(size)", fragmented(2, Self.bytes, by: size), [.binary(Self.bytes)]))
        }
        for size in [512, 2048, 65_536] {
            cases.append(Case("9.5 in \(size)", frame(1, Self.text), chop: size, [.text(Self.text)]))
            cases.append(Case("9.6 in \(size)", frame(2, Self.bytes), chop: size, [.binary(Self.bytes)]))
        }
        try Case.carryOut(cases)
    }

    @Test("9.7 and 9.8: many messages, one after the other and all at once, come back in order")
    func many() throws {
        let server = try EchoServer()
        let client = try EchoClient(server)
        for index in 0..<500 {
            let payload = Array(Self.bytes[index..<index * 3])
            try client.socket.send(frame(2, payload))
            let (first, back) = try client.frame()
            #expect(first == 0x82 && back == payload)
        }
        try client.socket.send((0..<500).flatMap { frame(1, "message \($0)") })
        for index in 0..<500 { #expect(try client.frame() == (0x81, Array("message \(index)".utf8))) }
    }

    @Test("a message above the limit is refused with 1009 by its header, in one frame or over several")
    func limit() throws {
        let server = try EchoServer(["--max-message-bytes", "1000"])
        let exact = Array(Self.bytes[..<1000])
        try Case("at the limit", frame(2, exact), [.binary(exact)]).carryOut(server)
        try Case("at the limit", fragmented(2, exact, by: 400), [.binary(exact)]).carryOut(server)
        try Case("above", Array(frame(2, exact + [1]).prefix(8)), [], .failed(1009)).carryOut(server)
        let fragments = frame(2, Array(exact[..<600]), isFinal: false) + frame(0, Array(exact[..<401]))
        try Case("above", Array(fragments.dropLast(405)), [], .failed(1009)).carryOut(server)
        try Case("far above", [0x82, 0xFF, 0x7F] + [UInt8](repeating: 0xFF, count: 7), [], .failed(1009)).carryOut(
            server)
    }
}
