import EventLog
import Testing

@testable import RedisStreams

@Suite("Entries of an XREAD reply")
struct StreamEntryDecoderTests {
    static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var wire: [UInt8]
        var expected: [Decoded]
        var testDescription: String { name }
    }

    static let legal: [Case] = [
        Case(name: "nothing within the block time", wire: RESP.null, expected: [.empty]),
        Case(name: "a null string", wire: text("$-1\r\n"), expected: [.empty]),
        Case(
            name: "an error", wire: text("-NOAUTH Authentication required.\r\n"),
            expected: [.error("NOAUTH Authentication required.")]),
        Case(name: "no entries", wire: RESP.read([]), expected: [.end]),
        Case(
            name: "one entry", wire: RESP.read([RESP.entry("1-2", data: "{}")]),
            expected: [.entry("1-2", data: "{}"), .end]),
        Case(
            name: "several entries",
            wire: RESP.read([
                RESP.entry("1-0", data: "a"), RESP.entry("1-1", data: ""),
                RESP.entry("18446744073709551615-0", data: "c"),
            ]),
            expected: [
                .entry("1-0", data: "a"), .entry("1-1", data: ""), .entry("18446744073709551615-0", data: "c"), .end,
            ]),
        Case(
            name: "no field data", wire: RESP.read([RESP.entry("1-0", [text("x"), text("y")])]),
            expected: [.entry("1-0", nil), .end]),
        Case(
            name: "data as a value only", wire: RESP.read([RESP.entry("1-0", [text("x"), text("data")])]),
            expected: [.entry("1-0", nil), .end]),
        Case(
            name: "data is not the first field",
            wire: RESP.read([
                RESP.entry("1-0", [text("a"), text("data"), text("data"), text("yes"), text("z"), text("")])
            ]),
            expected: [.entry("1-0", data: "yes"), .end]),
        Case(
            name: "data twice: the first counts",
            wire: RESP.read([RESP.entry("1-0", [text("data"), text("1"), text("data"), text("2")])]),
            expected: [.entry("1-0", data: "1"), .end]),
        Case(
            name: "names that look like data",
            wire: RESP.read([
                RESP.entry(
                    "1-0", [text("dat"), [1], text("data\0"), [2], text("DATA"), [3], [], [4], text("data"), [5]])
            ]),
            expected: [.entry("1-0", [5]), .end]),
        Case(
            name: "binary names and values",
            wire: RESP.read([RESP.entry("1-0", [[0xFF, 0, 13, 10], Array(0...255), text("data"), [13, 10, 0, 0xFE]])]),
            expected: [.entry("1-0", [13, 10, 0, 0xFE]), .end]),
        Case(
            name: "an entry that was deleted",
            wire: RESP.read([RESP.array([RESP.bulk("1-0"), RESP.null]), RESP.entry("1-1", data: "b")]),
            expected: [.entry("1-0", nil), .entry("1-1", data: "b"), .end]),
        Case(
            name: "replies back to back",
            wire: RESP.read([RESP.entry("1-0", data: "a")]) + RESP.null + RESP.read([RESP.entry("2-0", data: "b")])
                + RESP.read([]),
            expected: [.entry("1-0", data: "a"), .end, .empty, .entry("2-0", data: "b"), .end, .end]),
        Case(
            name: "an error and then entries", wire: text("-LOADING\r\n") + RESP.read([RESP.entry("1-0", data: "a")]),
            expected: [.error("LOADING"), .entry("1-0", data: "a"), .end]),
        Case(
            name: "an ID without a sequence", wire: RESP.read([RESP.entry("7", data: "a")]),
            expected: [.entry("7-0", data: "a"), .end]),
    ]

    @Test("each answer is taken apart, however it arrives", arguments: legal, pieces)
    func answers(of example: Case, piece: Int) {
        #expect(decode(example.wire, piece: piece) == example.expected)
    }

    static let illegal: [Case] = [
        Case(name: "a state", wire: text("+OK\r\n"), expected: []),
        Case(name: "an integer", wire: text(":1\r\n"), expected: []),
        Case(name: "a string", wire: RESP.bulk("x"), expected: []),
        Case(name: "an empty array", wire: RESP.array([]), expected: []),
        Case(name: "two streams", wire: RESP.array([RESP.null, RESP.null]), expected: []),
        Case(name: "no stream", wire: RESP.array([RESP.null]), expected: []),
        Case(name: "a stream without entries", wire: RESP.array([RESP.array([RESP.bulk("s")])]), expected: []),
        Case(
            name: "a stream with null entries", wire: RESP.array([RESP.array([RESP.bulk("s"), RESP.null])]),
            expected: []),
        Case(
            name: "a stream whose name is a number", wire: RESP.array([RESP.array([RESP.integer(1), RESP.array([])])]),
            expected: []),
        Case(
            name: "a range", wire: RESP.array([RESP.entry("1-0", data: "x"), RESP.entry("1-1", data: "y")]),
            expected: []),
        Case(
            name: "an entry that is a string", wire: RESP.read([RESP.bulk("1-0"), RESP.bulk("1-0"), RESP.bulk("1-0")]),
            expected: []),
        Case(name: "a null entry", wire: RESP.read([RESP.null, RESP.entry("1-0", data: "x")]), expected: []),
        Case(
            name: "an entry of three parts", wire: RESP.read([RESP.array([RESP.bulk("1-0"), RESP.null, RESP.null])]),
            expected: []),
        Case(name: "an entry of one part", wire: RESP.read([RESP.array([RESP.bulk("1-0")])]), expected: []),
        Case(name: "an entry whose ID is none", wire: RESP.read([RESP.entry("1-", data: "x")]), expected: []),
        Case(
            name: "an entry whose ID is a number", wire: RESP.read([RESP.array([RESP.integer(1), RESP.null])]),
            expected: []),
        Case(
            name: "an entry whose fields are a string",
            wire: RESP.read([RESP.array([RESP.bulk("1-0"), RESP.bulk("x")])]), expected: []),
        Case(
            name: "a wrong entry behind a right one",
            wire: RESP.read([RESP.entry("1-0", data: "a"), RESP.entry("x", data: "b")]),
            expected: [.entry("1-0", data: "a")]),
        Case(
            name: "fields behind data that are arrays",
            wire: RESP.read([
                RESP.array([
                    RESP.bulk("1-0"),
                    RESP.array([RESP.bulk("data"), RESP.bulk("a"), RESP.array([RESP.integer(1)]), RESP.null]),
                ])
            ]) + RESP.read([]),
            expected: []),
        Case(name: "no RESP", wire: text("x"), expected: []),
        Case(
            name: "no RESP within the entries", wire: RESP.read([RESP.entry("1-0", data: "a"), []]) + text("x"),
            expected: [.entry("1-0", data: "a")]),
    ]

    @Test("anything else is a protocol error", arguments: illegal, pieces)
    func strangers(of example: Case, piece: Int) {
        #expect(decode(example.wire, piece: piece) == example.expected + [.protocolError])
    }

    @Test("a protocol error stays one")
    func protocolErrorStays() {
        let reader = ReplyReader()
        var decoder = StreamEntryDecoder()
        reader.feed(RESP.integer(1))
        #expect(drain(&decoder, reader) == [.protocolError])
        reader.feed(RESP.read([RESP.entry("1-0", data: "a")]))
        #expect(drain(&decoder, reader) == [.protocolError])
    }

    @Test("an absurd count of streams is refused at once, one of entries costs nothing")
    func absurdCounts() {
        #expect(decode(Array("*1000000000\r\n".utf8), piece: .max) == [.protocolError])
        let reader = ReplyReader()
        var decoder = StreamEntryDecoder()
        reader.feed(Array("*1\r\n*2\r\n$1\r\ns\r\n*1000000000\r\n".utf8) + RESP.entry("1-0", data: "a"))
        #expect(drain(&decoder, reader) == [.entry("1-0", data: "a")])
        #expect(reader.footprint < 64 * 1024)
    }

    @Test("entries come out as soon as they are whole, while the reply is not")
    func entriesWhileIncomplete() {
        let entries = (0..<50).map { RESP.entry("1-\($0)", data: "event \($0)") }
        let wire = RESP.read(entries)
        // Where each entry ends on the wire.
        var ends: [Int] = []
        var position = wire.count - entries.reduce(0) { $0 + $1.count }
        for entry in entries {
            position += entry.count
            ends.append(position)
        }
        let reader = ReplyReader()
        var decoder = StreamEntryDecoder()
        var seen: [Decoded] = []
        for (index, byte) in wire.enumerated() {
            reader.feed([byte])
            seen += drain(&decoder, reader)
            let whole = ends.prefix { $0 <= index + 1 }.count
            #expect(seen.count == whole + (index + 1 == wire.count ? 1 : 0))
        }
        #expect(seen == entries.indices.map { .entry("1-\($0)", data: "event \($0)") } + [.end])
    }

    @Test("any cut of a reply in two gives the same entries")
    func cuts() {
        let wire =
            RESP.read([
                RESP.entry("1-0", data: "a"), RESP.entry("1-1", [[9], [], Array("data".utf8), [1, 2, 3]]),
                RESP.entry("1-2", []),
            ]) + RESP.null + RESP.read([RESP.entry("2-0", data: "b")])
        let expected: [Decoded] = [
            .entry("1-0", data: "a"), .entry("1-1", [1, 2, 3]), .entry("1-2", nil), .end, .empty,
            .entry("2-0", data: "b"), .end,
        ]
        for cut in 0...wire.count {
            let reader = ReplyReader()
            var decoder = StreamEntryDecoder()
            reader.feed(wire[..<cut])
            var seen = drain(&decoder, reader)
            #expect(drain(&decoder, reader) == [], "asked again without new bytes")
            reader.feed(wire[cut...])
            seen += drain(&decoder, reader)
            #expect(seen == expected, "cut at \(cut)")
        }
    }

    @Test("a reply of 1,000 entries of 1 MiB, in pieces of 64 KiB, never stands in memory whole")
    func largeReply() {
        let data = [UInt8](repeating: UInt8(ascii: "d"), count: 1024 * 1024)
        let reader = ReplyReader()
        var decoder = StreamEntryDecoder()
        var count = 0
        var ended = false
        var largest = 0
        let before = processMemory().resident
        var largestResident = 0

        func take() {
            while true {
                switch decoder.next(reader) {
                case .needMore: return
                case .entry(let id, let bytes):
                    #expect(id == StreamID(milliseconds: 5, sequence: UInt64(count)))
                    #expect(bytes?.count == data.count)
                    count += 1
                case .end: ended = true
                case .empty, .error, .protocolError:
                    Issue.record("a reply of entries was not taken for one")
                    return
                }
                largest = max(largest, reader.footprint)
            }
        }
        reader.feed(Array("*1\r\n*2\r\n$1\r\ns\r\n*1000\r\n".utf8))
        for index in 0..<1000 {
            let entry = RESP.entry("5-\(index)", [Array("data".utf8), data])
            entry.withUnsafeBytes { bytes in
                for start in stride(from: 0, to: bytes.count, by: 65_536) {
                    reader.feed(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 65_536, bytes.count)]))
                    take()
                }
            }
            if index % 100 == 0 { largestResident = max(largestResident, processMemory().resident) }
        }
        #expect(count == 1000)
        #expect(ended)
        #expect(largest < 3 * 1024 * 1024)
        #expect(reader.footprint <= 512 * 1024)
        // The reply is 1,000 MiB.
        #expect(largestResident - before < 300 * 1024 * 1024)
    }

    @Test("an entry of 100,000 fields costs what it is")
    func manyFields() {
        var fields: [[UInt8]] = []
        for index in 0..<100_000 { fields += [Array("f\(index)".utf8), [1]] }
        let wire = RESP.read([RESP.entry("1-0", fields + [Array("data".utf8), [7]]), RESP.entry("1-1", data: "x")])
        #expect(decode(wire, piece: 4096) == [.entry("1-0", [7]), .entry("1-1", data: "x"), .end])
    }

    @Test("random replies come out the same whole and in pieces", arguments: 0..<10)
    func randomReplies(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var wire: [UInt8] = []
        var expected: [Decoded] = []
        for _ in 0..<30 {
            if Int.random(in: 0..<5, using: &random) == 0 {
                wire += RESP.null
                expected.append(.empty)
                continue
            }
            var entries: [[UInt8]] = []
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let id = "\(random.next())-\(random.next() % 100)"
                var fields: [[UInt8]] = []
                var data: [UInt8]?
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let isData = Bool.random(using: &random)
                    let value = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                    fields += [Array((isData ? "data" : "other").utf8), value]
                    if isData, data == nil { data = value }
                }
                entries.append(RESP.entry(id, fields))
                expected.append(.entry(id, data))
            }
            wire += RESP.read(entries)
            expected.append(.end)
        }
        for piece in [Int.max, 1, 17, 1000] { #expect(decode(wire, piece: piece) == expected) }
    }
}
