import Testing
import WebSocket

@Suite("Frame decoder")
struct FrameDecoderTests {
    @Test("the examples of RFC 6455 section 5.7 are read")
    func examples() {
        let hello = Array("Hello".utf8)
        #expect(record([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], role: .client) == [.message(.text, hello)])
        #expect(
            record([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]) == [.message(.text, hello)])
        #expect(
            record([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F], role: .client) == [.message(.text, hello)])
        #expect(record([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], role: .client) == [.ping(hello)])
        #expect(record([0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]) == [.pong(hello)])
        let medium = [UInt8](repeating: 7, count: 256)
        #expect(record([0x82, 0x7E, 0x01, 0x00] + medium, role: .client) == [.message(.binary, medium)])
        let large = [UInt8](repeating: 9, count: 65536)
        #expect(
            record([0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + large, role: .client, maxMessageBytes: 65536)
                == [.message(.binary, large)])
    }

    @Test(
        "each length form carries its least and its greatest", arguments: [0, 1, 125, 126, 127, 65535, 65536, 70_001])
    func lengths(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(record(masked(.binary, payload), maxMessageBytes: count) == [.message(.binary, payload)])
        #expect(
            record(unmasked(.binary, payload), role: .client, maxMessageBytes: count) == [.message(.binary, payload)])
    }

    /// Text in fragments that cut a character, control frames between, an empty message, the 16-bit length, a close.
    private static let sample: [UInt8] =
        masked(.text, [0x48, 0xC3], isFinal: false) + masked(.ping, "ping") + masked(.continuation, [], isFinal: false)
        + masked(.pong, []) + masked(.continuation, [0xA9, 0x21]) + masked(.binary, [])
        + masked(.binary, Array(0..<130)) + Frame.close(.goingAway, reason: "été", maskingKey: 0x0102_0304)

    private static let sampleEvents: [Event] = [
        .ping(Array("ping".utf8)), .pong([]), .message(.text, [0x48, 0xC3, 0xA9, 0x21]), .message(.binary, []),
        .message(.binary, Array(0..<130)), .close(1001, "été"),
    ]

    @Test("every cut of a stream in two or three, and each byte alone, gives the same events")
    func everySplit() {
        let bytes = Self.sample
        #expect(record(bytes) == Self.sampleEvents)
        #expect(record(bytes, cuts: Array(1..<bytes.count)) == Self.sampleEvents)
        for first in 0...bytes.count {
            for second in first...bytes.count where record(bytes, cuts: [first, second]) != Self.sampleEvents {
                Issue.record("cut at \(first) and \(second)")
            }
        }
    }

    @Test("random messages in random fragments and pieces come out as they went in", arguments: 1...8)
    func roundTrip(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for role in [FrameDecoder.Role.server, .client] {
            func frame(_ opcode: Opcode, _ payload: [UInt8], isFinal: Bool) -> [UInt8] {
                switch role {
                case .server: masked(opcode, payload, isFinal: isFinal, key: generator.next32())
                case .client: unmasked(opcode, payload, isFinal: isFinal)
                }
            }
            var bytes: [UInt8] = []
            var expected: [Event] = []
            for _ in 0..<40 {
                let isText = Bool.random(using: &generator)
                let count = [0, 1, 7, 125, 126, 300, 3000][Int.random(in: 0..<7, using: &generator)]
                let payload: [UInt8] =
                    isText
                    ? Array(String((0..<count / 3).map { _ in "aé€😀".randomElement(using: &generator) ?? "a" }).utf8)
                    : (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                var rest = payload[...]
                var opcode: Opcode = isText ? .text : .binary
                while Bool.random(using: &generator) {
                    let fragment = rest.prefix(Int.random(in: 0...max(rest.count, 1), using: &generator))
                    rest = rest.dropFirst(fragment.count)
                    bytes += frame(opcode, Array(fragment), isFinal: false)
                    opcode = .continuation
                    let control = (0..<Int.random(in: 0...125, using: &generator)).map { UInt8($0) }
                    bytes += frame(.ping, control, isFinal: true)
                    expected.append(.ping(control))
                }
                bytes += frame(opcode, Array(rest), isFinal: true)
                expected.append(.message(isText ? .text : .binary, payload))
            }
            var cuts: [Int] = []
            while let next = Optional((cuts.last ?? 0) + Int.random(in: 0...200, using: &generator)), next < bytes.count
            {
                cuts.append(next)
            }
            #expect(record(bytes, cuts: cuts, role: role) == expected)
        }
    }

    static let violations: [([UInt8], FrameDecoder.Role, Violation)] =
        [
            ([0xC1], .server, .reservedBits), ([0xA1], .server, .reservedBits), ([0x91], .server, .reservedBits),
            ([0x83], .server, .reservedOpcode(3)), ([0x87], .server, .reservedOpcode(7)),
            ([0x8B], .server, .reservedOpcode(11)), ([0x8F], .client, .reservedOpcode(15)),
            ([0x81, 0x01], .server, .unmaskedFrame), ([0x89, 0x00], .server, .unmaskedFrame),
            ([0x81, 0x81], .client, .maskedFrame), ([0x88, 0x80], .client, .maskedFrame),
            ([0x09], .server, .fragmentedControlFrame), ([0x08], .server, .fragmentedControlFrame),
            ([0x0A], .client, .fragmentedControlFrame),
            ([0x89, 0xFE], .server, .oversizedControlFrame), ([0x88, 0xFF], .server, .oversizedControlFrame),
            ([0x8A, 0x7E], .client, .oversizedControlFrame),
            ([0x80], .server, .unexpectedContinuation), ([0x00], .server, .unexpectedContinuation),
            (masked(.text, "a") + [0x80], .server, .unexpectedContinuation),
            (masked(.text, "a", isFinal: false) + [0x81], .server, .interruptedMessage),
            (masked(.binary, "a", isFinal: false) + [0x02], .server, .interruptedMessage),
            ([0x82, 0xFE, 0x00, 0x7D], .server, .nonMinimalLength),
            ([0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .client, .nonMinimalLength),
            ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], .server, .lengthOutOfRange),
            ([0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .server, .lengthOutOfRange),
            ([0x82, 0xFE, 0x10, 0x01], .server, .messageTooBig),
            ([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .server, .messageTooBig),
            (
                masked(.binary, [UInt8](repeating: 0, count: 4096), isFinal: false) + [0x80, 0x81], .server,
                .messageTooBig
            ),
            (masked(.text, [0xFF]), .server, .invalidText),
            (masked(.text, [0xC3]), .server, .invalidText),
            (masked(.text, [0xC3], isFinal: false) + masked(.continuation, []), .server, .invalidText),
            (masked(.text, [0xED, 0xA0]), .server, .invalidText),
            (masked(.text, [0xC3], isFinal: false) + masked(.continuation, [0x41]), .server, .invalidText),
            (unmasked(.text, [0xC0]), .client, .invalidText),
            (masked(.close, [0x03]), .server, .truncatedCloseCode),
            (masked(.close, [0x03, 0xE8, 0xFF]), .server, .invalidCloseReason),
            (masked(.close, [0x03, 0xE8, 0xC3]), .server, .invalidCloseReason),
        ]
        + [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map { code in
            (masked(.close, [UInt8(code >> 8), UInt8(code & 0xFF)]), .server, .invalidCloseCode(UInt16(code)))
        }

    @Test("a breach of the protocol is the last event, found as soon as its byte is there", arguments: violations)
    func violation(bytes: [UInt8], role: FrameDecoder.Role, expected: Violation) {
        let after = masked(.ping, "more") + unmasked(.ping, [])
        for cuts in [[], Array(1..<bytes.count + after.count)] {
            let events = record(bytes + after, cuts: cuts, role: role)
            #expect(events.contains(.violation(expected)))
            #expect(!events.contains(.ping(Array("more".utf8))))
        }
        #expect(record(bytes, role: role).contains(.violation(expected)), "without anything behind it")
    }

    @Test("every violation has a sentence that fits into a close frame and a close code", arguments: violations)
    func mapping(bytes: [UInt8], role: FrameDecoder.Role, violation: Violation) {
        #expect(violation.reason.utf8.count <= 123 && violation.reason.hasSuffix("."))
        let expected: CloseCode =
            switch violation {
            case .invalidText, .invalidCloseReason: .invalidPayload
            case .messageTooBig: .messageTooBig
            default: .protocolError
            }
        #expect(violation.closeCode == expected)
    }

    @Test("invalid text fails at its byte, within a frame that has not come whole")
    func failsEarly() {
        let bytes = Array(masked(.text, [0x61, 0xF4, 0x90, 0x80, 0x80, 0x62]).prefix(9))
        #expect(record(bytes).last == .violation(.invalidText))
        #expect(record(Array(bytes.dropLast())) == [.unfinished(.text, [0x61, 0xF4])])
    }

    @Test("a message of exactly the limit passes, in one frame or several")
    func limit() {
        let payload = [UInt8](repeating: 1, count: 100)
        #expect(record(masked(.binary, payload), maxMessageBytes: 100) == [.message(.binary, payload)])
        let fragments =
            masked(.binary, Array(payload[..<60]), isFinal: false) + masked(.continuation, Array(payload[60...]))
        #expect(record(fragments + fragments, maxMessageBytes: 100).count == 2)
        #expect(record(fragments, maxMessageBytes: 99).contains(.violation(.messageTooBig)))
        #expect(record(masked(.text, [])) == [.message(.text, [])])
        #expect(record(masked(.ping, payload), maxMessageBytes: 0) == [.ping(payload)], "control frames do not count")
    }

    @Test(
        "close frames give their code and reason",
        arguments: [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
        ] as [UInt16])
    func closeCodes(number: UInt16) {
        let code = CloseCode(rawValue: number)
        #expect(record(Frame.close(code, reason: "so", maskingKey: 5)) == [.close(number, "so")])
    }

    @Test("a close frame may be empty, and nothing is read after it")
    func emptyClose() {
        #expect(record(Frame.close(nil, maskingKey: 9) + masked(.text, "late")) == [.close(nil, "")])
    }

    @Test("a control frame of 125 bytes may be cut anywhere")
    func cutControl() {
        let payload = (0..<125).map { UInt8($0) }
        let bytes = masked(.ping, payload) + masked(.ping, [1])
        for cut in 0...bytes.count { #expect(record(bytes, cuts: [cut]) == [.ping(payload), .ping([1])]) }
    }

    @Test("data is a slice of the input and handed on as it comes")
    func slices() {
        var bytes = masked(.binary, Array(0..<10))
        var decoder = FrameDecoder(role: .server, maxMessageBytes: 100)
        bytes.withUnsafeMutableBytes { input in
            var consumed = 0
            let first = UnsafeMutableRawBufferPointer(rebasing: input[..<9])
            guard case .data(.binary, let head, false) = decoder.decode(first, consumed: &consumed) else {
                Issue.record("no data")
                return
            }
            #expect(head.baseAddress == UnsafeRawPointer(input.baseAddress.map { $0 + 6 }))
            #expect(Array(head) == [0, 1, 2] && consumed == 9)
            guard case .data(.binary, let tail, true) = decoder.decode(input, consumed: &consumed) else {
                Issue.record("no data")
                return
            }
            #expect(Array(tail) == Array(3..<10) && consumed == input.count)
        }
    }

    @Test("an idle decoder is small")
    func size() {
        #expect(MemoryLayout<FrameDecoder>.size < 100)
    }

    @Test("random bytes never do worse than end in a violation", arguments: 1...4)
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            var bytes = Self.sample
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let cuts = (0..<3).map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
            let whole = record(bytes).filter { if case .unfinished = $0 { false } else { true } }
            let pieces = record(bytes, cuts: cuts).filter { if case .unfinished = $0 { false } else { true } }
            #expect(whole == pieces)
        }
    }
}

extension SeededGenerator {
    mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}
