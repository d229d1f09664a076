import Testing

/// Sections 5.5.1, 7.1 and 7.4 of RFC 6455.
@Suite("Conformance: closing")
struct CloseTests {
    private static let normal: [UInt8] = [0x03, 0xE8]

    @Test("7.1: behind a close frame nothing is answered any more")
    func afterClose() throws {
        let fragment = frame(1, "fragment1", isFinal: false)
        let text = [UInt8](repeating: 0x42, count: 256 * 1024)
        try Case.carryOut([
            Case("7.1.1", frame(1, "Hello World!") + closing(1000), [.text("Hello World!")], .closed(Self.normal)),
            Case("7.1.2", closing(1000) + closing(1000), [], .closed(Self.normal)),
            Case("7.1.3", closing(1000) + frame(9), [], .closed(Self.normal)),
            Case("7.1.4", closing(1000) + frame(1, "Hello World!"), [], .closed(Self.normal)),
            Case("7.1.5", fragment + closing(1000) + frame(0, "fragment2"), [], .closed(Self.normal)),
            Case(
                "7.1.6", frame(1, text) + frame(1, "Hello") + closing(1000) + frame(9), [.text(text), .text("Hello")],
                .closed(Self.normal)),
            Case("7.x a byte at a time", closing(1000, Array("bye".utf8)), chop: 1, [], .closed(Self.normal)),
        ])
    }

    @Test("7.3: a close frame has no payload, or a code and at most 123 bytes of reason")
    func payloads() throws {
        let reason = [UInt8](repeating: 0x2A, count: 124)
        try Case.carryOut([
            Case("7.3.1", closing(nil), [], .closed([])),
            Case("7.3.2", frame(8, [0x61]), [], .failed(1002)),
            Case("7.3.3", closing(1000), [], .closed(Self.normal)),
            Case("7.3.4", closing(1000, Array("Hello World!".utf8)), [], .closed(Self.normal)),
            Case("7.3.5", closing(1000, Array(reason.dropLast())), [], .closed(Self.normal)),
            Case("7.3.6", closing(1000, reason), [], .failed(1002)),
            Case("7.5.1", closing(1000, [0xCE, 0xBA, 0xF4, 0x90, 0x80, 0x80]), [], .failed(1007)),
            Case("7.5.x cut", closing(1000, [0xCE]), [], .failed(1007)),
        ])
    }

    @Test("7.7: a code that may be on the wire is answered with itself")
    func validCodes() throws {
        let codes: [UInt16] = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
        ]
        try Case.carryOut(
            codes.map { Case("7.7 \($0)", closing($0), [], .closed([UInt8($0 >> 8), UInt8($0 & 0xFF)])) })
    }

    @Test("7.9: any other code fails the connection")
    func invalidCodes() throws {
        let codes: [UInt16] = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
        try Case.carryOut(codes.map { Case("7.9 \($0)", closing($0), [], .failed(1002)) })
    }
}
