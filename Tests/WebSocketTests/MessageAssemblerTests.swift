import Testing
import WebSocket

@Suite("Message assembler")
struct MessageAssemblerTests {
    /// What an assembler makes of `bytes`, given in pieces of so many.
    private func assemble(
        _ bytes: [UInt8], by size: Int, role: FrameDecoder.Role = .server, limit: Int = 4096,
        deflate: PerMessageDeflate? = nil
    ) -> [MessageAssembler.Received] {
        var assembler = MessageAssembler(role: role, maxMessageBytes: limit, deflate: deflate)
        var all: [MessageAssembler.Received] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            var piece = Array(bytes[start..<min(start + size, bytes.count)])
            piece.withUnsafeMutableBytes { input in
                var consumed = 0
                while let received = assembler.next(input, consumed: &consumed) { all.append(received) }
                #expect(consumed == input.count)
            }
        }
        return all
    }

    private func compressed(_ bytes: [UInt8]) -> [UInt8] { [bytes[0] | 0x40] + bytes.dropFirst() }
    private static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
    private static let again: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]

    @Test("fragments become messages; control frames between them come first", arguments: [1, 2, 7, 1000])
    func messages(size: Int) {
        let bytes =
            masked(.text, [0x48, 0xC3], isFinal: false) + masked(.ping, "p") + masked(.continuation, [], isFinal: false)
            + masked(.continuation, [0xA9]) + masked(.pong, "q") + masked(.binary, []) + masked(.text, "x")
            + Frame.close(.goingAway, reason: "été", maskingKey: 3) + masked(.text, "late")
        #expect(
            assemble(bytes, by: size) == [
                .ping(Array("p".utf8)), .message(.text, Array("Hé".utf8)), .pong(Array("q".utf8)),
                .message(.binary, []),
                .message(.text, Array("x".utf8)), .close(.goingAway, reason: "été"),
            ])
    }

    @Test("compressed and plain messages may alternate, in the context or without", arguments: [1, 3, 1000])
    func compression(size: Int) {
        var alone = PerMessageDeflate()
        alone.clientNoContextTakeover = true
        let hello = MessageAssembler.Received.message(.text, Array("Hello".utf8))
        let bytes =
            compressed(masked(.text, Self.hello)) + masked(.text, "Hello")
            + compressed(masked(.text, Array(Self.again[..<2]), isFinal: false)) + masked(.ping, [])
            + masked(.continuation, Array(Self.again[2...]))
        #expect(assemble(bytes, by: size, deflate: PerMessageDeflate()) == [hello, hello, .ping([]), hello])
        #expect(
            assemble(bytes, by: size, deflate: alone) == [hello, hello, .ping([]), .violation(.corruptCompression)])
    }

    @Test("each side has the other's context and window")
    func roles() {
        var deflate = PerMessageDeflate()
        deflate.clientNoContextTakeover = true
        let fromServer = compressed(unmasked(.text, Self.hello)) + compressed(unmasked(.text, Self.again))
        let fromClient = compressed(masked(.text, Self.hello)) + compressed(masked(.text, Self.again))
        let hello = MessageAssembler.Received.message(.text, Array("Hello".utf8))
        #expect(assemble(fromServer, by: 9, role: .client, deflate: deflate) == [hello, hello])
        #expect(assemble(fromClient, by: 9, deflate: deflate) == [hello, .violation(.corruptCompression)])
    }

    @Test("a restored message counts against the limit, as do a compressed one's own bytes")
    func limit() {
        var payload: [UInt8] = []
        [UInt8](repeating: 7, count: 101).withUnsafeBytes {
            Deflater().compress($0, takesContextOver: false, into: &payload)
        }
        let bytes = compressed(masked(.binary, payload))
        #expect(
            assemble(bytes, by: 5, limit: 101, deflate: PerMessageDeflate())
                == [.message(.binary, [UInt8](repeating: 7, count: 101))])
        #expect(assemble(bytes, by: 5, limit: 100, deflate: PerMessageDeflate()) == [.violation(.messageTooBig)])
        // 100 + 100 / 8 + 64
        for (count, isRefused) in [(176, false), (177, true)] {
            let head = Array(compressed(masked(.binary, [UInt8](repeating: 0, count: count))).prefix(8))
            #expect(
                assemble(head, by: 8, limit: 100, deflate: PerMessageDeflate())
                    == (isRefused ? [.violation(.messageTooBig)] : []))
        }
    }

    @Test("compressed text fails at its first impossible byte, and nothing is read after it")
    func invalidText() {
        // A stored block of four bytes, of which two have come.
        let start = compressed(masked(.text, [0x00, 0x04, 0x00, 0xFB, 0xFF, 0xC3, 0x28], isFinal: false))
        #expect(
            assemble(start + masked(.ping, "late"), by: 1, deflate: PerMessageDeflate()) == [.violation(.invalidText)])
        let cut = compressed(masked(.text, [0x00, 0x01, 0x00, 0xFE, 0xFF, 0xC3, 0x00]))
        #expect(assemble(cut, by: 100, deflate: PerMessageDeflate()) == [.violation(.invalidText)])
    }

    static let breaches: [(UInt8, UInt8?, Violation)] = [
        (0xC9, nil, .misplacedCompression), (0xC8, nil, .misplacedCompression), (0xCA, nil, .misplacedCompression),
        (0xC0, nil, .misplacedCompression), (0x40, 0x01, .misplacedCompression), (0xA1, nil, .reservedBits),
        (0x91, nil, .reservedBits), (0xD1, nil, .reservedBits), (0xE1, nil, .reservedBits),
        (0xC3, nil, .reservedOpcode(3)),
        (0xC1, 0x01, .interruptedMessage),
    ]

    @Test("RSV1 stands on the first frame of a message and nowhere else; the others nowhere", arguments: breaches)
    func reservedBits(first: UInt8, before: UInt8?, violation: Violation) {
        let bytes = (before.map { [$0, 0x80, 0, 0, 0, 0] } ?? []) + [first]
        #expect(assemble(bytes, by: 1, deflate: PerMessageDeflate()) == [.violation(violation)])
    }

    @Test("a decoder is no larger for all this")
    func size() {
        #expect(MemoryLayout<FrameDecoder>.size < 100)
    }
}
