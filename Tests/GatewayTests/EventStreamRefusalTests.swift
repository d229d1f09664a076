import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// Who is refused an event stream, and what pages of other origins are told.
@Suite("Event streams: refusals and CORS")
struct EventStreamRefusalTests {
    private func ask(_ gateway: TestGateway, _ request: RequestText) throws -> HTTPAnswer {
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(request.text)
        return try HTTPAnswer.read(from: socket, toHead: request.method == "HEAD")
    }

    private var request: RequestText { EventStreamClient.request(channel: "alpha") }

    @Test("an allowed page may read every answer, with credentials, and no other page any")
    func origins() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.allowedOrigins = ["https://app.example", "https://*.apps.example", "http://localhost:8080", "null"]
        }.open()
        let cases: [(origins: [String], allowed: String?)] = [
            ([], nil), (["https://app.example"], "https://app.example"),
            (["https://a.apps.example"], "https://a.apps.example"),
            (["http://localhost:8080"], "http://localhost:8080"), (["null"], "null"),
            (["https://evil.example"], nil), (["http://app.example"], nil), ([""], nil),
            (["https://app.example", "https://app.example"], nil),
        ]
        for (origins, allowed) in cases {
            let status = origins.isEmpty || allowed != nil ? 200 : 403
            var asking = request
            asking.fields += origins.map { "Origin: \($0)" }
            let answers = [
                (try ask(gateway, asking), status), (try ask(gateway, asking.with(method: "HEAD")), status),
                (try ask(gateway, asking.without("Cookie")), status == 200 ? 401 : 403),
                (try ask(gateway, asking.setting("Accept", "text/html")), 406),
                (try ask(gateway, asking.with(method: "POST")), 405),
                (try ask(gateway, asking.with(method: "OPTIONS")), status == 200 ? 204 : 403),
            ]
            for (answer, status) in answers {
                #expect(answer.status == status, "\(origins)")
                #expect(answer.field("Vary") == "Origin")
                #expect(answer.field("Access-Control-Allow-Origin") == allowed, "\(origins)")
                #expect(answer.field("Access-Control-Allow-Credentials") == (allowed == nil ? nil : "true"))
            }
        }
    }

    @Test("by default pages of the same host name are allowed, whatever their port")
    func sameHost() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        for (origin, status) in [
            ("http://localhost:8080", 200), ("http://localhost:3000", 200), ("https://localhost", 200),
            ("http://evil.example", 403), ("null", 403),
        ] {
            let answer = try ask(gateway, request.adding("Origin: \(origin)"))
            #expect(answer.status == status)
            #expect(answer.field("Access-Control-Allow-Origin") == (status == 200 ? origin : nil))
            #expect(answer.field("Vary") == "Origin")
        }
        #expect(try gateway.figures().figures.handshakesRefused["origin"] == 2)
        #expect(gateway.log.contains("allowedOrigins"))
    }

    @Test("a preflight is answered with what a page may do, also while no stream can be opened")
    func preflight() throws {
        let redis = try RedisProcess()
        redis.kill()
        let gateway = try TestGateway.quiet(redis)
        let asking = RequestText("/events", method: "OPTIONS").adding(
            "Origin: http://localhost:3000", "Access-Control-Request-Method: GET",
            "Access-Control-Request-Headers: last-event-id")
        let answer = try ask(gateway, asking)
        #expect(answer.statusLine == "HTTP/1.1 204 No Content")
        #expect(answer.field("Access-Control-Allow-Origin") == "http://localhost:3000")
        #expect(answer.field("Access-Control-Allow-Credentials") == "true")
        #expect(answer.field("Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS")
        #expect(
            answer.field("Access-Control-Allow-Headers")
                == "Authorization, Last-Event-ID, Cache-Control, Content-Type, Idempotency-Key")
        #expect(answer.field("Access-Control-Max-Age") == "7200")
        #expect(answer.field("Vary") == "Origin")
        #expect(answer.field("Content-Length") == nil)
        #expect(answer.field("Connection") == "keep-alive")
    }

    @Test("other methods are 405 with Allow, a client that takes no event stream is 406")
    func methodsAndTypes() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"] {
            let answer = try ask(gateway, request.with(method: method))
            #expect(answer.status == 405, "\(method)")
            #expect(answer.field("Allow") == "GET, HEAD, OPTIONS")
        }
        let accepted = [
            "text/event-stream", "TEXT/Event-Stream", "*/*", "text/*", "text/html, */*;q=0.1", "text/html;q=0, text/*",
            "application/json, text/event-stream;q=0.5", "", "text/event-stream;q=0.001",
            "text/*;q=0, text/event-stream",
        ]
        let refused = [
            "text/html", "application/json, text/plain", "text/event-stream;q=0", "*/*, text/event-stream; q=0.000",
            "*/*;q=0", "text/*;q=0, */*", "text/event", "nonsense",
        ]
        for (values, status) in [(accepted, 200), (refused, 406)] {
            for value in values {
                #expect(try ask(gateway, request.setting("Accept", value)).status == status, "\(value)")
            }
        }
        #expect(try ask(gateway, request.without("Accept")).status == 200)
        #expect(try ask(gateway, request.setting("Accept", "text/html")).body.contains("text/event-stream"))
        for path in ["/events/", "/event", "/Events"] { #expect(try ask(gateway, RequestText(path)).status == 404) }
    }

    @Test("HEAD is answered as GET would be, without a stream, and counts as no connection")
    func head() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxTotalConnections = 1 }.open()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(request.with(method: "HEAD").text)
        let answer = try HTTPAnswer.read(from: socket, toHead: true)
        #expect(answer.status == 200)
        #expect(answer.field("Content-Type") == "text/event-stream")
        #expect(try socket.ending() == .finished)
        #expect(try ask(gateway, request.with(method: "HEAD").without("Cookie")).status == 401)
        _ = try gateway.stream("alpha")
    }

    @Test("before Redis was reached 503, with Retry-After; afterwards it is served")
    func starting() throws {
        let redis = try RedisProcess()
        redis.kill()
        let gateway = try TestGateway.quiet(redis)
        let answer = try ask(gateway, request.adding("Origin: http://localhost:3000"))
        #expect(answer.status == 503)
        #expect(answer.field("Retry-After") != nil)
        #expect(answer.field("Connection") == "close")
        #expect(answer.field("Access-Control-Allow-Origin") == "http://localhost:3000")
        #expect(try gateway.figures().figures.handshakesRefused["starting"] == 1)
        try redis.start()
        let client = try gateway.ready().stream("alpha")
        #expect(client.answer.status == 200)
    }

    @Test("tokens are looked at as for a WebSocket")
    func tokens() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let expired = WebSocketClient.token("alpha", expiresAt: Int64(Date().timeIntervalSince1970) - 3600)
        for token in ["", "x", "a.b.c", expired] {
            let answer = try ask(gateway, EventStreamClient.request(channel: "alpha", token: token))
            #expect(answer.status == 401)
            #expect(answer.field("Connection") == "close")
            #expect(!answer.body.isEmpty)
        }
    }

    @Test("limits count both transports together")
    func limits() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.maxTotalConnections = 3
            $0.maxConnectionsPerChannel = 2
        }.open()
        let held = (try gateway.stream("alpha"), try gateway.connect("alpha"))
        let tooMany = try ask(gateway, request)
        #expect(tooMany.status == 429)
        #expect(tooMany.field("Retry-After") != nil)
        let other = try gateway.stream("beta")
        #expect(try ask(gateway, EventStreamClient.request(channel: "gamma")).status == 503)
        other.socket.close()
        try eventually("its place is free") { try gateway.get("/ready").status == 200 }
        _ = try gateway.stream("gamma")
        withExtendedLifetime(held) {}
    }

    @Test("an upgrade at the path of the event stream is an upgrade")
    func upgrade() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(RequestText(upgradeTo: "alpha").with(target: "/events").text)
        #expect(try HTTPAnswer.read(from: socket).status == 101)
    }

    @Test("a stream may be asked for on a connection that has served other requests")
    func keptConnection() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(RequestText("/health").text + request.with(method: "OPTIONS").text + request.text)
        #expect(try HTTPAnswer.read(from: socket).status == 200)
        #expect(try HTTPAnswer.read(from: socket, toHead: true).status == 204)
        #expect(try HTTPAnswer.read(from: socket).field("Content-Type") == "text/event-stream")
        #expect(try socket.read(through: "\n\n").hasPrefix("retry: "))
    }
}
