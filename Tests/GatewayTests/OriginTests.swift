import Configuration
import Gateway
import Metrics
import TestSupport
import Testing

/// Promise 5: no page of another site opens a socket with the user's cookie.
@Suite("Origin")
struct OriginTests {
    private func status(_ gateway: TestGateway, _ lines: [String], host: String = "localhost:8080") throws -> HTTPAnswer
    {
        var request = RequestText(upgradeTo: "alpha").setting("Host", host)
        request.fields += lines
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(request.bytes)
        return try HTTPAnswer.read(from: socket)
    }

    @Test("by default a page of the same host name may connect, whatever its port and scheme, and no other")
    func sameHost() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let cases: [(origins: [String], host: String, status: Int)] = [
            ([], "localhost:8080", 101),
            (["http://localhost:8088"], "localhost:8080", 101),
            (["https://LocalHost"], "localhost:8080", 101),
            (["http://localhost"], "LOCALHOST", 101),
            (["http://[::1]:8088"], "[::1]:8080", 101),
            (["http://127.0.0.1:8088"], "localhost:8080", 403),
            (["http://evil.example"], "localhost:8080", 403),
            (["http://localhost.evil.example"], "localhost:8080", 403),
            (["http://evil-localhost"], "localhost:8080", 403),
            (["http://localhost:80@evil.example"], "localhost:8080", 403),
            (["null"], "localhost:8080", 403),
            (["null"], "null", 403),
            ([""], "localhost:8080", 403),
            (["localhost"], "localhost:8080", 403),
            (["http://localhost", "http://localhost"], "localhost:8080", 403),
        ]
        for (origins, host, status) in cases {
            let answer = try self.status(gateway, origins.map { "Origin: \($0)" }, host: host)
            #expect(answer.status == status, "\(origins) at \(host)")
        }
        #expect(try gateway.figures().figures.handshakesRefused["origin"] == cases.count { $0.status == 403 })
    }

    @Test("a refusal is 403, closes, and the log says which setting would allow it")
    func refusal() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let answer = try status(gateway, ["Origin: https://app.example"])
        #expect(answer.statusLine == "HTTP/1.1 403 Forbidden")
        #expect(answer.field("Connection") == "close")
        #expect(answer.body.contains("origin"))
        let line = try #require(gateway.log.lines.first { $0.hasPrefix("warning refused a connection") })
        #expect(line.contains("https://app.example"))
        #expect(line.contains("allowedOrigins"))
        #expect(line.contains("rewrites Host"))
    }

    @Test("an origin without end or of strange bytes is cut and cleaned in the log")
    func hostileOrigin() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let answer = try status(gateway, ["Origin: http://é\u{2028}" + String(repeating: "o", count: 8000)])
        #expect(answer.status == 403)
        let line = try #require(gateway.log.lines.first { $0.hasPrefix("warning refused a connection") })
        #expect(line.count < 600)
        #expect(!line.contains("\u{2028}"))
    }

    @Test("refusals do not flood the log")
    func rateOfWarnings() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.ready()
        for _ in 0..<50 { #expect(try status(gateway, ["Origin: http://evil.example"]).status == 403) }
        let warnings = gateway.log.lines.count { $0.hasPrefix("warning refused a connection") }
        // One a second; a slow machine may take a few seconds for fifty.
        #expect((1..<25).contains(warnings))
    }

    @Test("allowedOrigins replaces the default")
    func allowed() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.allowedOrigins = ["https://app.example", "https://*.apps.example", "http://dev.example:8088"]
        }.ready()
        let cases = [
            ("https://app.example", 101), ("https://APP.example", 101), ("https://app.example:443", 101),
            ("http://app.example", 403), ("https://app.example:8443", 403), ("https://x.app.example", 403),
            ("https://one.apps.example", 101), ("https://a.b.apps.example", 101), ("https://apps.example", 403),
            ("https://evilapps.example", 403), ("http://one.apps.example", 403), ("https://one.apps.example:8443", 403),
            ("http://dev.example:8088", 101), ("http://dev.example", 403), ("http://localhost:8080", 403),
            ("null", 403),
        ]
        for (origin, status) in cases {
            #expect(try self.status(gateway, ["Origin: \(origin)"]).status == status, "\(origin)")
        }
        #expect(try status(gateway, []).status == 101, "no Origin header is not a browser")
    }

    @Test("* lets every page in, null the pages without an origin")
    func anyAndNull() throws {
        let redis = try RedisProcess()
        let any = try TestGateway.quiet(redis) { $0.allowedOrigins = ["*"] }.ready()
        #expect(try status(any, ["Origin: https://evil.example"]).status == 101)
        let null = try TestGateway.quiet(redis) { $0.allowedOrigins = ["null"] }.ready()
        #expect(try status(null, ["Origin: null"]).status == 101)
        #expect(try status(null, ["Origin: http://localhost:8080"]).status == 403)
    }

    @Test("plain requests are not asked for their origin")
    func plainRequests() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(RequestText("/health").adding("Origin: https://evil.example").bytes)
        #expect(try HTTPAnswer.read(from: socket).status == 200)
    }
}
