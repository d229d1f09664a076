import HTTP1
import Testing

/// RFC 9110 section 12.5.1.
@Suite("Accept")
struct AcceptTests {
    @Test(
        "the most specific range that matches decides, and a quality of 0 means no",
        arguments: [
            ([], true), ([""], true), ([" , ,"], true), (["*/*"], true), (["text/event-stream"], true),
            (["text/html", "text/*"], true), (["TEXT/EVENT-STREAM;Q=1"], true), (["text/html, */*;q=0.1"], true),
            (["text/*;q=0, text/event-stream"], true), (["*/*;q=0,text/*;q=0.001"], true),
            (["text/event-stream;charset=utf-8"], true), (["text/html"], false), (["text/event-stream;q=0"], false),
            (["*/*, text/event-stream ; q=0.000"], false), (["*/*;q=0"], false), (["*/event-stream"], false),
            (["text/event-streams"], false), (["text"], false), ([";q=1"], false),
        ] as [([String], Bool)])
    func table(values: [String], isAccepted: Bool) throws {
        let lines = values.map { "Accept: \($0)\r\n" }.joined()
        let head = try #require(parseHead("GET /events HTTP/1.1\r\nHost: h\r\n\(lines)\r\n", .whole))
        #expect(head.accepts(type: "text", subtype: "event-stream") == isAccepted)
    }
}
