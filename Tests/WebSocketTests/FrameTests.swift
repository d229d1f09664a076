import Testing
import WebSocket

@Suite("Frame writing")
struct FrameTests {
    @Test(
        "headers are those of RFC 6455 section 5.2, lengths in the fewest bytes",
        arguments: [
            (0, [0x81, 0x00]), (125, [0x81, 0x7D]), (126, [0x81, 0x7E, 0x00, 0x7E]), (65535, [0x81, 0x7E, 0xFF, 0xFF]),
            (65536, [0x81, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]), (1 << 32, [0x81, 0x7F, 0, 0, 0, 1, 0, 0, 0, 0]),
        ] as [(Int, [UInt8])])
    func headers(length: Int, expected: [UInt8]) {
        var bytes = [UInt8](repeating: 0xEE, count: FrameHeader.maximumLength)
        let written = bytes.withUnsafeMutableBytes {
            FrameHeader.write(opcode: .text, payloadLength: length, into: $0)
        }
        #expect(written == FrameHeader.length(forPayload: length))
        #expect(Array(bytes[..<written]) == expected)
        #expect(bytes[written...].allSatisfy { $0 == 0xEE })
    }

    @Test("a client's header has the mask bit and the key, its low byte first")
    func maskedHeader() {
        var bytes = [UInt8](repeating: 0, count: 8)
        let written = bytes.withUnsafeMutableBytes {
            FrameHeader.writeMasked(opcode: .binary, payloadLength: 256, key: 0x3D21_FA37, isFinal: false, into: $0)
        }
        #expect(written == 8 && FrameHeader.maskedLength(forPayload: 256) == 8)
        #expect(bytes == [0x02, 0xFE, 0x01, 0x00, 0x37, 0xFA, 0x21, 0x3D])
    }

    @Test("masking is byte i with key byte i mod 4, in pieces too")
    func masking() {
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        for count in 0...40 {
            let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let expected = plain.indices.map { plain[$0] ^ key[$0 % 4] }
            for cut in 0...count {
                var bytes = plain
                bytes.withUnsafeMutableBytes { all in
                    let turned = Masking.apply(0x3D21_FA37, to: UnsafeMutableRawBufferPointer(rebasing: all[..<cut]))
                    Masking.apply(turned, to: UnsafeMutableRawBufferPointer(rebasing: all[cut...]))
                }
                #expect(bytes == expected)
            }
        }
    }

    @Test("a control frame carries at most 125 bytes")
    func controlLimit() {
        let bytes = unmasked(.pong, [UInt8](repeating: 1, count: 300))
        #expect(bytes.count == 127 && bytes[1] == 125)
    }

    @Test("a close reason is cut at the end of a character")
    func closeReason() {
        #expect(Frame.close(nil, reason: "ignored") == [0x88, 0x00])
        #expect(Frame.close(.normalClosure) == [0x88, 0x02, 0x03, 0xE8])
        #expect(Frame.close(.goingAway, reason: "ok") == [0x88, 0x04, 0x03, 0xE9, 0x6F, 0x6B])
        let long = Frame.close(.goingAway, reason: String(repeating: "é", count: 100))
        #expect(long.count == 2 + 2 + 122)
        #expect(String(validating: long[4...], as: UTF8.self) == String(repeating: "é", count: 61))
    }

    @Test("only codes that may be sent are close codes")
    func closeCodes() {
        let sent = (UInt16.min...UInt16.max).filter { CloseCode(rawValue: $0) != nil }
        #expect(sent == Array(1000...1003) + Array(1007...1014) + Array(3000...4999))
    }
}
