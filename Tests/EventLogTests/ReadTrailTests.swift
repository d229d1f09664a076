import Testing

@testable import EventLog

/// What was read last, by ID and hash.
@Suite struct ReadTrailTests {
    private static let channel = Channel(Array("alpha".utf8))

    private static func body(_ number: Int) -> String { "\"channel_id\": \"alpha\", \"n\": \(number)}" }

    /// Reads events with these IDs, each in a batch of its own if nothing else is said.
    private static func read(_ trail: inout ReadTrail, _ milliseconds: [UInt64], text: String? = nil, batch: Int = 1) {
        var index = BucketIndex(historyBytes: 0)
        for start in stride(from: 0, to: milliseconds.count, by: batch) {
            var builder = BatchBuilder()
            for time in milliseconds[start..<min(start + batch, milliseconds.count)] {
                builder.append(id: .ms(time), body: Array((text ?? body(Int(time))).utf8), channel: channel)
            }
            trail.append(builder.seal(index: &index))
        }
    }

    private static func has(_ trail: ReadTrail, _ milliseconds: UInt64, _ text: String? = nil) -> Bool {
        Array("{\(text ?? body(Int(milliseconds)))".utf8).withUnsafeBytes { trail.has(.ms(milliseconds), $0) }
    }

    @Test("a trail of any size has the last events that were read, and no others", arguments: [1, 2, 7, 64])
    func ring(capacity: Int) {
        var trail = ReadTrail(floor: .ms(9), capacity: capacity)
        var read: [UInt64] = []
        for step in 0..<UInt64(40) {
            let ids = [10 + 10 * step, 13 + 10 * step, 14 + 10 * step]
            Self.read(&trail, ids, batch: 2)
            read += ids
            let kept = read.suffix(capacity)
            #expect(trail.count == kept.count && trail.countSinceBreak == kept.count)
            #expect(trail.floor == (read.count > capacity ? .ms(read[read.count - capacity - 1]) : .ms(9)))
            for id in 9...(20 + 10 * step) { #expect(Self.has(trail, id) == kept.contains(id), "\(id)") }
        }
    }

    @Test("an event with the same ID and another text, of the same length too, is another")
    func bodies() {
        for length in 0..<100 {
            var trail = ReadTrail(floor: .ms(0))
            let text = String(repeating: "a", count: length) + "}"
            Self.read(&trail, [10], text: text)
            #expect(Self.has(trail, 10, text))
            #expect(!Self.has(trail, 10, "a" + text) && !Self.has(trail, 10, "\0" + text))
            for place in 0..<length {
                var other = Array(text.utf8)
                other[place] = UInt8(ascii: "b")
                #expect(!Self.has(trail, 10, String(decoding: other, as: UTF8.self)), "\(place) of \(length)")
            }
        }
    }

    @Test("parts of a text that change places make another text")
    func order() {
        let parts = ["0123456789abcdef", "ghijklmnopqrstuv", "wxyzABCDEFGHIJKL", "MNOPQRSTUVWXYZ.,"]
        let text = parts.joined() + "}"
        var trail = ReadTrail(floor: .ms(0))
        Self.read(&trail, [10], text: text)
        for first in 0..<4 {
            for second in 0..<first {
                var moved = parts
                moved.swapAt(first, second)
                #expect(!Self.has(trail, 10, moved.joined() + "}"))
            }
        }
        #expect(Self.has(trail, 10, text))
    }

    @Test("line ends are spaces in the log, and are so here")
    func lineEnds() {
        var trail = ReadTrail(floor: .ms(0))
        Self.read(&trail, [10], text: "\"a\": 1 , \"b\": 2}")
        #expect(Self.has(trail, 10, "\"a\": 1\n, \"b\": 2}"))
    }

    @Test("of what a stream lacks that has taken another's place nothing is left", arguments: [4, 8, 20])
    func breaks(capacity: Int) {
        var trail = ReadTrail(floor: .ms(0), capacity: capacity)
        Self.read(&trail, Array(1...10))
        trail.breakOff(after: .ms(8))
        #expect(Self.has(trail, 8) && !Self.has(trail, 9) && trail.countSinceBreak == 0)
        #expect(trail.count == min(capacity, 10) - 2)
        Self.read(&trail, [9], text: "another}")
        #expect(Self.has(trail, 9, "another}") && !Self.has(trail, 9) && trail.countSinceBreak == 1)
        Self.read(&trail, Array(20...60))
        let kept = Array(UInt64(20)...60).suffix(capacity)
        for id in UInt64(10)...60 { #expect(Self.has(trail, id) == kept.contains(id)) }
        #expect(trail.count == min(capacity, 50))
    }

    @Test("a stream that agrees nowhere with what is known is known from where it is read")
    func brokenOffBelow() {
        var trail = ReadTrail(floor: .ms(100), capacity: 3)
        Self.read(&trail, [110, 120, 130, 140])
        #expect(trail.floor == .ms(110))
        trail.breakOff(after: .ms(50))
        #expect(trail.count == 0 && trail.floor == .ms(50))
        Self.read(&trail, [60, 70, 80, 90])
        #expect(trail.floor == .ms(60) && Self.has(trail, 70) && !Self.has(trail, 120))
    }

    @Test("a stream that begins below what was read leaves nothing above its beginning")
    func lowerWithoutABreak() {
        var trail = ReadTrail(floor: .ms(100))
        Self.read(&trail, [50])
        #expect(trail.floor == StreamID.ms(50).predecessor && Self.has(trail, 50))
        Self.read(&trail, [60, 70])
        Self.read(&trail, [60], text: "another}")
        #expect(Self.has(trail, 50) && Self.has(trail, 60, "another}") && !Self.has(trail, 60) && !Self.has(trail, 70))
        #expect(trail.count == 2)
    }

    @Test("it holds no more than 512 KiB")
    func footprint() { #expect(ReadTrail.maximumCount * ReadTrail.bytesOfMark <= 512 << 10) }
}
