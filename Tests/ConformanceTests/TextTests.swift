import Testing

/// Section 8.1 of RFC 6455, and RFC 3629.
@Suite("Conformance: UTF-8")
struct TextTests {
    private static let greeting = Array("Hello-µ@ßöäüàá-UTF-8!!".utf8)

    @Test("6.1: fragments without bytes make an empty message, or none of the message's text")
    func emptyFragments() throws {
        let empty = frame(0, [], isFinal: false)
        try Case.carryOut([
            Case("6.1.1", frame(1), [.text("")]),
            Case("6.1.2", frame(1, [], isFinal: false) + empty + frame(0), [.text("")]),
            Case(
                "6.1.3", frame(1, [], isFinal: false) + frame(0, "middle", isFinal: false) + frame(0), [.text("middle")]
            ),
        ])
    }

    private static func characters(_ values: [UInt32]) -> [[UInt8]] {
        values.compactMap { Unicode.Scalar($0).map { Array(String(Character($0)).utf8) } }
    }

    /// Sequences that are UTF-8: the first and the last of each length, what borders on the surrogates, non-characters.
    private static let valid: [[UInt8]] =
        [greeting, Array("κόσμε".utf8), Array("hello𤭢world".utf8)]
        + characters([
            0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x1_0000, 0x10_FFFF, 0xD7FF, 0xE000, 0xFFFD, 0xFFF9, 0xFFFA, 0xFFFB,
            0xFFFC,
            0xFFFE, 0xFDD0, 0xFEFF,
        ])
        + characters((1...16).flatMap { [$0 << 16 | 0xFFFE, $0 << 16 | 0xFFFF] })

    @Test("6.2: valid text comes back, whole, in fragments of a byte and in pieces of a byte")
    func validText() throws {
        var cases: [Case] = []
        for (index, text) in Self.valid.enumerated() {
            cases.append(Case("6.2 valid \(index)", frame(1, text), [.text(text)]))
            cases.append(Case("6.2 valid \(index), fragments", fragmented(1, text, by: 1), [.text(text)]))
            cases.append(Case("6.2 valid \(index), pieces", frame(1, text), chop: 1, [.text(text)]))
        }
        try Case.carryOut(cases)
    }

    /// Sequences of which no text has any, each up to its first impossible byte.
    private static let invalid: [[UInt8]] = [
        // 6.9 and 6.12: continuation bytes that continue nothing.
        [0x80], [0xBF],
        // 6.13: a start without what belongs to it.
        [0xC2, 0x20], [0xDF, 0x20], [0xE0, 0xA0, 0x20], [0xEF, 0x20], [0xF0, 0x90, 0x80, 0x20], [0xF4, 0x20],
        [0xC2, 0xC2], [0xE1, 0x80, 0xE1],
        // 6.7, 6.9 and 6.16: bytes that are never there.
        [0xC0], [0xC1], [0xF5], [0xF7], [0xF8], [0xFB], [0xFC], [0xFD], [0xFE], [0xFF],
        // 6.17 to 6.19: more bytes than needed.
        [0xE0, 0x80], [0xE0, 0x9F], [0xF0, 0x80], [0xF0, 0x8F],
        // 6.11: above U+10FFFF.
        [0xF4, 0x90], [0xF4, 0xBF],
        // 6.20 and 6.21: surrogates, alone and in pairs.
        [0xED, 0xA0], [0xED, 0xAD], [0xED, 0xAE], [0xED, 0xAF], [0xED, 0xB0], [0xED, 0xBE], [0xED, 0xBF],
    ]

    @Test("6.3: invalid text fails the connection, however it is cut")
    func invalidText() throws {
        var cases: [Case] = []
        for sequence in Self.invalid {
            let text = Array("κόσμε".utf8) + sequence + Array("edited".utf8)
            cases.append(Case("6.3 \(sequence)", frame(1, text), [], .failed(1007)))
            cases.append(Case("6.3 \(sequence), fragments", fragmented(1, text, by: 1), [], .failed(1007)))
            cases.append(Case("6.3 \(sequence), pieces", frame(1, text), chop: 1, [], .failed(1007)))
        }
        try Case.carryOut(cases)
    }

    @Test("6.4: invalid text fails at its first impossible byte: in a message, and in a frame, that never ends")
    func failsFast() throws {
        var cases: [Case] = []
        for sequence in Self.invalid {
            let start = Array("κόσμε".utf8)
            let fragments = frame(1, start, isFinal: false) + frame(0, sequence, isFinal: false)
            cases.append(Case("6.4 \(sequence), fragments", fragments, [], .failed(1007)))
            let whole = frame(1, start + sequence + Array("edited".utf8))
            cases.append(Case("6.4 \(sequence), one frame", Array(whole.dropLast(6)), [], .failed(1007)))
        }
        try Case.carryOut(cases)
    }

    @Test("6.6 and 6.14: a text that ends within a character is refused, as is every other prefix of one")
    func prefixes() throws {
        let text = Array("Hé€😀".utf8)
        let ends = Set([1, 3, 6, 10])
        try Case.carryOut(
            (1...text.count).map { count in
                let prefix = Array(text[..<count])
                return ends.contains(count)
                    ? Case("6.6 \(count)", frame(1, prefix), [.text(prefix)])
                    : Case("6.6 \(count)", frame(1, prefix), [], .failed(1007))
            })
    }

    @Test("binary messages may hold anything")
    func binary() throws {
        try Case.carryOut(Self.invalid.map { Case("6.x \($0) as binary", frame(2, $0), [.binary($0)]) })
    }
}
