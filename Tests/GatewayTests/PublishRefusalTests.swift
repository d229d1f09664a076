import Configuration
import Foundation
import Metrics
import TestSupport
import Testing

/// `POST /api/publish`: each way of being wrong has its status and a sentence, and writes nothing.
@Suite("Publishing: refusals")
struct PublishRefusalTests {
    private let redis: RedisProcess
    private let gateway: TestGateway

    init() throws {
        redis = try RedisProcess()
        gateway = try TestGateway.quiet(redis) {
            $0.maxPublishBytes = 1000
            $0.allowedOrigins = ["https://app.example"]
        }.open()
    }

    private func expectNothingWritten(_ sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(
            try redis.command("EXISTS", "async-events-full", "async-events-alpha").text == "0",
            sourceLocation: sourceLocation)
    }

    static let event = "{\"channel_id\": \"alpha\"}"

    @Test(
        "a body that is no event",
        arguments: [
            ("", 400, "The body is empty; a JSON object with a channel_id was expected."),
            ("nonsense", 400, "The body is no event: its data is not a JSON object."),
            ("[{\"channel_id\": \"alpha\"}]", 400, "The body is no event: its data is not a JSON object."),
            ("{\"channel_id\": \"alpha\"} {}", 400, "The body is no event: its data is not JSON from byte 24 on."),
            (
                "{\"channel_id\": \"alpha\"", 400,
                "The body is no event: its data ends in the middle of the JSON object."
            ),
            ("{\"job\": 1}", 422, "The body is no event: its data has no member \"channel_id\"."),
            ("{\"channel_id\": 7}", 422, "The body is no event: the \"channel_id\" of its data is not a string."),
            (
                "{\"channel_id\": \"beta\"}", 403,
                "The token may not publish to this channel_id: its claim \"publish\" does not list it."
            ),
        ])
    func bodies(body: String, status: Int, reason: String) throws {
        let answer = try gateway.publish(body)
        #expect(answer.status == status)
        #expect(answer.body == reason + "\n")
        #expect(answer.field("Connection") == "keep-alive", "the body was read")
        #expect(answer.field("X-Request-ID") != nil)
        try expectNothingWritten()
    }

    @Test(
        "names that are no channel's are refused, whatever the token lists",
        arguments: ["full", "presence:alpha", "presence:", "idempotency:{async-events-full}:1:k:alpha", ""])
    func reserved(name: String) throws {
        let answer = try gateway.publish("{\"channel_id\": \"\(name)\"}", to: [name, "alpha", "*"])
        #expect(answer.status == 403)
        #expect(answer.body.hasPrefix("This channel_id is no channel's"))
        try expectNothingWritten()
    }

    @Test("a star in the claim is the channel of that name, and no other")
    func noWildcard() throws {
        #expect(try gateway.publish(Self.event, to: ["*"]).status == 403)
        #expect(try gateway.publish(Self.event, to: ["alph*", "alpha ", "ALPHA", ""]).status == 403)
        try expectNothingWritten()
    }

