import ServerSentEvents
import Testing

@Suite("Event stream text")
struct EventStreamTextTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("the pieces are whole lines as the standard has them")
    func pieces() {
        #expect(text(EventStreamText.preamble(retryMilliseconds: 2500)) == "retry: 2500\n\n")
        #expect(text(EventStreamText.preamble(retryMilliseconds: -1, id: "5-1")) == "retry: 0\nid: 5-1\n\n")
        #expect(text(EventStreamText.comment()) == ":\n\n")
        #expect(text(EventStreamText.comment("a\r\nb")) == ": a  b\n\n")
        #expect(text(EventStreamText.event(data: "{}")) == "data: {}\n\n")
        #expect(
            text(EventStreamText.event(name: "gap", id: "1-0", data: "a")) == "event: gap\nid: 1-0\ndata: a\n\n")
        #expect(text(EventStreamText.event(data: "")) == "data: \n\n")
    }

    @Test(
        "what is written is read back, lines of the data joined with LF",
        arguments: [
            ("a", "a"), ("", ""), ("a\nb", "a\nb"), ("a\r\nb", "a\nb"), ("a\rb\r", "a\nb\n"), ("\n\n", "\n\n"),
            (" a", " a"), (":a", ":a"), ("ž\u{2028}x", "ž\u{2028}x"),
        ])
    func roundTrip(data: String, read: String) throws {
        var parser = EventStreamParser()
        let bytes =
            EventStreamText.preamble(retryMilliseconds: 1234, id: "9-9") + EventStreamText.comment("x")
            + EventStreamText.event(name: "n", id: "10-0", data: data)
        let events = try parser.receive(bytes)
        #expect(events == [.init(name: "n", data: Array(read.utf8), lastEventID: "10-0")])
        #expect(parser.retryMilliseconds == 1234)
    }
}
