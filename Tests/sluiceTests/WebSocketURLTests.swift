import Testing

@testable import sluice

@Suite("The address of a gateway")
struct WebSocketURLTests {
    @Test(
        "ws and wss, names and addresses, with and without port, path and query",
        arguments: [
            ("ws://h", WebSocketURL(host: "h", port: 80), "h"),
            ("ws://h:8080/", WebSocketURL(host: "h", port: 8080), "h:8080"),
            ("WSS://push.example", WebSocketURL(isSecure: true, host: "push.example", port: 443), "push.example"),
            ("wss://h:80/a/b?c=d", WebSocketURL(isSecure: true, host: "h", port: 80, target: "/a/b?c=d"), "h:80"),
            ("ws://[::1]:81/", WebSocketURL(host: "::1", port: 81), "[::1]:81"),
            ("ws://[::1]", WebSocketURL(host: "::1", port: 80), "[::1]"),
            ("ws://h?x=1", WebSocketURL(host: "h", port: 80, target: "/?x=1"), "h"),
        ])
    func parsed(text: String, url: WebSocketURL, authority: String) throws {
        let parsed = try WebSocketURL(text)
        #expect(parsed == url)
        #expect(parsed.authority == authority)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "h:80", "http://h", "ws:/h", "ws://", "ws://:80", "ws://h:", "ws://h:0", "ws://h:65536", "ws://h:x",
            "ws://u:p@h/", "ws://h/#f", "ws://h/a b", "ws://h/é", "ws://[::1", "ws://[::1]x", "ws://h:80:80",
        ])
    func refused(text: String) {
        #expect(throws: CommandFailure.self) { try WebSocketURL(text) }
    }

    @Test("the last ID joins the query")
    func lastID() throws {
        #expect(try WebSocketURL("ws://h").target(lastID: "1-0") == "/?last_id=1-0")
        #expect(try WebSocketURL("ws://h/a?b=c").target(lastID: "1-0") == "/a?b=c&last_id=1-0")
        #expect(try WebSocketURL("ws://h/a").target(lastID: nil) == "/a")
    }
}