    @Test("no token, a bad one, and one that may not publish")
    func tokens() throws {
        let none = try gateway.publish(Self.event) { $0.without("Authorization") }
        #expect(none.status == 401)
        #expect(none.field("WWW-Authenticate") == "Bearer")
        #expect(none.field("Connection") == "close")
        let past = WebSocketClient.publisherToken(["alpha"], expiresAt: Int64(Date().timeIntervalSince1970) - 3600)
        let expired = try gateway.publish(Self.event, token: past)
        #expect(expired.status == 401)
        #expect(expired.body == "The token has expired.\n")
        #expect(try gateway.publish(Self.event, token: "a.b.c").status == 401)
        for claims in [
            "{\"channel\":\"alpha\"}", "{\"channel\":\"alpha\",\"publish\":\"alpha\"}", "{\"publish\":[\"alpha\",7]}",
            "{\"publish\":{\"alpha\":true}}", "{\"publish\":true}", "{\"publish\":null}", "{\"publish\":[\"\\ud800\"]}",
        ] {
            let answer = try gateway.publish(Self.event, token: WebSocketClient.signed(Array(claims.utf8)))
            #expect(answer.status == 403, "\(claims)")
            #expect(answer.body.hasPrefix("The token may not publish: it has no claim"))
            #expect(answer.field("WWW-Authenticate") == "Bearer error=\"insufficient_scope\"")
        }
        let twice = WebSocketClient.signed(Array("{\"publish\":[\"alpha\"],\"publish\":[]}".utf8))
        #expect(try gateway.publish(Self.event, token: twice).status == 401)
        #expect(
            try gateway.publish(Self.event, token: WebSocketClient.signed(Array("{\"publish\":[]}".utf8))).status == 403
        )
        try expectNothingWritten()
    }

    @Test(
        "a request that is wrong around its body",
        arguments: [
            ("Content-Type", "text/plain", 415, "The Content-Type must be application/json."),
            ("Content-Type", nil, 415, "The Content-Type must be application/json."),
            ("Content-Type", "application/x-www-form-urlencoded", 415, "The Content-Type must be application/json."),
        ] as [(String, String?, Int, String)])
    func types(name: String, value: String?, status: Int, reason: String) throws {
        let answer = try gateway.publish(Self.event) { request in
            value.map { request.setting(name, $0) } ?? request.without(name)
        }
        #expect(answer.status == status)
        #expect(answer.body == reason + "\n")
        #expect(answer.field("Connection") == "close")
        #expect(answer.field("Accept") == "application/json")
    }

    @Test(
        "further fields that are wrong",
        arguments: [
            ("Content-Encoding: gzip", 415), ("Expect: the-spanish-inquisition", 417), ("Idempotency-Key: ", 400),
            ("Idempotency-Key: \"\"", 400), ("Idempotency-Key: a b", 400), ("Idempotency-Key: a\"b", 400),
            ("Idempotency-Key: \(String(repeating: "k", count: 256))", 400), ("Idempotency-Key: \u{e4}", 400),
            ("Idempotency-Key: a\r\nIdempotency-Key: a", 400), ("Origin: https://evil.example", 403),
            ("Content-Length: 22\r\nTransfer-Encoding: chunked", 400),
        ])
    func fields(line: String, status: Int) throws {
        let answer = try gateway.publish(Self.event) { $0.adding(line) }
        #expect(answer.status == status, "\(answer.body)")
        #expect(answer.body.hasSuffix(".\n") || status == 403)
        #expect(answer.field("Connection") == "close")
        try expectNothingWritten()
    }

    @Test("no length, and too much, announced or not")
    func lengths() throws {
        func ask(_ lines: [String], _ body: String = "") throws -> HTTPAnswer {
            let socket = try TestSocket.connect(port: gateway.port)
            var request = TestGateway.publishRequest()
            request.fields += lines
            try socket.send(request.text + body)
            let answer = try HTTPAnswer.read(from: socket)
            #expect(try socket.ending() == .finished)
            return answer
        }
        #expect(try ask([]).status == 411)
        #expect(try ask(["Content-Length: 1001"]).status == 413)
        #expect(try ask(["Content-Length: 9000000000000000000", "Expect: 100-continue"]).status == 413)
        let chunked = "Transfer-Encoding: chunked"
        #expect(try ask([chunked], "3e9\r\n").status == 413)
        #expect(try ask([chunked], "1f4\r\n\(String(repeating: "x", count: 500))\r\n1f5\r\n").status == 413)
        #expect(try ask([chunked], "g\r\n").status == 400)
        #expect(try ask([chunked], "2\n{}").status == 400)
        #expect(try ask([chunked], "2\r\n{}0\r\n").status == 400)
        #expect(try ask([chunked], "1" + String(repeating: ";", count: 5000)).status == 400)
        let padding = String(repeating: "x", count: 1000 - Self.event.utf8.count - 8)
        let longest = "{\"channel_id\": \"alpha\", \"p\": \"\(padding)\"}"
        #expect(try gateway.publish("[\(longest)]".padding(toLength: 1000, withPad: " ", startingAt: 0)).status == 400)
        try expectNothingWritten()
    }

    @Test("any other method is 405 with Allow, and pages of other origins are told what they may do")
    func methods() throws {
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(RequestText("/api/publish", method: method).text)
            let answer = try HTTPAnswer.read(from: socket, toHead: method == "HEAD")
            #expect(answer.status == 405)
            #expect(answer.field("Allow") == "POST, OPTIONS")
        }
        let socket = try TestSocket.connect(port: gateway.port)
        let preflight = RequestText("/api/publish", method: "OPTIONS").adding(
            "Origin: https://app.example", "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: content-type,idempotency-key")
        try socket.send(preflight.text)
        let answer = try HTTPAnswer.read(from: socket)
        #expect(answer.status == 204)
        #expect(answer.field("Access-Control-Allow-Origin") == "https://app.example")
        #expect(answer.field("Access-Control-Allow-Methods") == "POST, OPTIONS")
        #expect(answer.field("Access-Control-Allow-Headers")?.contains("Content-Type, Idempotency-Key") == true)
        // A refusal can be read by the page that asked.
        let refused = try gateway.publish("{}") { $0.adding("Origin: https://app.example") }
        #expect(refused.status == 422)
        #expect(refused.field("Access-Control-Allow-Origin") == "https://app.example")
        #expect(refused.field("Vary") == "Origin")
    }

    @Test("the cookie's token does as well, from a page of an origin that may")
    func cookie() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let token = WebSocketClient.publisherToken(["alpha"], channel: "alpha")
        func ask(_ origin: String) throws -> HTTPAnswer {
            try gateway.publish(Self.event) {
                $0.without("Authorization").adding("Cookie: async-token=\(token)", "Origin: \(origin)")
            }
        }
        #expect(try ask("http://localhost:3000").status == 200)
        let evil = try ask("http://evil.example")
        #expect(evil.status == 403)
        #expect(evil.field("Access-Control-Allow-Origin") == nil)
        #expect(try redis.entries().count == 1)
    }

    @Test("tokens of an address are checked no faster than maxHandshakesPerAddress")
    func rate() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxHandshakesPerAddress = 1 }.open()
        var statuses: [Int] = []
        for _ in 0..<40 { statuses.append(try gateway.publish(Self.event, token: "a.b.c").status) }
        #expect(statuses.first == 401)
        #expect(statuses.contains(429))
        #expect(try gateway.figures().figures.handshakesRefused["too_many_from_address"] > 0)
    }
}
