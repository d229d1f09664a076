import Configuration
import Gateway
import Metrics
import TestSupport
import Testing

/// Tokens of clients that are not browsers (RFC 6750).
@Suite("Authorization: Bearer")
struct BearerTests {
    private static let good = WebSocketClient.token("alpha")
    private static let bad = WebSocketClient.token("full")
    private static let invalid = "Bearer error=\"invalid_token\""

    struct Case: Sendable {
        var what: String
        var fields: [String]
        var status: Int
        var challenge: String?
        var tag: String?

        init(_ what: String, _ fields: [String], _ status: Int, _ challenge: String? = nil, _ tag: String? = nil) {
            (self.what, self.fields, self.status, self.challenge, self.tag) = (what, fields, status, challenge, tag)
        }
    }

    private static let cookie = "Cookie: async-token=\(good)"
    private static let badCookie = "Cookie: async-token=\(bad)"
    private static let cases = [
        Case("alone", ["Authorization: Bearer \(good)"], 101),
        Case("the scheme in another case, more spaces", ["authorization: bEARER   \(good)"], 101),
        Case("beside a cookie that is bad", ["Authorization: Bearer \(good)", badCookie], 101),
        Case("beside another scheme", ["Authorization: Basic YTpi", "Authorization: Bearer \(good)"], 101),
        Case("another scheme, and the cookie", ["Authorization: Basic YTpi", cookie], 101),
        Case("a scheme that only begins so, and the cookie", ["Authorization: Bearers \(bad)", cookie], 101),
        Case("an empty field, and the cookie", ["Authorization:", cookie], 101),
        Case("neither", [], 401, "Bearer", "token_missing"),
        Case("another scheme alone", ["Authorization: Basic \(good)"], 401, "Bearer", "token_missing"),
        Case(
            "a bad one beside a good cookie", ["Authorization: Bearer \(bad)", cookie], 401, invalid, "token_channel"),
        Case("a bad cookie", [badCookie], 401, invalid, "token_channel"),
        Case("no token", ["Authorization: Bearer", cookie], 401, invalid, "token_malformed"),
        Case("two tokens", ["Authorization: Bearer \(good) \(good)"], 401, invalid, "token_malformed"),
        Case("a parameter", ["Authorization: Bearer \(good), a=b", cookie], 401, invalid, "token_malformed"),
        Case("quotes", ["Authorization: Bearer \"\(good)\""], 401, invalid, "token_malformed"),
        Case(
            "twice", ["Authorization: Bearer \(good)", "Authorization: Bearer \(good)"], 401, invalid,
            "token_malformed"),
        Case("padding", ["Authorization: Bearer \(good)=="], 401, invalid, "token_malformed"),
        Case("a control character", ["Authorization: Bearer\t\(good)"], 401, invalid, "token_malformed"),
    ]

    @Test("it goes before the cookie, and every 401 says what is wanted")
    func bearer() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        var tags: [String: Int] = [:]
        for tried in Self.cases {
            for request in [
                RequestText(upgradeTo: ""), EventStreamClient.request(channel: ""),
            ] {
                var request = request.without("Cookie")
                request.fields += tried.fields
                let socket = try TestSocket.connect(port: gateway.port)
                try socket.send(request.bytes)
                let answer = try HTTPAnswer.read(from: socket)
                let isStream = request.target == "/events"
                #expect(
                    answer.status == (isStream && tried.status == 101 ? 200 : tried.status),
                    "\(tried.what): \(answer.statusLine) \(answer.body)")
                #expect(answer.field("WWW-Authenticate") == tried.challenge, "\(tried.what)")
                if let tag = tried.tag { tags[tag, default: 0] += 1 }
            }
        }
        let figures = try gateway.figures().figures
        for (tag, count) in tags { #expect(figures.handshakesRefused[tag] == count, "\(tag)") }
        for token in [Self.good, Self.bad] {
            for part in token.split(separator: ".").dropFirst() { #expect(!gateway.log.contains(String(part))) }
        }
    }

    @Test("a page of another site is refused with it too: the origin counts whenever it is there")
    func origin() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for (origin, status) in [("https://evil.example", 403), ("http://localhost:3000", 101)] {
            let request = RequestText(upgradeTo: "").without("Cookie").adding(
                "Authorization: Bearer \(Self.good)", "Origin: \(origin)")
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(request.bytes)
            #expect(try HTTPAnswer.read(from: socket).status == status)
        }
    }
}
