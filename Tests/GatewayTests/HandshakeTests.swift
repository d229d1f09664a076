import Configuration
import Gateway
import Metrics
import TestSupport
import Testing

/// RFC 6455 section 4.2, and the head it stands in (RFC 9112).
@Suite("Opening handshake")
struct HandshakeTests {
    static let upgrade = RequestText(upgradeTo: "alpha")

    // MARK: Accepted

    @Test("the answer is that of RFC 6455 section 1.3")
    func example() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let client = try gateway.connect("alpha")
        #expect(client.answer.statusLine == "HTTP/1.1 101 Switching Protocols")
        #expect(client.answer.field("Upgrade") == "websocket")
        #expect(client.answer.field("Connection") == "Upgrade")
        #expect(client.answer.field("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(client.answer.field("Content-Length") == nil)
    }

    static let accepted: [(what: String, request: RequestText)] = [
        ("any path", upgrade.with(target: "/some/where/else")),
        ("the target //", upgrade.with(target: "//")),
        ("a target with a query", upgrade.with(target: "/ws?last_id=&x=%20")),
        ("an absolute target", upgrade.with(target: "ws://localhost:8080/ws")),
        ("the path of the health check", upgrade.with(target: "/health")),
        ("a minor version above 1", upgrade.with(version: "HTTP/1.2")),
        ("Upgrade in any case", upgrade.setting("Upgrade", "WebSocket")),
        ("Upgrade as a list", upgrade.setting("Upgrade", "h2c, websocket")),
        ("Connection as browsers send it", upgrade.setting("Connection", "keep-alive, Upgrade")),
        ("Connection in two fields", upgrade.setting("Connection", "keep-alive").adding("Connection: UPGRADE")),
        (
            "field names in lower case",
            {
                var r = upgrade
                r.fields = r.fields.map(lowerName)
                return r
            }()
        ),
        ("white space around values", upgrade.setting("Sec-WebSocket-Version", "\t 13 \t")),
        (
            "an extension offered",
            upgrade.adding("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        ),
        ("a subprotocol offered", upgrade.adding("Sec-WebSocket-Protocol: chat")),
        ("an empty body announced", upgrade.adding("Content-Length: 0")),
        ("a Host without a port", upgrade.setting("Host", "localhost")),
        ("a Host that is an IPv6 address", upgrade.setting("Host", "[::1]:8080")),
        ("an empty last_id", upgrade.with(target: "/?last_id=")),
    ]

    private static func lowerName(_ line: String) -> String {
        guard let colon = line.firstIndex(of: ":") else { return line }
        return line[..<colon].lowercased() + line[colon...]
    }

    @Test("what the RFC allows is accepted, whole and byte by byte, and no extension or subprotocol is chosen")
    func acceptedForms() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        for (what, request) in Self.accepted {
            for isWhole in [true, false] {
                let socket = try TestSocket.connect(port: gateway.port)
                if isWhole { try socket.send(request.bytes) } else { try socket.dribble(request.bytes) }
                let answer = try HTTPAnswer.read(from: socket)
                #expect(answer.status == 101, "\(what): \(answer.statusLine) \(answer.body)")
                #expect(answer.field("Sec-WebSocket-Extensions") == nil)
                #expect(answer.field("Sec-WebSocket-Protocol") == nil)
            }
        }
    }

    @Test("a handshake that comes byte by byte opens a socket that gets events")
    func byteByByte() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.dribble(Self.upgrade.text)
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try socket.frame().text) == id)
    }

    @Test("frames in the same segment as the handshake are read")
    func framesBehindTheHandshake() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(
            Self.upgrade.bytes + WebSocketClient.frame(opcode: 1, Array("ignored".utf8))
                + WebSocketClient.frame(opcode: 9, Array("at once".utf8))
                + WebSocketClient.frame(opcode: 8, [0x03, 0xE8]))
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        let pong = try socket.frame()
        #expect(pong.opcode == 10)
        #expect(pong.text == "at once")
        let close = try socket.frame()
        #expect(close.opcode == 8)
        #expect(close.closeCode == 1000)
        #expect(try socket.ending() == .finished)
    }

    @Test("a frame that begins in the handshake's segment and ends in a later one is one frame")
    func frameAcrossTheHandshake() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let bytes = Self.upgrade.bytes + WebSocketClient.frame(opcode: 9, Array("cut anywhere".utf8))
        for cut in (Self.upgrade.bytes.count - 2)...(bytes.count - 1) {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(Array(bytes[..<cut]))
            // Behind a whole head the cut is certain to be seen as one.
            if cut >= Self.upgrade.bytes.count { #expect(try HTTPAnswer.read(from: socket).status == 101) }
            try socket.send(Array(bytes[cut...]))
            if cut < Self.upgrade.bytes.count { #expect(try HTTPAnswer.read(from: socket).status == 101) }
            #expect(try socket.frame().text == "cut anywhere")
        }
    }

    @Test("plain requests and an upgrade in one segment are answered in order, and the frames behind it too")
    func pipelinedUpgrade() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        let plain = RequestText("/health").bytes + RequestText("/nowhere").bytes
        try socket.send(plain + Self.upgrade.bytes + WebSocketClient.frame(opcode: 9, Array("last".utf8)))
        #expect(try HTTPAnswer.read(from: socket).status == 200)
        #expect(try HTTPAnswer.read(from: socket).status == 404)
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        #expect(try socket.frame().text == "last")
    }

    @Test("an upgrade may follow plain requests on a kept connection")
    func upgradeAfterPlainRequests() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        for _ in 0..<3 {
            try socket.send(RequestText("/ready").bytes)
            let answer = try HTTPAnswer.read(from: socket)
            #expect(answer.status == 200)
            #expect(answer.field("Connection") == "keep-alive")
        }
        try socket.send(Self.upgrade.bytes)
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try socket.frame().text) == id)
    }

    // MARK: Refused

    struct Refused: Sendable {
        var what: String
        var bytes: [UInt8]
        var status: Int
        /// A field that the answer must have.
        var field: (name: String, value: String)?

        init(_ what: String, _ request: RequestText, _ status: Int, _ field: (String, String)? = nil) {
            self.init(what, request.bytes, status, field)
        }

        init(_ what: String, _ bytes: [UInt8], _ status: Int, _ field: (String, String)? = nil) {
            self.what = what
            self.bytes = bytes
            self.status = status
            self.field = field.map { (name: $0.0, value: $0.1) }
        }
    }

    static let refusedHandshakes: [Refused] =
        ["0", "7", "8", "12", "14", "013", "13, 8", "13.0", ""].map {
            Refused(
                "version \($0.debugDescription)", upgrade.setting("Sec-WebSocket-Version", $0), 426,
                ("Sec-WebSocket-Version", "13"))
        } + [
            Refused("no version", upgrade.without("Sec-WebSocket-Version"), 400),
            Refused("two versions", upgrade.adding("Sec-WebSocket-Version: 13"), 400),
            Refused("no key", upgrade.without("Sec-WebSocket-Key"), 400),
            Refused("two keys", upgrade.adding("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
            Refused("an empty key", upgrade.setting("Sec-WebSocket-Key", ""), 400),
            Refused("a key of 15 bytes", upgrade.setting("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"), 400),
            Refused("a key of 17 bytes", upgrade.setting("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZXM="), 400),
            Refused("a key without padding", upgrade.setting("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), 400),
            Refused("a key that is not base64", upgrade.setting("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j*Q=="), 400),
            Refused("a key in base64url", upgrade.setting("Sec-WebSocket-Key", "____IHNhbXBsZSBub25jZQ=="), 400),
            Refused("no Connection", upgrade.without("Connection"), 400),
            Refused("Connection without Upgrade", upgrade.setting("Connection", "keep-alive"), 400),
            Refused("HTTP/1.0", upgrade.with(version: "HTTP/1.0"), 400),
            Refused("a body announced", upgrade.adding("Content-Length: 5"), 400),
            Refused("a chunked body", upgrade.adding("Transfer-Encoding: chunked"), 400),
        ]
        + ["POST", "PUT", "OPTIONS", "DELETE", "PATCH", "get", "FOO"].map { (method: String) in
            Refused("method \(method)", upgrade.with(method: method), 405, ("Allow", "GET"))
        }

    static let refusedHeads: [Refused] =
        [
            Refused("no Host", upgrade.without("Host"), 400),
            Refused("two Hosts", upgrade.adding("Host: localhost:8080"), 400),
            Refused("HTTP/2.0", upgrade.with(version: "HTTP/2.0"), 505),
            Refused("HTTP/0.9", upgrade.with(version: "HTTP/0.9"), 505),
            Refused("a version in lower case", upgrade.with(version: "http/1.1"), 400),
            Refused("the preface of HTTP/2", Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), 505),
            Refused("a folded header", upgrade.adding("X-Folded: one", " two"), 400),
            Refused("a line that begins with a tab", upgrade.adding("X-Folded: one", "\ttwo"), 400),
            Refused(
                "white space before the first header",
                {
                    var r = upgrade
                    r.fields[0] = " " + r.fields[0]
                    return r
                }(), 400),
            Refused("a space before the colon", upgrade.adding("X-Space : one"), 400),
            Refused("a header without a colon", upgrade.adding("X-Colon"), 400),
            Refused("a header without a name", upgrade.adding(": one"), 400),
            Refused(
                "a bare LF behind a header",
                Array(upgrade.text.replacing("Upgrade: websocket\r\n", with: "Upgrade: websocket\n").utf8), 400),
            Refused("bare LFs throughout", Array(upgrade.text.replacing("\r\n", with: "\n").utf8), 400),
            Refused(
                "a bare LF behind the request line",
                Array(upgrade.text.replacing("HTTP/1.1\r\n", with: "HTTP/1.1\n").utf8), 400),
            Refused("a bare CR in a value", upgrade.adding("X-CR: one\rtwo"), 400),
            Refused("NUL in a value", upgrade.adding("X-NUL: one\0two"), 400),
            Refused("NUL in a name", upgrade.adding("X-\0NUL: one"), 400),
            Refused("NUL in the target", upgrade.with(target: "/\0"), 400),
            Refused("NULs only", [UInt8](repeating: 0, count: 64), 400),
            Refused("an escape character in a value", upgrade.adding("X-ESC: \u{1B}[31m"), 400),
            Refused("a target with a space", upgrade.with(target: "/a b"), 400),
            Refused("a target without a slash", upgrade.with(target: "events"), 400),
            Refused("a target of another scheme", upgrade.with(target: "ftp://localhost/"), 400),
            Refused("the target *", upgrade.with(target: "*"), 400),
            Refused("no target", Array("GET HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), 400),
            Refused("a target of 8193 bytes", upgrade.with(target: "/" + String(repeating: "a", count: 8192)), 414),
            Refused("a target without an end", Array(("GET /" + String(repeating: "a", count: 20_000)).utf8), 414),
            Refused(
                "a head of more than 16384 bytes", upgrade.adding("X-Long: " + String(repeating: "a", count: 16_384)),
                431),
            Refused(
                "a head without an end",
                Array((upgrade.text.dropLast(2) + "X: " + String(repeating: "a", count: 20_000)).utf8), 431),
            Refused(
                "101 headers",
                {
                    var r = upgrade
                    r.fields += (0..<95).map { "X-\($0): 1" }
                    return r
                }(), 431),
            Refused(
                "Content-Length and Transfer-Encoding",
                upgrade.adding("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
            Refused("two lengths", upgrade.adding("Content-Length: 5", "Content-Length: 6"), 400),
            Refused("a length that is no number", upgrade.adding("Content-Length: five"), 400),
            Refused("a negative length", upgrade.adding("Content-Length: -1"), 400),
            Refused("a length with a sign", upgrade.adding("Content-Length: +1"), 400),
            Refused("a length beyond 63 bits", upgrade.adding("Content-Length: 9223372036854775808"), 400),
            Refused("a transfer coding that is not known", upgrade.adding("Transfer-Encoding: gzip, chunked"), 501),
            Refused("chunked not last", upgrade.adding("Transfer-Encoding: chunked, identity"), 400),
            Refused("five empty lines before the request", Array("\r\n\r\n\r\n\r\n\r\n".utf8) + upgrade.bytes, 400),
            Refused("a method of 33 letters", upgrade.with(method: String(repeating: "M", count: 33)), 501),
            Refused(
                "a TLS ClientHello",
                [0x16, 0x03, 0x01, 0x00, 0xF8, 0x01, 0x00, 0x00, 0xF4, 0x03, 0x03] + [UInt8](repeating: 7, count: 64),
                400),
            Refused("an SSH banner", Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), 400),
        ]
        + [
            "", "a b", "a/b", "a?b", "user@a", "a:b", "a:1:2", "a:99999", "a:-1", "[::1", "[::1]x", "[zz]", "::1",
            "a,b c",
            "%zz", "<script>", "a\\b",
        ].map { Refused("Host \($0.debugDescription)", upgrade.setting("Host", $0), 400) }

    @Test("each breach has its status, a reason in a line, Connection: close and the end of the stream")
    func refusals() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        var tags = ["bad_handshake": 0, "bad_request": 0]
        for (tag, cases) in [("bad_handshake", Self.refusedHandshakes), ("bad_request", Self.refusedHeads)] {
            for refused in cases {
                let socket = try TestSocket.connect(port: gateway.port)
                // Bytes behind the breach are thrown away, and must not cost the peer the answer.
                try socket.send(refused.bytes + RequestText("/health").bytes)
                let answer = try HTTPAnswer.read(from: socket)
                #expect(answer.status == refused.status, "\(refused.what): \(answer.statusLine), \(answer.body)")
                #expect(answer.field("Connection") == "close", "\(refused.what)")
                #expect(answer.field("Content-Type") == "text/plain; charset=utf-8", "\(refused.what)")
                #expect(answer.body.hasSuffix(".\n") && answer.body.count < 120, "\(refused.what): \(answer.body)")
                if let (name, value) = refused.field { #expect(answer.field(name) == value, "\(refused.what)") }
                #expect(try socket.ending() == .finished, "\(refused.what)")
                tags[tag, default: 0] += 1
            }
        }
        let counts = try gateway.figures().figures.handshakesRefused
        for (tag, count) in tags { #expect(counts[tag] == count, "\(tag)") }
        #expect(try gateway.figures().figures.webSocketConnections == 0)
    }

    @Test("the same breaches have the same status when they come byte by byte")
    func refusalsByteByByte() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        // Those of many kilobytes are cut into pieces, or the test would take longer than it is worth.
        for refused in Self.refusedHandshakes + Self.refusedHeads {
            let socket = try TestSocket.connect(port: gateway.port)
            let piece = refused.bytes.count > 4000 ? 997 : 1
            for start in stride(from: 0, to: refused.bytes.count, by: piece) where !socket.hasInput() {
                // The gateway may have refused and closed while the rest is still being sent.
                try? socket.send(Array(refused.bytes[start..<min(start + piece, refused.bytes.count)]))
            }
            let answer = try HTTPAnswer.read(from: socket)
            #expect(answer.status == refused.status, "\(refused.what): \(answer.statusLine), \(answer.body)")
        }
    }

    @Test("a HEAD request that asks for an upgrade is refused without a body")
    func headUpgrade() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(Self.upgrade.with(method: "HEAD").bytes)
        let answer = try HTTPAnswer.read(from: socket, toHead: true)
        #expect(answer.status == 405)
        #expect(answer.field("Allow") == "GET")
        #expect(try socket.ending() == .finished)
    }

    @Test("what comes behind a refused handshake is not taken for a request")
    func nothingBehindARefusal() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(Self.upgrade.without("Cookie").bytes + Self.upgrade.bytes)
        #expect(try HTTPAnswer.read(from: socket).status == 401)
        #expect(try socket.ending() == .finished)
        #expect(try gateway.figures().figures.webSocketConnections == 0)
    }

    @Test("maxRequestHeadBytes is the whole head's limit: one byte more is refused")
    func headLimit() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.maxRequestHeadBytes = 2048 }.ready()
        for (length, status) in [(2047, 101), (2048, 101), (2049, 431), (4096, 431)] {
            let padding = String(repeating: "p", count: length - Self.upgrade.adding("X: ").bytes.count)
            let request = Self.upgrade.adding("X: " + padding)
            #expect(request.bytes.count == length)
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(request.bytes)
            #expect(try HTTPAnswer.read(from: socket).status == status, "\(length) bytes")
        }
    }

    @Test("a head as long as it may be, larger than one read, is accepted")
    func longHead() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let padding = String(repeating: "p", count: 16_384 - Self.upgrade.adding("X: ").bytes.count)
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(Self.upgrade.adding("X: " + padding).bytes + WebSocketClient.frame(opcode: 9, [1]))
        #expect(try HTTPAnswer.read(from: socket).status == 101)
        #expect(try socket.frame().payload == [1])
    }
}
