import CZlib
import Testing

@testable import WebSocket

@Suite("permessage-deflate: messages")
struct CompressionTests {
    private static let hello = Array("Hello".utf8)

    private func compress(_ message: [UInt8], _ deflater: Deflater, takesContextOver: Bool = false) -> [UInt8] {
        var payload: [UInt8] = []
        message.withUnsafeBytes { deflater.compress($0, takesContextOver: takesContextOver, into: &payload) }
        return payload
    }

    private func restore(
        _ payload: [UInt8], _ inflater: Inflater, takesContextOver: Bool = true, limit: Int = 1 << 22
    ) -> (Inflater.Outcome, [UInt8]) {
        var message: [UInt8] = []
        let outcome = payload.withUnsafeBytes { inflater.restore($0, limit: limit, into: &message) }
        guard outcome == .restored else { return (outcome, message) }
        return (inflater.endMessage(takesContextOver: takesContextOver, limit: limit, into: &message), message)
    }

    // MARK: The examples of RFC 7692

    @Test("sections 7.2.3.1 and 7.2.3.2: one block, and one that refers to the message before")
    func oneBlock() {
        let deflater = Deflater()
        #expect(compress(Self.hello, deflater, takesContextOver: true) == [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
        #expect(compress(Self.hello, deflater, takesContextOver: true) == [0xF2, 0x00, 0x11, 0x00, 0x00])
        #expect(compress(Self.hello, deflater) == [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
    }

    static let examples: [(String, [UInt8])] = [
        ("7.2.3.1: one block", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
        ("7.2.3.3: a block without compression", [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]),
        ("7.2.3.4: a block with BFINAL set", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]),
        (
            "7.2.3.5: two blocks in a message",
            [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]
        ),
    ]

