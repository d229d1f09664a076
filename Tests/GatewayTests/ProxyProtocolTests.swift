import Configuration
import Metrics
import TestSupport
import Testing

/// The PROXY protocol and `X-Forwarded-For` on a running gateway: the peer that the log names.
@Suite("Connections by way of a proxy")
struct ProxyProtocolTests {
    private static let binary: [UInt8] =
        [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]
        + [192, 0, 2, 77, 127, 0, 0, 1, 0x12, 0x67, 0x1F, 0x90]

    /// A request without a token, which the log tells of with its peer.
    private static let request = Array(RequestText("/events").adding("Accept: text/event-stream").text.utf8)

    private func names(_ gateway: TestGateway, _ peer: String) throws {
        try eventually("the log names \(peer)") {
            gateway.log.lines.contains { $0.contains("refused a request") && $0.contains("peer=\(peer)") }
        }
    }

    @Test("the client that the header names is the one in the log, with TLS and without, byte by byte too")
    func header() throws {
        let redis = try RedisProcess()
        for isSecure in [false, true] {
            let gateway =
                try isSecure
                ? TestGateway.secure(redis) { $0.proxyProtocol = true }
                : TestGateway.quiet(redis) { $0.proxyProtocol = true }
            for header in [Self.binary, Array("PROXY TCP4 192.0.2.77 127.0.0.1 4711 8080\r\n".utf8)] {
                let socket = try TestSocket.connect(port: gateway.port)
                try socket.dribble(header)
                if let tls = gateway.tls { try socket.startTLS(tls) }
                try socket.send(Self.request)
                #expect([401, 503].contains(try HTTPAnswer.read(from: socket).status))
            }
            try eventually("both are in the log") {
                gateway.log.lines.count { $0.contains("refused a request") && $0.contains("peer=192.0.2.77:4711") } == 2
            }
        }
    }

    @Test("header and request in one segment, and a proxy's own connection")
    func together() throws {
        let gateway = try TestGateway.quiet(try RedisProcess()) { $0.proxyProtocol = true }
        let request = Array("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        for header in [Self.binary, Array("PROXY UNKNOWN\r\n".utf8)] {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(header + request)
            #expect(try HTTPAnswer.read(from: socket).status == 200)
            try socket.send(request)
            #expect(try HTTPAnswer.read(from: socket).status == 200)
        }
    }

    @Test("without the header, or with a broken one, a connection is ended; a part of one only until the deadline")
    func refused() throws {
        let gateway = try TestGateway.quiet(try RedisProcess()) {
            $0.proxyProtocol = true
            $0.handshakeTimeoutMs = 400
        }
        for text in ["GET /health HTTP/1.1\r\n\r\n", "PROXY TCP4 nobody\r\n"] {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(text)
            #expect(try socket.readToEnd().isEmpty)
        }
        #expect(try gateway.figures().figures.handshakesRefused["proxy_header"] == 2)
        let partial = try TestSocket.connect(port: gateway.port)
        try partial.send("PROXY TCP4")
        #expect(try partial.readToEnd().isEmpty)
        let leaving = try TestSocket.connect(port: gateway.port)
        try leaving.send("PROXY TCP4")
        leaving.shutdownWrite()
        #expect(try leaving.readToEnd().isEmpty)
        try eventually("no socket is left but those that listen") {
            try ProcessFacts.sockets(onLocalPort: gateway.port) == 2
        }
    }

    @Test("a header from a peer that is not trusted is not taken")
    func notTrusted() throws {
        let gateway = try TestGateway.quiet(try RedisProcess()) {
            $0.proxyProtocol = true
            $0.trustedProxies = ["10.0.0.0/8"]
        }
        let socket = try TestSocket.connect(port: gateway.port)
        try socket.send(Self.binary)
        #expect(try socket.readToEnd().isEmpty)
        #expect(try gateway.figures().figures.handshakesRefused["proxy_header"] == 1)
    }

    /// The header that names the client 192.0.2.`host`.
    private static func header(version: Int, host: UInt8, port: UInt16) -> [UInt8] {
        version == 1
            ? Array("PROXY TCP4 192.0.2.\(host) 127.0.0.1 \(port) 8080\r\n".utf8)
            : binary[..<16] + [192, 0, 2, host, 127, 0, 0, 1, UInt8(port >> 8), UInt8(port & 0xFF), 0x1F, 0x90]
    }

    @Test("maxHandshakesPerAddress counts the client that the header names, and not the proxy", arguments: [1, 2])
    func handshakeRate(version: Int) throws {
        let gateway = try TestGateway.quiet(try RedisProcess()) {
            $0.proxyProtocol = true
            $0.maxHandshakesPerAddress = 1
        }
        // An address has a bucket, whatever port a connection comes from.
        var clientPort: UInt16 = 4711
        func handshake(_ host: UInt8) throws -> HTTPAnswer {
            let socket = try TestSocket.connect(port: gateway.port)
            clientPort += 1
            let header = Self.header(version: version, host: host, port: clientPort)
            try socket.send(header + RequestText(upgradeTo: "alpha").bytes)
            return try HTTPAnswer.read(from: socket)
        }
        // What is refused because it is only just starting is not counted.
        try eventually("it accepts handshakes") { try handshake(9).status == 101 }
        for host: UInt8 in [1, 2] {
            var statuses: [Int] = []
            var last = try handshake(host)
            try eventually("the bucket of 192.0.2.\(host) is empty") {
                statuses.append(last.status)
                if last.status != 429 { last = try handshake(host) }
                return last.status == 429
            }
            #expect(last.field("Retry-After") == "10")
            // All that it holds was there: neither the proxy nor the client before had any of it.
            #expect(statuses.count >= 10)
            #expect(statuses.allSatisfy { $0 == 101 })
        }
        #expect(try handshake(3).status == 101)
        #expect(try gateway.figures().figures.handshakesRefused["too_many_from_address"] == 2)
        #expect(gateway.log.lines.contains { $0.contains("maxHandshakesPerAddress") && $0.contains("peer=192.0.2.2:") })
    }

    @Test("X-Forwarded-For counts from a trusted proxy alone")
    func forwardedFor() throws {
        let redis = try RedisProcess()
        let trusting = try TestGateway.quiet(redis) { $0.trustedProxies = ["127.0.0.0/8"] }
        let other = try TestGateway.quiet(redis) { $0.trustedProxies = ["10.0.0.0/8"] }
        let request = RequestText("/events").adding(
            "Accept: text/event-stream", "X-Forwarded-For: 198.51.100.1, 192.0.2.77", "X-Forwarded-For: 127.0.0.9")
        for gateway in [trusting, other] {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(request.text)
            _ = try HTTPAnswer.read(from: socket)
        }
        try names(trusting, "192.0.2.77:0")
        try names(other, "127.0.0.1:")
        #expect(!other.log.contains("192.0.2.77"))
    }

    @Test("an entry of trustedProxies that is no address keeps the gateway from starting")
    func wrongEntry() throws {
        let redis = try RedisProcess()
        #expect { try TestGateway.quiet(redis) { $0.trustedProxies = ["proxy.example"] } } throws: {
            "\($0)".contains("\"trustedProxies\" has \"proxy.example\"")
        }
    }
}
