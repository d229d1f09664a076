import Testing
import WebSocket

/// Whether the bytes are UTF-8, given in the pieces that `cuts` say, and at which byte the validator gave up.
private func validate(_ bytes: [UInt8], stride: Int) -> (isText: Bool, failedIn: Int?) {
    var validator = UTF8Validator()
    var offset = 0
    while offset < bytes.count {
        let end = min(offset + stride, bytes.count)
        guard bytes[offset..<end].withUnsafeBytes({ validator.consume($0) }) else { return (false, offset) }
        offset = end
    }
    return (validator.isComplete, nil)
}

@Suite("UTF-8")
struct UTF8ValidatorTests {
    @Test(
        "what RFC 3629 allows passes, however it is cut",
        arguments: [
            [], [0x00], [0x7F], [0xC2, 0x80], [0xDF, 0xBF], [0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80, 0x80],
            [0xEF, 0xBF, 0xBF], [0xF0, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], Array("κόσμε".utf8),
            Array("an ASCII text of more than sixteen bytes, then é, and on".utf8), Array("1234567é12345678é".utf8),
        ] as [[UInt8]])
    func valid(bytes: [UInt8]) {
        for stride in [1, 2, 3, 8, 1000] { #expect(validate(bytes, stride: stride).isText) }
    }

    @Test(
        "what RFC 3629 forbids fails at the first byte that tells",
        arguments: [
            ([0x80], 0), ([0xBF], 0), ([0xC0], 0), ([0xC1, 0xBF], 0), ([0xF5], 0), ([0xFE], 0), ([0xFF], 0),
            ([0xE0, 0x80, 0x80], 1), ([0xE0, 0x9F, 0xBF], 1), ([0xF0, 0x80, 0x80, 0x80], 1),
            ([0xF0, 0x8F, 0xBF, 0xBF], 1),
            ([0xED, 0xA0, 0x80], 1), ([0xED, 0xBF, 0xBF], 1), ([0xF4, 0x90, 0x80, 0x80], 1), ([0xC2, 0x41], 1),
            ([0xE1, 0x80, 0x41], 2), ([0xE1, 0x80, 0xC2], 2), ([0xF1, 0x80, 0x80, 0x00], 3), ([0x41, 0x80], 1),
            ([0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0xFF], 9), ([0xC3, 0xA9, 0xA9], 2),
        ] as [([UInt8], Int)])
    func invalid(bytes: [UInt8], at: Int) {
        #expect(validate(bytes, stride: 1).failedIn == at)
        #expect(!validate(bytes, stride: 1000).isText)
    }

    @Test(
        "a text that ends within a character is not complete",
        arguments: [
            [0xC2], [0xE0], [0xE0, 0xA0], [0xF0], [0xF0, 0x90], [0xF4, 0x8F, 0xBF], [0x41, 0xC3],
        ] as [[UInt8]])
    func truncated(bytes: [UInt8]) {
        let outcome = validate(bytes, stride: 1)
        #expect(!outcome.isText && outcome.failedIn == nil)
    }

    @Test("it agrees with the standard library on random bytes")
    func random() {
        var generator = SeededGenerator(seed: 7)
        let telling: [UInt8] = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1,
            0xF4, 0xF5,
        ]
        for _ in 0..<50_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                if Int.random(in: 0..<4, using: &generator) == 0 { bytes += Array(repeating: 0x61, count: 9) }
                bytes.append(telling[Int.random(in: 0..<telling.count, using: &generator)])
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            for stride in [1, 5, 1000] where validate(bytes, stride: stride).isText != expected {
                Issue.record("\(bytes) in pieces of \(stride): expected \(expected)")
            }
        }
    }

    @Test("it agrees with the standard library on every scalar")
    func scalars() {
        var mistakes = 0
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            if !validate(Array(String(scalar).utf8), stride: 1).isText { mistakes += 1 }
        }
        #expect(mistakes == 0)
    }
}
