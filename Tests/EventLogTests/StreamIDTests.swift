import EventLog
import Testing

@Suite("Stream IDs")
struct StreamIDTests {
    static func id(_ text: String) -> StreamID? { Array(text.utf8).withUnsafeBytes { StreamID(text: $0) } }

    static let legal: [(String, UInt64, UInt64)] = [
        ("0-0", 0, 0),
        ("1700000000000-42", 1_700_000_000_000, 42),
        ("5", 5, 0),
        ("18446744073709551615-18446744073709551615", .max, .max),
        ("18446744073709551615", .max, 0),
        ("00000000000000000007-00000000000000000009", 7, 9),
        ("007-09", 7, 9),
    ]

    @Test("a text of digits, with or without a sequence, is an ID", arguments: legal)
    func legalText(text: String, milliseconds: UInt64, sequence: UInt64) {
        #expect(Self.id(text) == StreamID(milliseconds: milliseconds, sequence: sequence))
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "-", "1-", "-1", "--", "1--1", "1-1-1", "1-1-", "+1", "+1-1", "1-+1", "1--0", " 1", "1 ", "1 -1",
            "1- 1", "1-1 ", "1-1\n",
            "1-1\0", "\0", "a", "1-a", "0x1", "1.0", "1,0", "$", "*", "١", "1-１", "18446744073709551616",
            "1-18446744073709551616",
            "99999999999999999999", "1-99999999999999999999", "000000000000000000001", "1-000000000000000000001",
            "1234567890123456789012345678901234567890", "1:1", "1/1", "1-1%20",
            "9223372036854775807-9223372036854775808x",
        ])
    func illegalText(text: String) {
        #expect(Self.id(text) == nil)
    }

    @Test("no text at all is none")
    func noText() {
        #expect(StreamID(text: UnsafeRawBufferPointer(start: nil, count: 0)) == nil)
    }

    @Test("IDs are ordered by time and then by sequence")
    func order() {
        let ascending = [
            StreamID.zero, StreamID(milliseconds: 0, sequence: 1), StreamID(milliseconds: 0, sequence: .max),
            StreamID(milliseconds: 1, sequence: 0), StreamID(milliseconds: 1, sequence: 1),
            StreamID(milliseconds: 2, sequence: 0),
            StreamID(milliseconds: .max, sequence: 0), StreamID.max,
        ]
        for (index, left) in ascending.enumerated() {
            for (other, right) in ascending.enumerated() {
                #expect((left < right) == (index < other))
                #expect((left == right) == (index == other))
            }
        }
        #expect(ascending.reversed().sorted() == ascending)
    }

    @Test("the next and the previous ID are neighbours, and stay at the ends")
    func neighbours() {
        let carry = StreamID(milliseconds: 5, sequence: .max)
        #expect(carry.successor == StreamID(milliseconds: 6, sequence: 0))
        #expect(carry.successor.predecessor == carry)
        #expect(StreamID.zero.successor == StreamID(milliseconds: 0, sequence: 1))
        #expect(StreamID.zero.predecessor == .zero)
        #expect(StreamID.max.successor == .max)
        #expect(StreamID.max.predecessor == StreamID(milliseconds: .max, sequence: .max - 1))
        #expect(
            StreamID(milliseconds: .max, sequence: 0).predecessor == StreamID(milliseconds: .max - 1, sequence: .max))
    }

    @Test("what is written is the description, in no more room than promised, and reads as the same ID")
    func writing() {
        var generator = SeededNumbers(state: 0x5EED)
        var ids: [StreamID] = [.zero, .max]
        for power in 0..<20 {
            let value = (0..<power).reduce(UInt64(1)) { product, _ in product * 10 }
            ids += [
                StreamID(milliseconds: value, sequence: value - 1), StreamID(milliseconds: value - 1, sequence: value),
            ]
        }
        for _ in 0..<5000 {
            // Shifted, so that every length comes up.
            ids.append(
                StreamID(
                    milliseconds: generator.next() >> (generator.next() % 64),
                    sequence: generator.next() >> (generator.next() % 64)))
        }
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: StreamID.maximumTextLength + 1, alignment: 1)
        defer { room.deallocate() }
        for id in ids {
            room[StreamID.maximumTextLength] = 0xAA
            let length = id.write(into: UnsafeMutableRawBufferPointer(rebasing: room[..<StreamID.maximumTextLength]))
            let text = UnsafeRawBufferPointer(rebasing: room[..<length])
            #expect(String(decoding: text, as: UTF8.self) == "\(id.milliseconds)-\(id.sequence)")
            #expect(id.description == "\(id.milliseconds)-\(id.sequence)")
            #expect(StreamID(text: text) == id)
            #expect(room[StreamID.maximumTextLength] == 0xAA)
        }
    }

    /// SplitMix64.
    private struct SeededNumbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            let mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            let again = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return again ^ (again >> 31)
        }
    }
}
