import Testing

/// Sections 5.2 to 5.6 of RFC 6455.
@Suite("Conformance: frames")
struct FramingTests {
    private static let bytes = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 167) }
    private static let ascii = (0..<65_536).map { UInt8(0x20 + $0 % 95) }

    @Test("1: messages of every form of length come back")
    func lengths() throws {
        var cases: [Case] = []
        for (index, count) in [0, 125, 126, 127, 128, 65_535, 65_536].enumerated() {
            let text = Array(Self.ascii[..<count])
            let binary = Array(Self.bytes[..<count])
            cases.append(Case("1.1.\(index + 1)", frame(1, text), [.text(text)]))
            cases.append(Case("1.2.\(index + 1)", frame(2, binary), [.binary(binary)]))
        }
        cases.append(Case("1.1.8", frame(1, Self.ascii), chop: 997, [.text(Self.ascii)]))
        cases.append(Case("1.2.8", frame(2, Self.bytes), chop: 997, [.binary(Self.bytes)]))
        try Case.carryOut(cases)
    }

    @Test("1: a length in more bytes than it needs, or above 2^63, and a frame without a mask are refused")
    func badLengths() throws {
        try Case.carryOut([
            Case("1.x 16 bits for 125", [0x82, 0xFE, 0x00, 0x7D], [], .failed(1002)),
            Case("1.x 64 bits for 65535", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], [], .failed(1002)),
            Case("1.x the high bit", [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], [], .failed(1002)),
            Case("1.x unmasked", [0x81, 0x02, 0x48, 0x69], [], .failed(1002)),
            Case("1.x unmasked ping", [0x89, 0x00], [], .failed(1002)),
        ])
    }

    @Test("2: pings are answered with their payload, pongs are not answered")
    func pings() throws {
        let long = Array(Self.bytes[..<125])
        let ten = (0..<10).map { "payload \($0)" }
        try Case.carryOut([
            Case("2.1", frame(9), [.pong("")]),
            Case("2.2", frame(9, "Hello, world!"), [.pong("Hello, world!")]),
            Case(
                "2.3", frame(9, [0, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0]), [.pong([0, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0])]),
            Case("2.4", frame(9, long), [.pong(long)]),
            Case("2.5", Array(frame(9, Array(Self.bytes[..<126])).prefix(2)), [], .failed(1002)),
            Case("2.6", frame(9, long), chop: 1, [.pong(long)]),
            Case("2.7", frame(10)),
            Case("2.8", frame(10, "unsolicited")),
            Case("2.9", frame(10, "unsolicited") + frame(9, "ping"), [.pong("ping")]),
            Case("2.10", ten.flatMap { frame(9, $0) }, ten.map { .pong($0) }),
            Case("2.11", ten.flatMap { frame(9, $0) }, chop: 1, ten.map { .pong($0) }),
        ])
    }

    @Test("3: reserved bits that nothing was agreed for fail the connection, after what came before them")
    func reservedBits() throws {
        let hello = frame(1, "Hello")
        try Case.carryOut([
            Case("3.1", frame(1, "Hello", reserved: 4), [], .failed(1002)),
            Case(
                "3.2", hello + frame(1, "Hello", reserved: 2) + frame(9), [.text("Hello")], .failed(1002)),
            Case("3.3", hello + frame(1, "Hello", reserved: 3) + frame(9), chop: 3, [.text("Hello")], .failed(1002)),
            Case(
                "3.4", hello + frame(1, "Hello", reserved: 1) + frame(9), chop: 1, [.text("Hello")], .failed(1002)),
            Case("3.5", frame(2, "Hello", reserved: 5), [], .failed(1002)),
            Case("3.6", frame(9, "Hello", reserved: 6), [], .failed(1002)),
            Case("3.7", frame(8, [0x03, 0xE8], reserved: 7), [], .failed(1002)),
        ])
    }

    @Test("4: reserved opcodes fail the connection")
    func reservedOpcodes() throws {
        var cases: [Case] = []
        for opcode: UInt8 in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            let id = opcode < 8 ? "4.1.\(opcode - 2)" : "4.2.\(opcode - 10)"
            cases.append(Case(id, frame(opcode), [], .failed(1002)))
            cases.append(
                Case(
                    "\(id) behind a message", frame(1, "Hello") + frame(opcode, "reserved") + frame(9),
                    [.text("Hello")], .failed(1002)))
        }
        try Case.carryOut(cases)
    }

    @Test("5: fragments are put together, with control frames between them")
    func fragments() throws {
        let one = frame(1, "fragment1", isFinal: false)
        let two = frame(0, "fragment2")
        let both = Case.Reply.text("fragment1fragment2")
        let pinged = one + frame(9, "ping") + two
        let five =
            one + frame(0, "fragment2", isFinal: false) + frame(9, "pongme 1!") + frame(0, "fragment3", isFinal: false)
            + frame(0, "fragment4", isFinal: false) + frame(9, "pongme 2!") + frame(0, "fragment5")
        let all: [Case.Reply] = [
            .pong("pongme 1!"), .pong("pongme 2!"), .text("fragment1fragment2fragment3fragment4fragment5"),
        ]
        try Case.carryOut([
            Case("5.3", one + two, [both]), Case("5.4", one + two, chop: 1, [both]),
            Case("5.5", one + two, chop: 7, [both]),
            Case("5.6", pinged, [.pong("ping"), both]), Case("5.7", pinged, chop: 20, [.pong("ping"), both]),
            Case("5.8", pinged, chop: 1, [.pong("ping"), both]),
            Case("5.19", five, all), Case("5.20", five, chop: 1, all),
            Case("5.x binary", fragmented(2, Array(Self.bytes[..<300]), by: 7), [.binary(Array(Self.bytes[..<300]))]),
            Case("5.x a close between", one + closing(1000) + two, [], .closed([0x03, 0xE8])),
        ])
    }

    @Test("5: what is out of turn fails the connection")
    func outOfTurn() throws {
        let one = frame(1, "fragment1", isFinal: false)
        let two = frame(0, "fragment2")
        let lonely = frame(0, "lonely", isFinal: false)
        try Case.carryOut([
            Case("5.1", frame(9, "fragment1", isFinal: false) + two, [], .failed(1002)),
            Case("5.2", frame(10, "fragment1", isFinal: false) + two, [], .failed(1002)),
            Case("5.9", frame(0, "lonely") + frame(1, "Hello"), [], .failed(1002)),
            Case("5.10", frame(0, "lonely") + frame(1, "Hello"), chop: 9, [], .failed(1002)),
            Case("5.11", frame(0, "lonely") + frame(1, "Hello"), chop: 1, [], .failed(1002)),
            Case("5.12", lonely + frame(1, "Hello"), [], .failed(1002)),
            Case("5.13", lonely + frame(1, "Hello"), chop: 9, [], .failed(1002)),
            Case("5.14", lonely + frame(1, "Hello"), chop: 1, [], .failed(1002)),
            Case("5.15", one + two + lonely + frame(1, "x"), [.text("fragment1fragment2")], .failed(1002)),
            Case("5.16", lonely + one + two, [], .failed(1002)),
            Case("5.17", frame(0, "lonely") + one + two, [], .failed(1002)),
            Case("5.18", one + frame(1, "fragment2"), [], .failed(1002)),
            Case("5.x binary in text", one + frame(2, "fragment2"), [], .failed(1002)),
        ])
    }
}
