import Testing

@testable import sluice

@Suite("The address of a gateway")
struct GatewayURLTests {
    @Test(
        "ws and wss, names and addresses, with and without port, path and query",
        arguments: [
            ("ws://h", GatewayURL(host: "h", port: 80), "h"),
            ("ws://h:8080/", GatewayURL(host: "h", port: 8080), "h:8080"),
            ("WSS://push.example", GatewayURL(isSecure: true, host: "push.example", port: 443), "push.example"),
            ("wss://h:80/a/b?c=d", GatewayURL(isSecure: true, host: "h", port: 80, target: "/a/b?c=d"), "h:80"),
            ("ws://[::1]:81/", GatewayURL(host: "::1", port: 81), "[::1]:81"),
            ("ws://[::1]", GatewayURL(host: "::1", port: 80), "[::1]"),
            ("ws://h?x=1", GatewayURL(host: "h", port: 80, target: "/?x=1"), "h"),
        ])
    func parsed(text: String, url: GatewayURL, authority: String) throws {
        let parsed = try GatewayURL(text)
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
        #expect(throws: CommandFailure.self) { try GatewayURL(text) }
    }

    @Test("an event stream is at an http or https address, at /events when no path is named")
    func eventStream() throws {
        #expect(try GatewayURL("http://h", .eventStream).text == "http://h/events")
        #expect(try GatewayURL("https://h?a=b", .eventStream).text == "https://h/events?a=b")
        #expect(try GatewayURL("https://h:81/x", .eventStream).text == "https://h:81/x")
        #expect(GatewayURL(.eventStream, host: "::1", port: 8080).text == "http://[::1]:8080/events")
        #expect(throws: CommandFailure.self) { try GatewayURL("ws://h", .eventStream) }
    }

    @Test("the last ID joins the query")
    func lastID() throws {
        #expect(try GatewayURL("ws://h").target(lastID: "1-0") == "/?last_id=1-0")
        #expect(try GatewayURL("ws://h/a?b=c").target(lastID: "1-0") == "/a?b=c&last_id=1-0")
        #expect(try GatewayURL("ws://h/a").target(lastID: nil) == "/a")
    }
}
