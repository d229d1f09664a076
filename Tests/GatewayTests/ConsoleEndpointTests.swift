import Configuration
import Foundation
import JSONWebToken
import Metrics
import ServerSentEvents
import TestSupport
import Testing

@testable import Gateway

/// `/console` and what lies below it; the page itself is tested in `BrowserTests`.
@Suite("The console's endpoints")
struct ConsoleEndpointTests {
    private func ask(_ gateway: TestGateway, _ request: RequestText) throws -> (HTTPAnswer, TestSocket) {
        let socket = try TestSocket.connect(port: gateway.port, tls: gateway.tls)
        try socket.send(request.text)
        return (try HTTPAnswer.read(from: socket, toHead: request.method == "HEAD"), socket)
    }

    private func gateway(_ redis: RedisProcess, _ configure: (inout Settings) -> Void = { _ in }) throws -> TestGateway
    {
        try TestGateway.quiet(redis) {
            $0.console = true
            configure(&$0)
        }.open()
    }

    private static func figures(_ cookie: String? = nil) -> RequestText {
        let request = RequestText("/console/figures").adding("Accept: text/event-stream")
        return request.adding("Cookie: \(cookie ?? "sluice-console=\(WebSocketClient.token("demo"))")")
    }

    @Test("a token in the address becomes a cookie that no script reads, no other site sends and no other path gets")
    func token() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let token = WebSocketClient.token("demo")
        for path in ["/console", "/console/"] {
            let (answer, _) = try ask(gateway, RequestText("\(path)?token=\(token)"))
            #expect(answer.statusLine == "HTTP/1.1 303 See Other")
            #expect(answer.field("Location") == "/console")
            #expect(
                answer.field("Set-Cookie") == "sluice-console=\(token); Path=/console; HttpOnly; SameSite=Strict")
            #expect(answer.field("Cache-Control") == "no-store")
            #expect(answer.field("Referrer-Policy") == "no-referrer")
            #expect(answer.field("Content-Length") == "0")
        }
    }

    @Test("over TLS the cookie is for TLS alone")
    func secureCookie() throws {
        let redis = try RedisProcess()
        let certificates = try Certificates.shared()
        let gateway = try TestGateway.quiet(redis) {
            $0.console = true
            $0.tls.certificateFile = certificates.server
            $0.tls.keyFile = certificates.serverKey
        }.open()
        let (answer, _) = try ask(gateway, RequestText("/console?token=\(WebSocketClient.token("demo"))"))
        #expect(answer.field("Set-Cookie")?.hasSuffix("; SameSite=Strict; Secure") == true)
    }

    @Test("the page comes with either cookie or with a bearer token, and lets no script run but its own")
    func page() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let token = WebSocketClient.token("demo")
        for field in [
            "Cookie: sluice-console=\(token)", "Cookie: async-token=\(token)", "Authorization: Bearer \(token)",
        ] {
            let (answer, _) = try ask(gateway, RequestText("/console").adding(field))
            #expect(answer.status == 200)
            #expect(answer.field("Content-Type") == "text/html; charset=utf-8")
            #expect(answer.field("Cache-Control") == "no-store")
            #expect(answer.field("X-Content-Type-Options") == "nosniff")
            let policy = try #require(answer.field("Content-Security-Policy"))
            #expect(policy.hasPrefix("default-src 'none'; script-src 'sha256-"))
            #expect(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"))
            #expect(
                !answer.body.contains("src=\"") && !answer.body.contains("<link rel=\"stylesheet\""), "all is in it")
            #expect(!answer.body.contains("http://") || !answer.body.contains("src=\"http"))
        }
        let (head, socket) = try ask(
            gateway, RequestText("/console", method: "HEAD").adding("Cookie: async-token=\(token)", "Connection: close")
        )
        #expect(head.status == 200)
        #expect(try socket.ending() == .finished, "no body follows")
    }

    @Test("tokens of an address are checked no faster than maxHandshakesPerAddress, and refusals are counted")
    func rate() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis) { $0.maxHandshakesPerAddress = 1 }
        let statuses = try (0..<40).map { _ in try ask(gateway, RequestText("/console?token=nonsense")).0.status }
        #expect(statuses.first == 401)
        #expect(statuses.last == 429)
        let refused = try gateway.figures().figures.handshakesRefused
        #expect(refused["too_many_from_address"] == statuses.count { $0 == 429 })
        #expect(refused["token_malformed"] == statuses.count { $0 == 401 })
    }

    @Test("without a good token: 401 and a sentence that says how to come by one")
    func refused() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let expired = WebSocketClient.token("demo", expiresAt: 1_000_000)
        let tries = [
            RequestText("/console"), RequestText("/console").adding("Cookie: sluice-console=nonsense"),
            RequestText("/console?token="), RequestText("/console?token=nonsense"),
            RequestText("/console?token=\(expired)"),
            RequestText("/console?token=%0d%0aSet-Cookie:%20a=b"),
            // The one that was given counts, not the good one that came by itself.
            RequestText("/console?token=bad").adding("Cookie: async-token=\(WebSocketClient.token("demo"))"),
        ]
        for request in tries {
            let (answer, _) = try ask(gateway, request)
            #expect(answer.status == 401)
            #expect(answer.field("Content-Type") == "text/plain; charset=utf-8")
            #expect(answer.field("WWW-Authenticate")?.hasPrefix("Bearer") == true)
            #expect(answer.field("Set-Cookie") == nil)
            #expect(answer.body.hasPrefix("The console wants a token: open /console?token=<token>"))
        }
    }

    @Test("the console's cookie is good below /console and nowhere else; what is served elsewhere is served there")
    func below() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let cookie = "Cookie: sluice-console=\(WebSocketClient.token("demo"))"
        #expect(try ask(gateway, RequestText("/console/health")).0.body == "OK")
        #expect(try ask(gateway, RequestText("/console/sluice.js")).0.status == 200)
        #expect(try ask(gateway, RequestText("/console/nothing").adding(cookie)).0.status == 404)
        #expect(try ask(gateway, RequestText("/consoles").adding(cookie)).0.status == 404)
        #expect(try ask(gateway, RequestText("/events").adding(cookie)).0.status == 401)
        let upgrade = RequestText(upgradeTo: "demo").without("Cookie").adding(cookie)
        #expect(try ask(gateway, upgrade).0.status == 401)
        let (open, socket) = try ask(gateway, upgrade.with(target: "/console/"))
        #expect(open.status == 101)
        let stream = try EventStreamClient(port: gateway.port, RequestText("/console/events").adding(cookie))
        let id = try redis.publish("demo", #"{"channel_id": "demo"}"#).global
        #expect(try stream.event().contains(id))
        #expect(try socket.frame().text.contains(id))
        // The one of the page goes before one that is there for all.
        let both =
            "Cookie: async-token=\(WebSocketClient.token("other")); sluice-console=\(WebSocketClient.token("demo"))"
        let second = try EventStreamClient(
            port: gateway.port, RequestText("/console/events?last_id=\(id)").adding(both))
        let next = try redis.publish("demo", #"{"channel_id": "demo"}"#).global
        #expect(try second.event().contains(next))
    }

    @Test("the figures: whose page it is first, then the gateway's figures again and again")
    func figures() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        let client = try gateway.connect("demo")
        let (answer, socket) = try ask(gateway, Self.figures())
        #expect(answer.statusLine == "HTTP/1.1 200 OK")
        #expect(answer.field("Content-Type") == "text/event-stream")
        #expect(answer.field("Cache-Control") == "no-store")
        #expect(
            try socket.read(through: "\n\n").hasPrefix(
                "event: session\ndata: {\"channel\":\"demo\",\"publish\":false,\"version\":\""))
        let first = try socket.read(through: "\n\n")
        #expect(first.hasPrefix("data: {\"time\":"))
        #expect(first.contains("\"connections\":{\"websocket\":1,\"sse\":0"), "it does not count itself")
        _ = try redis.publish("demo", #"{"channel_id": "demo"}"#)
        var later: String
        repeat { later = try socket.read(through: "\n\n") } while !later.contains("\"deliveries\":1,")
        #expect(later.contains("\"delivery_latency\":{\"bounds\":[500,"))
        withExtendedLifetime(client) {}
    }

    @Test("figures are for who has a token; other requests are told what is wrong")
    func figuresRefused() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis)
        #expect(try ask(gateway, RequestText("/console/figures")).0.status == 401)
        #expect(try ask(gateway, Self.figures("sluice-console=bad")).0.status == 401)
        let foreign = Self.figures().adding("Origin: https://elsewhere.example")
        #expect(try ask(gateway, foreign).0.status == 403)
        let html = RequestText("/console/figures").adding("Accept: text/html")
        #expect(try ask(gateway, html).0.status == 406)
        for path in ["/console", "/console/figures"] {
            let (answer, _) = try ask(gateway, RequestText(path, method: "POST"))
            #expect(answer.status == 405)
            #expect(answer.field("Allow") == "GET, HEAD")
        }
        let (head, socket) = try ask(gateway, Self.figures().with(method: "HEAD"))
        #expect(head.status == 200)
        #expect(try socket.ending() == .finished)
    }

    @Test("the figures end with their token, and only so many are told them at once")
    func figuresEnd() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis) { $0.eventLoops = 1 }
        let expiry = Int64(Date().timeIntervalSince1970) - 28
        let short = "sluice-console=\(WebSocketClient.token("demo", expiresAt: expiry))"
        let (answer, ending) = try ask(gateway, Self.figures(short))
        #expect(answer.status == 200)
        _ = try ending.readToEnd()
        var open: [TestSocket] = []
        for _ in 0..<FigureStreams.most {
            let (answer, socket) = try ask(gateway, Self.figures())
            #expect(answer.status == 200)
            open.append(socket)
        }
        #expect(try ask(gateway, Self.figures()).0.status == 503)
        open.removeLast().close()
        try eventually("there is room again") { try ask(gateway, Self.figures()).0.status == 200 }
        #expect(try gateway.figures().figures.serverSentEventsConnections == 0)
    }

    @Test("a reader of figures that does not read costs what its socket holds")
    func slow() throws {
        let redis = try RedisProcess()
        let gateway = try gateway(redis) { $0.eventLoops = 1 }
        let socket = try TestSocket.connect(port: gateway.port, receiveBuffer: 4096)
        try socket.send(Self.figures().text)
        let (_, reader) = try ask(gateway, Self.figures())
        for _ in 0..<4 { _ = try reader.read(through: "\n\n") }
        // What it was sent is whole events: nothing is cut off in between.
        let answer = try HTTPAnswer.read(from: socket)
        #expect(answer.status == 200)
        for _ in 0..<3 { #expect(try socket.read(through: "\n\n").contains("data: {")) }
    }

    @Test("it is off unless it is asked for")
    func off() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let cookie = "Cookie: async-token=\(WebSocketClient.token("demo"))"
        for path in ["/console", "/console/", "/console/figures", "/console/events", "/console/health"] {
            #expect(try ask(gateway, RequestText(path).adding(cookie)).0.status == 404)
        }
    }
}
