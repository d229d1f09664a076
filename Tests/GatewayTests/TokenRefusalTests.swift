import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

@testable import JSONWebToken

/// Who has no good token gets 401 and never an upgrade.
@Suite("Token refusals")
struct TokenRefusalTests {
    private static let secret = Array(WebSocketClient.secret.utf8)
    private static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    /// A token with any header and claims, signed with the right secret unless told otherwise.
    private static func token(
        _ claims: String, header: String = #"{"alg":"HS256","typ":"JWT"}"#, algorithm: Algorithm = .HS256,
        secret: [UInt8] = secret
    ) throws -> String {
        let signer = try Signer(algorithm: algorithm, secret: secret)
        return String(decoding: try signer.sign(header: Array(header.utf8), claims: Array(claims.utf8)), as: UTF8.self)
    }

    private static func base64URL(_ text: String) -> String {
        Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
            "=", with: "")
    }

    private struct Case {
        var what: String
        /// The value of the `Cookie` field; nil for none.
        var cookie: String?
        var tag: String

        init(_ what: String, cookie: String?, _ tag: String) {
            self.what = what
            self.cookie = cookie
            self.tag = tag
        }

        init(_ what: String, token: String, _ tag: String) { self.init(what, cookie: "async-token=\(token)", tag) }
    }

    private static func cases() throws -> [Case] {
        let claims = #"{"channel":"alpha","sub":"1"}"#
        let good = try token(claims)
        let parts = good.split(separator: ".").map(String.init)
        let (header, payload, signature) = (parts[0], parts[1], parts[2])
        let other = base64URL(#"{"channel":"beta","sub":"1"}"#)
        let nonsense = signature.replacing(
            signature.prefix(1), with: signature.hasPrefix("A") ? "B" : "A", maxReplacements: 1)
        var cases = [
            Case("no Cookie field", cookie: nil, "token_missing"),
            Case("an empty Cookie field", cookie: "", "token_missing"),
            Case("other cookies only", cookie: "session=1; token=2", "token_missing"),
            Case("the cookie's name in another case", cookie: "Async-Token=\(good)", "token_missing"),
            Case("a cookie whose name only ends so", cookie: "my-async-token=\(good)", "token_missing"),
            Case("a name without a value", cookie: "async-token", "token_missing"),
            Case("an empty token", token: "", "token_empty"),
            Case("an empty quoted token", token: "\"\"", "token_empty"),
            Case("a token of 9000 bytes", token: String(repeating: "a", count: 9000), "token_too_long"),
            Case("garbage", token: "garbage", "token_malformed"),
            Case("garbage in three parts", token: "!!.??.$$", "token_malformed"),
            Case("dots only", token: "..", "token_malformed"),
            Case("two parts", token: "\(header).\(payload)", "token_malformed"),
            Case("four parts", token: good + ".AAAA", "token_malformed"),
            Case("a dot at the end", token: good + ".", "token_malformed"),
            Case("no signature", token: "\(header).\(payload).", "token_signature"),
            Case("a signature cut short", token: String(good.dropLast(3)), "token_signature"),
            Case("a signature with a character less", token: String(good.dropLast(1)), "token_malformed"),
            Case("a signature made longer", token: good + "AAAA", "token_signature"),
            Case("a padded signature", token: good + "=", "token_malformed"),
            Case("another signature", token: "\(header).\(payload).\(nonsense)", "token_signature"),
            Case("a changed payload", token: "\(header).\(other).\(signature)", "token_signature"),
            Case(
                "a changed header", token: base64URL(#"{"typ":"JWT","alg":"HS256"}"#) + ".\(payload).\(signature)",
                "token_signature"),
            Case(
                "the wrong secret", token: try token(claims, secret: Array("another secret of thirty-two bytes".utf8)),
                "token_signature"),
            Case("the secret with a byte more", token: try token(claims, secret: secret + [0x20]), "token_signature"),
            Case(
                "an algorithm that is not listed",
                token: try token(claims, header: #"{"alg":"HS512"}"#, algorithm: .HS512), "token_algorithm"),
            Case(
                "a public-key algorithm, signed with the secret", token: try token(claims, header: #"{"alg":"RS256"}"#),
                "token_algorithm"),
            Case("no algorithm", token: try token(claims, header: #"{"typ":"JWT"}"#), "token_algorithm"),
            Case("an algorithm that is a number", token: try token(claims, header: #"{"alg":256}"#), "token_algorithm"),
            Case(
                "an algorithm in lower case", token: try token(claims, header: #"{"alg":"hs256"}"#), "token_algorithm"),
            Case(
                "two algorithms", token: try token(claims, header: #"{"alg":"HS256","alg":"none"}"#), "token_malformed"),
            Case(
                "a critical extension", token: try token(claims, header: #"{"alg":"HS256","crit":["x"]}"#),
                "token_critical_extension"),
            Case("a header that is no object", token: try token(claims, header: "[]"), "token_malformed"),
            Case("expired", token: try token(#"{"channel":"alpha","exp":\#(now - 31)}"#), "token_expired"),
            Case("expired in 1970", token: try token(#"{"channel":"alpha","exp":0}"#), "token_expired"),
            Case("expired before 1970", token: try token(#"{"channel":"alpha","exp":-1e9}"#), "token_expired"),
            Case("not yet valid", token: try token(#"{"channel":"alpha","nbf":\#(now + 90)}"#), "token_not_yet_valid"),
            Case(
                "an exp that is a string", token: try token(#"{"channel":"alpha","exp":"\#(now + 60)"}"#), "token_date"),
            Case("an exp that is null", token: try token(#"{"channel":"alpha","exp":null}"#), "token_date"),
            Case("an exp that is an object", token: try token(#"{"channel":"alpha","exp":{}}"#), "token_date"),
            Case("an nbf that is a string", token: try token(#"{"channel":"alpha","nbf":"0"}"#), "token_date"),
            Case("two exps", token: try token(#"{"channel":"alpha","exp":\#(now + 60),"exp":9e9}"#), "token_malformed"),
            Case("no channel", token: try token(#"{"sub":"1"}"#), "token_channel"),
            Case("an empty channel", token: try token(#"{"channel":""}"#), "token_channel"),
            Case("the channel full", token: try token(#"{"channel":"full"}"#), "token_channel"),
            Case("the channel full, escaped", token: try token(#"{"channel":"\u0066ull"}"#), "token_channel"),
            Case("a channel that is a number", token: try token(#"{"channel":1}"#), "token_channel"),
            Case("a channel that is null", token: try token(#"{"channel":null}"#), "token_channel"),
            Case("a channel that is a list", token: try token(#"{"channel":["alpha"]}"#), "token_channel"),
            Case("a channel with a line end", token: try token(#"{"channel":"al\npha"}"#), "token_channel"),
            Case("a channel deeper down", token: try token(#"{"inner":{"channel":"alpha"}}"#), "token_channel"),
            Case("claims that are no object", token: try token(#""alpha""#), "token_malformed"),
            Case("claims that are broken", token: try token(#"{"channel":"alpha""#), "token_malformed"),
            Case(
                "the first of two cookies is wrong", cookie: "async-token=garbage; async-token=\(good)",
                "token_malformed"),
        ]
        for name in ["none", "None", "NONE", "nOnE", "none ", ""] {
            let header = base64URL(#"{"alg":"\#(name)","typ":"JWT"}"#)
            cases.append(Case("alg \(name) without a signature", token: "\(header).\(payload).", "token_algorithm"))
            cases.append(
                Case(
                    "alg \(name) with a signature", token: try token(claims, header: #"{"alg":"\#(name)"}"#),
                    "token_algorithm"))
        }
        return cases
    }

    @Test("each way a token can be wrong gives 401, a short reason and the end of the stream, and is counted by reason")
    func refusals() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        var expected: [String: Int] = [:]
        for refused in try Self.cases() {
            var request = RequestText(upgradeTo: "alpha").without("Cookie")
            if let cookie = refused.cookie { request = request.adding("Cookie: " + cookie) }
            let socket = try TestSocket.connect(port: gateway.port)
            // The frame behind the handshake must not be answered.
            try socket.send(request.bytes + WebSocketClient.frame(opcode: 9, [1]))
            let answer = try HTTPAnswer.read(from: socket)
            #expect(answer.status == 401, "\(refused.what): \(answer.statusLine) \(answer.body)")
            #expect(answer.field("Connection") == "close", "\(refused.what)")
            #expect(answer.field("Content-Type") == "text/plain; charset=utf-8", "\(refused.what)")
            #expect(answer.field("Upgrade") == nil && answer.field("Sec-WebSocket-Accept") == nil, "\(refused.what)")
            #expect(
                answer.body.count(where: \.isNewline) == 1 && (10..<80).contains(answer.body.count), "\(answer.body)")
            #expect(try socket.ending() == .finished, "\(refused.what)")
            expected[refused.tag, default: 0] += 1
        }
        let figures = try gateway.figures().figures
        for (tag, count) in expected { #expect(figures.handshakesRefused[tag] == count, "\(tag)") }
        #expect(figures.handshakesRefused.counts.reduce(0) { $0 + $1.count } == expected.values.reduce(0, +))
        #expect(figures.webSocketConnections == 0)
    }

    @Test("no token stands in the log, not even a refused one")
    func tokensAreNotLogged() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let good = WebSocketClient.token("alpha")
        let bad = try Self.token(#"{"channel":"full"}"#)
        for token in [good, bad] {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(RequestText(upgradeTo: "alpha", token: token).bytes)
            _ = try HTTPAnswer.read(from: socket)
        }
        #expect(gateway.log.contains("channel is reserved"))
        for token in [good, bad] {
            for part in token.split(separator: ".").dropFirst() { #expect(!gateway.log.contains(String(part))) }
        }
        #expect(!gateway.log.contains(WebSocketClient.secret))
    }

    @Test("a good token is found however the cookies around it look")
    func cookies() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let token = WebSocketClient.token("alpha")
        let neighbour = String(repeating: "n", count: 3072)
        let accepted: [(what: String, lines: [String])] = [
            ("quoted", ["Cookie: async-token=\"\(token)\""]),
            ("several cookies", ["Cookie: a=1; async-token=\(token); b=2"]),
            ("; without a space", ["Cookie: a=1;async-token=\(token);b=2"]),
            ("many spaces", ["Cookie: a=1;   async-token = \(token)  ; b=2"]),
            ("a neighbour of 3 KiB before it", ["Cookie: session=\(neighbour); async-token=\(token)"]),
            ("a neighbour of 3 KiB behind it", ["Cookie: async-token=\(token); session=\(neighbour)"]),
            ("neighbours that are no pairs", ["Cookie: ;; x; =y; \"; async-token=\(token)"]),
            ("a neighbour with = in its value", ["Cookie: a=b=c==; async-token=\(token)"]),
            ("the same name twice, the first good", ["Cookie: async-token=\(token); async-token=garbage"]),
            ("two Cookie fields", ["Cookie: a=1", "Cookie: async-token=\(token)"]),
            ("bytes beyond ASCII beside it", ["Cookie: a=ä€𝄞; async-token=\(token)"]),
        ]
        for (what, lines) in accepted {
            var request = RequestText(upgradeTo: "alpha").without("Cookie")
            request.fields += lines
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(request.bytes)
            let answer = try HTTPAnswer.read(from: socket)
            #expect(answer.status == 101, "\(what): \(answer.body)")
        }
    }

    @Test("claims that do not matter do not, and dates are given 30 seconds")
    func acceptedClaims() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let claims = [
            #"{"channel":"alpha","sub":null}"#, #"{"channel":"alpha"}"#,
            #"{"channel":"alpha","sub":"7","aud":"x","iat":9e9}"#,
            #"{ "channel" : "\u0061lpha" }"#, #"{"channel":"alpha","exp":\#(Self.now + 3600)}"#,
            #"{"channel":"alpha","exp":\#(Self.now - 10)}"#, #"{"channel":"alpha","nbf":\#(Self.now + 10)}"#,
            #"{"channel":"alpha","exp":1e18}"#, #"{"channel":"alpha","exp":\#(Self.now + 5).75}"#,
            #"{"channel":"alpha","inner":{"channel":"beta","exp":0}}"#,
        ]
        let clients = try claims.map { claims in
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(RequestText(upgradeTo: "alpha", token: try Self.token(claims)).bytes)
            let answer = try HTTPAnswer.read(from: socket)
            #expect(answer.status == 101, "\(claims): \(answer.body)")
            return socket
        }
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        for client in clients { #expect(eventID(try client.frame().text) == id) }
    }

    @Test("the cookie's name, the claim and the algorithms are the configured ones")
    func configured() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.jwtCookieName = "gate"
            $0.jwtChannelIdKey = "room"
            $0.jwtAlgorithms = ["HS384", "HS512"]
        }.ready()
        func status(_ cookie: String, _ token: String) throws -> Int {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(RequestText(upgradeTo: "").setting("Cookie", "\(cookie)=\(token)").bytes)
            return try HTTPAnswer.read(from: socket).status
        }
        let claims = #"{"room":"alpha","channel":"beta"}"#
        let long = try Self.token(claims, header: #"{"alg":"HS512"}"#, algorithm: .HS512)
        #expect(try status("gate", long) == 101)
        #expect(try status("gate", try Self.token(claims, header: #"{"alg":"HS384"}"#, algorithm: .HS384)) == 101)
        #expect(try status("gate", try Self.token(claims)) == 401)
        #expect(try status("async-token", long) == 401)
        let claimless = try Self.token(#"{"channel":"beta"}"#, header: #"{"alg":"HS512"}"#, algorithm: .HS512)
        #expect(try status("gate", claimless) == 401)
    }
}