    @Test("section 7.2.3: each example is Hello, however it is cut, and so is the next message", arguments: examples)
    func example(what: String, payload: [UInt8]) {
        for takesContextOver in [false, true] {
            let inflater = Inflater(windowBits: 15)
            for cut in 0...payload.count {
                var message: [UInt8] = []
                for piece in [payload[..<cut], payload[cut...]] {
                    let outcome = Array(piece).withUnsafeBytes { inflater.restore($0, limit: 5, into: &message) }
                    #expect(outcome == .restored)
                }
                #expect(
                    inflater.endMessage(takesContextOver: takesContextOver, limit: 5, into: &message) == .restored)
                #expect(message == Self.hello, "cut at \(cut)")
            }
        }
    }

    @Test("section 7.2.3.6: an empty message is one zero byte, in any context, and a second one too")
    func empty() {
        let deflater = Deflater()
        let inflater = Inflater(windowBits: 15)
        for message in [[], [], Self.hello, [], [], Self.hello] {
            let payload = compress(message, deflater, takesContextOver: true)
            if message.isEmpty { #expect(payload == [0]) }
            #expect(restore(payload, inflater) == (.restored, message))
        }
    }

    @Test("what comes behind a final block may refer to what came before it")
    func finalBlock() {
        let inflater = Inflater(windowBits: 15)
        #expect(restore([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], inflater) == (.restored, Self.hello))
        #expect(restore([0xF2, 0x00, 0x11, 0x00, 0x00], inflater) == (.restored, Self.hello))
    }

    // MARK: Round trips

    /// Restores with zlib itself, in one go: the payloads of messages with their tails form one stream.
    private func restoredByZlib(_ payloads: [[UInt8]], windowBits: Int, count: Int) -> [UInt8]? {
        guard let stream = sluice_inflate_new(Int32(windowBits)) else { return nil }
        defer { sluice_inflate_free(stream) }
        let input = payloads.flatMap { payload -> [UInt8] in payload + [0, 0, 0xFF, 0xFF] }
        var output = [UInt8](repeating: 0, count: count + 1)
        return input.withUnsafeBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                sluice_stream_input(stream, source.baseAddress, UInt32(source.count))
                stream.pointee.next_out = target.baseAddress
                stream.pointee.avail_out = UInt32(target.count)
                guard inflate(stream, Z_SYNC_FLUSH) == Z_OK, stream.pointee.avail_in == 0 else { return nil }
                return Array(target[..<(target.count - Int(stream.pointee.avail_out))])
            }
        }
    }

    private func message(_ generator: inout SeededGenerator) -> [UInt8] {
        let count = [0, 1, 5, 127, 300, 5000, 40_000].randomElement(using: &generator) ?? 0
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        case 1: return [UInt8](repeating: UInt8.random(in: 0...255, using: &generator), count: count)
        case 2:
            // Repeats itself at a distance that only the larger windows reach.
            let unit = (0..<max(count / 3, 1)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            return Array(repeatElement(unit, count: 3).joined().prefix(count))
        default:
            let words = ["\"channel_id\": ", "\"status\": \"done\", ", "result", "€", "{}", "42"]
            return Array((0..<count / 8).map { _ in words.randomElement(using: &generator) ?? "" }.joined().utf8)
        }
    }

    @Test(
        "random messages come back, restored here and by zlib, for all windows, levels and contexts",
        arguments: PerMessageDeflate.deflaterWindowBits, [false, true])
    func roundTrips(windowBits: Int, takesContextOver: Bool) {
        var generator = SeededGenerator(seed: UInt64(windowBits) * 2 + (takesContextOver ? 1 : 0))
        for level in [1, 6, 9] {
            let deflater = Deflater(windowBits: windowBits, level: level, memoryLevel: level)
            let inflater = Inflater(windowBits: windowBits)
            var payloads: [[UInt8]] = []
            var all: [UInt8] = []
            for index in 0..<20 {
                let message = message(&generator)
                let payload = compress(message, deflater, takesContextOver: takesContextOver)
                #expect(payload.suffix(4) != [0, 0, 0xFF, 0xFF] || message.count > 4)
                // An eighth more and 64 bytes: what a FrameDecoder allows for.
                #expect(payload.count <= message.count + message.count / 8 + 64)
                let (outcome, restored) = restore(payload, inflater, takesContextOver: takesContextOver)
                #expect(outcome == .restored && restored == message, "message \(index) of level \(level)")
                payloads.append(payload)
                all += message
            }
            #expect(restoredByZlib(payloads, windowBits: windowBits, count: all.count) == all)
            #expect(deflater.count == 20)
        }
    }

    @Test("a message that is longer than zlib's pieces comes back")
    func long() {
        let message = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        let payload = compress(message, Deflater(windowBits: 10))
        #expect(restore(payload, Inflater(windowBits: 10), limit: message.count) == (.restored, message))
    }

    @Test("a message that refers back beyond the window that was agreed on is corrupt")
    func window() {
        var generator = SeededGenerator(seed: 7)
        let unit = (0..<2000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let deflater = Deflater(windowBits: 12)
        let payloads = [unit, unit].map { compress($0, deflater, takesContextOver: true) }
        #expect(payloads[1].count < 100)
        for (windowBits, expected) in [(12, Inflater.Outcome.restored), (10, .corrupt)] {
            let inflater = Inflater(windowBits: windowBits)
            #expect(restore(payloads[0], inflater) == (.restored, unit))
            #expect(restore(payloads[1], inflater).0 == expected)
        }
    }

    @Test("a message that takes no context over is restored without one, one that does is not")
    func context() {
        let deflater = Deflater()
        let first = compress(Self.hello, deflater, takesContextOver: true)
        let second = compress(Self.hello, deflater, takesContextOver: true)
        let inflater = Inflater(windowBits: 15)
        #expect(restore(first, inflater, takesContextOver: false).0 == .restored)
        #expect(restore(second, inflater).0 == .corrupt)
    }

    // MARK: Limits and breaches

    @Test("a bomb is put out at the limit: no more is restored than the limit and a byte")
    func bomb() {
        let payload = compress([UInt8](repeating: 0, count: 10_000_000), Deflater(level: 9))
        #expect(payload.count < 20_000)
        for limit in [0, 1, 4096, 16_384, 100_000] {
            let (outcome, restored) = restore(payload, Inflater(windowBits: 15), limit: limit)
            #expect(outcome == .tooBig && restored.count == limit + 1)
        }
        #expect(restore(payload, Inflater(windowBits: 15), limit: 9_999_999).0 == .tooBig)
        #expect(restore(payload, Inflater(windowBits: 15), limit: 10_000_000).0 == .restored)
    }

    static let corrupt: [(String, [UInt8])] = [
        ("a block of a kind that is not given out", [0x07]),
        ("a stored block whose lengths do not agree", [0x00, 0x05, 0x00, 0x00, 0x00]),
        ("an end within a block", [0xF2, 0x48, 0xCD]),
        ("no bytes at all", []),
        ("a final block without the byte behind it", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
        ("a reference to before the beginning", [0xF2, 0x00, 0x11, 0x00, 0x00]),
        ("the tail that had to be taken off, cut", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00]),
    ]

    @Test("what is no DEFLATE, or not all of it, is corrupt", arguments: corrupt)
    func isCorrupt(what: String, payload: [UInt8]) {
        #expect(restore(payload, Inflater(windowBits: 15)).0 == .corrupt)
    }

    @Test("random bytes are restored, refused, or too big, and never more than the limit", arguments: 1...4)
    func random(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var outcomes: Set<String> = []
        for _ in 0..<3000 {
            let payload = (0..<Int.random(in: 1...60, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let (outcome, restored) = restore(payload, Inflater(windowBits: 15), limit: 200)
            #expect(restored.count <= 201)
            outcomes.insert("\(outcome)")
        }
        #expect(outcomes.contains("corrupt") && outcomes.count > 1)
    }
}
