import EventLog
import Testing

@testable import RedisStreams

@Suite("RESP2 replies")
struct ReplyReaderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var wire: String
        var expected: [Reply]
        var testDescription: String { wire.debugDescription }

        init(_ wire: String, _ expected: Reply...) {
            self.wire = wire
            self.expected = expected
        }
    }

    static func bulk(_ text: String) -> Reply { .string(Array(text.utf8)) }

    static let legal: [Case] = [
        Case("+OK\r\n", .status("OK")),
        Case("+\r\n", .status("")),
        Case("-ERR no\r\n", .error("ERR no")),
        Case(":0\r\n", .integer(0)),
        Case(":-1\r\n", .integer(-1)),
        Case(":9223372036854775807\r\n", .integer(.max)),
        Case(":-9223372036854775808\r\n", .integer(.min)),
        Case("$0\r\n\r\n", bulk("")),
        Case("$2\r\n\r\n\r\n", bulk("\r\n")),
        Case("$5\r\n+OK\r\n\r\n", bulk("+OK\r\n")),
        Case("$3\r\na\0b\r\n", bulk("a\0b")),
        Case("$-1\r\n", .null),
        Case("*-1\r\n", .null),
        Case("*0\r\n", .array([])),
        Case("*1\r\n*0\r\n", .array([.array([])])),
        Case("*2\r\n*-1\r\n$-1\r\n", .array([.null, .null])),
        Case("*3\r\n:1\r\n+a\r\n-b\r\n", .array([.integer(1), .status("a"), .error("b")])),
        Case(
            "*2\r\n*2\r\n:1\r\n*1\r\n:2\r\n:3\r\n",
            .array([.array([.integer(1), .array([.integer(2)])]), .integer(3)])),
        Case("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n", .array([.array([.array([.array([.array([.integer(7)])])])])])),
        Case(
            ":1\r\n+two\r\n*1\r\n$5\r\nthree\r\n:4\r\n", .integer(1), .status("two"), .array([bulk("three")]),
            .integer(4)),
    ]

    @Test("each legal reply is read as it is, however it arrives", arguments: legal, pieces)
    func legalReply(of example: Case, piece: Int) {
        #expect(parse(Array(example.wire.utf8), piece: piece) == Replies(replies: example.expected))
    }

    @Test("binary strings and invalid UTF-8 in a state are no error", arguments: pieces)
    func binary(piece: Int) {
        let all = Array(UInt8.min...UInt8.max)
        #expect(parse(RESP.bulk(all), piece: piece).replies == [.string(all)])
        #expect(parse(Array("-ERR ".utf8) + [0xFF] + [13, 10], piece: piece).replies == [.error("ERR \u{FFFD}")])
    }

    static let illegal = [
        "GET / HTTP/1.1\r\n", "\r\n", "\0", "x", ":\r\n", ":+1\r\n", ":01\r\n", ":1x\r\n", ":1 \r\n",
        ":9223372036854775808\r\n",
        ":-9223372036854775809\r\n", ":18446744073709551617\r\n", "$\r\n", "$-2\r\n", "$x\r\n", "$1x\r\n",
        "$99999999999999999999\r\n",
        "*\r\n", "*-2\r\n", "*x\r\n", "*99999999999999999999\r\n", "*1\r\n*-2\r\n", "*2\r\n:1\r\nx", "|1\r\n", "!4\r\n",
    ]

    @Test("what is no RESP is a protocol error, and stays one", arguments: illegal, pieces)
    func illegalReply(wire: String, piece: Int) {
        #expect(parse(Array(wire.utf8), piece: piece).failure != nil)

        let reader = ReplyReader()
        reader.feed(Array(wire.utf8))
        _ = reader.nextReply()
        reader.feed(Array("+OK\r\n".utf8))
        guard case .protocolError(let text) = reader.nextReply() else {
            Issue.record("the reader went on after \(wire.debugDescription)")
            return
        }
        #expect(text.hasPrefix("Redis sent something that is no reply: "))
    }

    @Test("replies before the garbage are handed out", arguments: pieces)
    func repliesBeforeGarbage(piece: Int) {
        let parsed = parse(Array("+a\r\n:1\r\nx".utf8), piece: piece)
        #expect(parsed.replies == [.status("a"), .integer(1)])
        #expect(parsed.failure != nil)
    }

    /// hiredis 0.14 does not know them; 1.x does, and hands them out as RESP2 would have sent them.
    @Test(
        "RESP3 that nobody asked for does not lead astray",
        arguments: [
            ",1.5\r\n", "#t\r\n", "_\r\n", "(123\r\n", "=7\r\ntxt:abc\r\n", "%1\r\n+a\r\n:1\r\n", "~1\r\n:1\r\n",
            ">1\r\n:1\r\n",
            "*2\r\n,1.5\r\n#f\r\n", "%2\r\n+a\r\n,2\r\n+b\r\n#t\r\n",
        ], pieces)
    func unaskedRESP3(wire: String, piece: Int) {
        let parsed = parse(Array((wire + "+after\r\n").utf8), piece: piece)
        if parsed.failure == nil {
            #expect(parsed.replies.count == 2)
            #expect(parsed.replies.last == .status("after"))
        } else {
            #expect(parsed.replies.isEmpty)
        }
    }

    @Test("nesting that no reply has is refused", arguments: [33, 2000])
    func nesting(depth: Int) {
        #expect(
            parse(Array(String(repeating: "*1\r\n", count: depth).utf8) + RESP.integer(1), piece: .max).failure != nil)
    }

    /// hiredis 1.x lets through a thousand levels; here they are put on the tape without it.
    @Test("the recursion into a reply has an end")
    func recursion() {
        func nested(_ levels: Int) -> Reply? {
            let tape = ReplyTape()
            for _ in 0..<levels { tape.append(.array(count: 1)) }
            tape.append(.null)
            return Reply(tape)
        }
        #expect(nested(Reply.maximumDepth) != nil)
        #expect(nested(Reply.maximumDepth + 1) == nil)
        #expect(nested(100_000) == nil)
    }

    @Test(
        "what is only announced costs no memory",
        arguments: [
            "*1000000000\r\n", "*2147483647\r\n", "$600000000\r\n", "$9223372036854775807\r\n",
            "*1\r\n*1000000000\r\n$600000000\r\n",
        ])
    func announcements(wire: String) {
        let before = processMemory().reserved
        let reader = ReplyReader()
        reader.feed(Array((wire + "abc").utf8))
        switch reader.nextReply() {
        case .needMore, .protocolError: break
        case .reply(let reply): Issue.record("\(reply) out of an announcement")
        }
        #expect(reader.footprint < 64 * 1024)
        // Room for what other tests do meanwhile.
        #expect(processMemory().reserved - before < 256 * 1024 * 1024)
    }

    @Test(
        "a line without an end is given up after 64 KiB",
        arguments: ["+", "-", ":", "$", "*", "+\n", "-\n\r", "$5\n", "*1\r\n+\n"])
    func endlessLine(type: String) {
        let reader = ReplyReader()
        reader.feed(Array(type.utf8))
        var fed = 0
        while fed < 1024 * 1024 {
            reader.feed([UInt8](repeating: UInt8(ascii: "1"), count: 1000))
            fed += 1000
            switch reader.nextReply() {
            case .needMore: continue
            case .reply(let reply): Issue.record("\(reply)")
            case .protocolError(let text):
                #expect(text == "Redis sent something that is no reply: a line of more than 64 KiB")
                #expect(fed <= 70_000)
                return
            }
        }
        Issue.record("the reader went on collecting")
    }

    @Test("a string is not mistaken for a line because it is long", arguments: [65_535, 65_536, 65_537, 300_000])
    func longString(length: Int) {
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: length)
        #expect(
            parse(RESP.array([RESP.bulk(text), RESP.integer(1)]), piece: 1000).replies == [
                .array([.string(text), .integer(1)])
            ])
    }

    @Test("memory does not grow over 10,000 replies")
    func memory() {
        let reader = ReplyReader()
        let reply = RESP.array([RESP.bulk([UInt8](repeating: 7, count: 50_000)), RESP.integer(1), RESP.null])
        let before = processMemory().resident
        for _ in 0..<10_000 {
            reader.feed(reply)
            guard case .reply = reader.nextReply() else {
                Issue.record("a whole reply was not read")
                return
            }
        }
        #expect(reader.footprint <= 512 * 1024)
        // All of them would be 500 MB. Other tests run in the process at the same time.
        #expect(processMemory().resident - before < 400 * 1024 * 1024)
    }

    @Test("a large reply's memory is given back after it")
    func largeReply() {
        let reader = ReplyReader()
        reader.feed(RESP.bulk([UInt8](repeating: 7, count: 8 * 1024 * 1024)))
        guard case .reply = reader.nextReply() else {
            Issue.record("a whole reply was not read")
            return
        }
        #expect(reader.footprint <= 512 * 1024)
        reader.feed(Array("*200000\r\n".utf8) + [UInt8](String(repeating: ":1\r\n", count: 200_000).utf8))
        guard case .reply(.array(let parts)) = reader.nextReply() else {
            Issue.record("a whole reply was not read")
            return
        }
        #expect(parts.count == 200_000)
        #expect(reader.footprint <= 768 * 1024)
    }

    @Test("random replies come through whole and in pieces", arguments: 0..<20)
    func randomReplies(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        func reply(_ depth: Int) -> (Reply, [UInt8]) {
            switch Int.random(in: 0..<(depth > 5 ? 5 : 7), using: &random) {
            case 0:
                let value = Int64(bitPattern: random.next())
                return (.integer(value), Array(":\(value)\r\n".utf8))
            case 1: return (.status("s"), Array("+s\r\n".utf8))
            case 2: return (.null, Array((Bool.random(using: &random) ? "*-1\r\n" : "$-1\r\n").utf8))
            case 3: return (.error("E x"), Array("-E x\r\n".utf8))
            case 4:
                let count = Int.random(in: 0...40, using: &random)
                let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
                return (.string(bytes), RESP.bulk(bytes))
            default:
                let parts = (0..<Int.random(in: 0...4, using: &random)).map { _ in reply(depth + 1) }
                return (.array(parts.map(\.0)), RESP.array(parts.map(\.1)))
            }
        }
        let all = (0..<200).map { _ in reply(0) }
        for piece in [Int.max, 1, 13, 64] {
            #expect(parse(all.flatMap(\.1), piece: piece) == Replies(replies: all.map(\.0)))
        }
    }

    @Test("random bytes neither crash nor loop", arguments: 0..<20)
    func garbage(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) + 1000)
        let alphabet = Array("*$:+-0123456789\r\n\r\n\r\nab%~,#_".utf8)
        for _ in 0..<300 {
            let bytes = (0..<Int.random(in: 1...80, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            let whole = parse(bytes, piece: .max)
            #expect(parse(bytes, piece: 1).replies == whole.replies)
            #expect((parse(bytes, piece: 1).failure == nil) == (whole.failure == nil))
            _ = decode(bytes, piece: 3)
            _ = decode(RESP.read([]).dropLast(4) + bytes, piece: 3)
        }
    }

    static let times: [(Reply, UInt64?)] = [
        (.array([bulk("1700000000"), bulk("123456")]), 1_700_000_000_123),
        (.array([bulk("0"), bulk("999")]), 0),
        (.array([bulk("18446744073709551"), bulk("0")]), nil),
        (.array([bulk("18446744073709550"), bulk("999999")]), 18_446_744_073_709_550_999),
        (.array([bulk("18446744073709550"), bulk("18446744073709551615")]), nil),
        (.array([bulk("1700000000")]), nil),
        (.array([bulk("x"), bulk("1")]), nil),
        (.array([.integer(1), .integer(1)]), nil),
        (.null, nil),
        (.error("ERR"), nil),
    ]

    @Test("TIME is read in milliseconds, or not at all", arguments: times)
    func time(reply: Reply, expected: UInt64?) {
        #expect(reply.serverMilliseconds == expected)
    }

    @Test("the entries of a range are handed out in its order, with the first field data")
    func ranges() {
        let wire = RESP.array([
            RESP.entry("2-0", data: "two"),
            RESP.null,
            RESP.entry("1-5", [[0xFF], [0], Array("data".utf8), [], Array("data".utf8), [1]]),
            RESP.entry("1-4", [Array("Data".utf8), [1], Array("data".utf8)]),
            RESP.array([RESP.bulk("1-3"), RESP.null]),
            RESP.array([RESP.bulk("no ID"), RESP.null]),
            RESP.entry("1-2", []),
        ])
        var seen: [Decoded] = []
        let parsed = parse(wire, piece: .max)
        parsed.replies.first?.forEachEntry { id, data in seen.append(.entry(id.description, data.map { Array($0) })) }
        #expect(
            seen == [
                .entry("2-0", data: "two"), .entry("1-5", []), .entry("1-4", nil), .entry("1-3", nil),
                .entry("1-2", nil),
            ])
        for reply: Reply in [.null, .integer(1), .array([]), .error("ERR")] {
            reply.forEachEntry { _, _ in Issue.record("an entry out of \(reply)") }
        }
    }
}
