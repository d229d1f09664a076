import ServerSentEvents
import Testing

/// HTML, section 9.2.6.
@Suite("Event stream parser")
struct EventStreamParserTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var input: [UInt8]
        /// Name, data and last ID of each event.
        var events: [[String]]
        var lastID = ""
        var retry: Int?
        var testDescription: String { name }

        init(_ name: String, _ input: String, _ events: [[String]], lastID: String = "", retry: Int? = nil) {
            self.init(name, Array(input.utf8), events, lastID: lastID, retry: retry)
        }

        init(_ name: String, _ input: [UInt8], _ events: [[String]], lastID: String = "", retry: Int? = nil) {
            self.name = name
            self.input = input
            self.events = events
            self.lastID = lastID
            self.retry = retry
        }
    }

    static let cases: [Case] = [
        Case("nothing", "", []),
        Case("one line of data", "data: a\n\n", [["message", "a", ""]]),
        Case("no empty line, no event", "data: a\n", []),
        Case("lines are joined", "data: a\ndata: b\ndata\ndata:\n\n", [["message", "a\nb\n\n", ""]]),
        Case(
            "CR, LF and CRLF end lines", "data: a\r\rdata: b\r\n\r\ndata: c\n\n",
            [
                ["message", "a", ""], ["message", "b", ""], ["message", "c", ""],
            ]),
        Case(
            "CRLF is one line end, LF CR are two", "data: a\n\rdata: b\r\n\r\n",
            [
                ["message", "a", ""], ["message", "b", ""],
            ]),
        Case(
            "one space behind the colon goes", "data:a\n\ndata:  b\n\ndata: \tc \n\n",
            [
                ["message", "a", ""], ["message", " b", ""], ["message", "\tc ", ""],
            ]),
        Case("a lone data field is an event", "data\n\ndata:\n\n", [["message", "", ""], ["message", "", ""]]),
        Case("comments", ":\n: x\n:data: a\n\ndata: a\n: b\n\n", [["message", "a", ""]]),
        Case("named", "event: gap\ndata: a\n\ndata: b\n\n", [["gap", "a", ""], ["message", "b", ""]]),
        Case("an empty name", "event: gap\nevent:\ndata: a\n\n", [["message", "a", ""]]),
        Case("a name without data is forgotten", "event: gap\n\ndata: a\n\n", [["message", "a", ""]]),
        Case(
            "IDs stay", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [
                ["message", "a", "1"], ["message", "b", "1"], ["message", "c", ""],
            ]),
        Case("an ID counts without data", "id: 7-1\n\n", [], lastID: "7-1"),
        Case("an ID counts from the empty line on", "id: 1\n\nid: 2\n", [], lastID: "1"),
        Case("an ID with NUL is no ID", "id: 1\n\nid: 2\u{0}\ndata: a\n\n", [["message", "a", "1"]], lastID: "1"),
        Case("retry of digits", "retry: 2500\n", [], retry: 2500),
        Case("other retries", "retry: 1\nretry: -2\nretry: 2.5\nretry: 3 \nretry: x\nretry\nretry:\n", [], retry: 1),
        Case("a retry beyond all numbers", "retry: 99999999999999999999999999\n", []),
        Case("unknown fields, also such that begin alike", "dat: a\ndata2: b\nDATA: c\n data: d\nids: 1\n\n", []),
        Case("a colon in the value", "data: a: b:\n\n", [["message", "a: b:", ""]]),
        Case("a byte order mark", [0xEF, 0xBB, 0xBF] + Array("data: a\n\n".utf8), [["message", "a", ""]]),
        Case("one byte order mark only", "data: \u{FEFF}a\n\n\u{FEFF}data: b\n\n", [["message", "\u{FEFF}a", ""]]),
        Case("UTF-8", "data: žluť 🚿\n\n", [["message", "žluť 🚿", ""]]),
        Case(
            "bytes that are no UTF-8", Array("data: ".utf8) + [0xFF] + Array("\n\n".utf8),
            [["message", "\u{FFFD}", ""]]),
    ]

    private func check(_ one: Case, _ pieces: [ArraySlice<UInt8>], _ comment: Comment) throws {
        var parser = EventStreamParser()
        var events: [EventStreamParser.Event] = []
        for piece in pieces { events += try parser.receive(piece) }
        #expect(events.map { [$0.name, $0.text, $0.lastEventID] } == one.events, comment)
        if !one.lastID.isEmpty { #expect(parser.lastEventID == one.lastID, comment) }
        #expect(parser.retryMilliseconds == one.retry, comment)
    }

    @Test("streams are read as the standard says, whole, cut in two anywhere, and byte by byte", arguments: cases)
    func table(one: Case) throws {
        try check(one, [one.input[...]], "whole")
        for cut in one.input.indices { try check(one, [one.input[..<cut], one.input[cut...]], "cut at \(cut)") }
        try check(one, one.input.indices.map { one.input[$0...$0] }, "byte by byte")
    }

    @Test("a client that comes back stands where it stood until it is told otherwise")
    func startingID() throws {
        var parser = EventStreamParser(lastEventID: "5-0")
        #expect(try parser.receive("data: a\n\n".utf8).map(\.lastEventID) == ["5-0"])
        #expect(try parser.receive("id: 6-0\ndata: b\n\n".utf8).map(\.lastEventID) == ["6-0"])
        #expect(parser.lastEventID == "6-0")
    }

    @Test("an event without end is refused at the limit, in one line or in many")
    func limit() throws {
        var parser = EventStreamParser(maxEventBytes: 100)
        _ = try parser.receive(("data: " + String(repeating: "x", count: 94) + "\n\n").utf8)
        #expect(throws: EventStreamParser.TooLong(maxEventBytes: 100)) {
            try parser.receive(("data: " + String(repeating: "x", count: 95)).utf8)
        }
        var other = EventStreamParser(maxEventBytes: 100)
        #expect(throws: EventStreamParser.TooLong.self) {
            for _ in 0..<20 { _ = try other.receive("data: 0123456789\n".utf8) }
        }
    }

    @Test("endless empty data lines are refused too")
    func emptyLines() {
        var parser = EventStreamParser(maxEventBytes: 100)
        #expect(throws: EventStreamParser.TooLong.self) {
            for _ in 0..<200 { _ = try parser.receive("data\n".utf8) }
        }
    }
}
