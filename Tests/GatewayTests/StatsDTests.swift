import Configuration
import Metrics
import TestSupport
import Testing

/// The Node server's two counters, byte for byte as its library sends them.
@Suite("StatsD")
struct StatsDTests {
    @Test("each connection sends ws_connected_client with the tags")
    func connected() throws {
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        let gateway = try TestGateway.quiet(redis) {
            $0.statsd.port = server.port
            $0.statsd.globalTags = ["tag:a", "tag2:b"]
        }.ready()
        let first = try gateway.connect("alpha")
        #expect(try server.datagram() == "ws_connected_client:1|c|#tag:a,tag2:b")
        let others = try (0..<5).map { try gateway.connect("channel-\($0)") }
        let lines = try server.lines(5)
        #expect(lines == [String](repeating: "ws_connected_client:1|c|#tag:a,tag2:b", count: 5))
        withExtendedLifetime((first, others)) {}
    }

    @Test("without tags there is no |#")
    func withoutTags() throws {
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        let gateway = try TestGateway.quiet(redis) {
            $0.statsd.host = "localhost"
            $0.statsd.port = server.port
        }.ready()
        let client = try gateway.connect("alpha")
        #expect(try server.datagram() == "ws_connected_client:1|c")
        withExtendedLifetime(client) {}
    }

    @Test("plain requests and refused handshakes send nothing")
    func nothingElse() throws {
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        let gateway = try TestGateway.quiet(redis) {
            $0.statsd.port = server.port
            $0.eventLoops = 1
        }.ready()
        let refused = try TestSocket.connect(port: gateway.port)
        try refused.send(RequestText(upgradeTo: "alpha", token: "garbage").bytes)
        #expect(try HTTPAnswer.read(from: refused).status == 401)
        #expect(try gateway.get("/health").status == 200)
        // On the one loop, what was counted before would have been sent before.
        let client = try gateway.connect("alpha")
        #expect(try server.datagram() == "ws_connected_client:1|c")
        withExtendedLifetime(client) {}
    }

    @Test("a client that is gone while events flow sends ws_client_send_error once")
    func sendError() throws {
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        let gateway = try TestGateway.quiet(redis) {
            $0.statsd.port = server.port
            $0.statsd.globalTags = ["env:test"]
        }.ready()
        let client = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 2048)
        #expect(try server.datagram() == "ws_connected_client:1|c|#env:test")
        // It does not read, so that the gateway has something left to write when it is gone.
        let large = sampleEvent("alpha", String(repeating: "j", count: 900_000))
        for _ in 0..<12 { try redis.publish("alpha", large) }
        try eventually("the gateway has read them") { try gateway.figures().figures.eventsRead == 12 }
        client.socket.reset()
        #expect(try server.datagram() == "ws_client_send_error:1|c|#env:test")
        let figures = try gateway.figures().figures
        #expect(figures.webSocketConnections == 0)
        #expect(figures.closedByError == 1)
    }

    @Test("a plain client that is gone before its answer is not a WebSocket client's error")
    func plainSendError() throws {
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        let gateway = try TestGateway.quiet(redis) {
            $0.statsd.port = server.port
            $0.eventLoops = 1
        }.ready()
        let flood = Array(String(repeating: RequestText("/health").text, count: 60_000).utf8)
        let plain = try TestSocket.connect(port: gateway.port, receiveBuffer: 2048)
        _ = try plain.flood(flood, patience: 100)
        plain.reset()
        try eventually("it is gone") { try ProcessFacts.sockets(onLocalPort: gateway.port) == 1 }
        let client = try gateway.connect("alpha")
        #expect(try server.datagram() == "ws_connected_client:1|c")
        withExtendedLifetime(client) {}
    }

    @Test("a StatsD server that goes is no error, and when it is back it is sent the very next count")
    func missing() throws {
        let redis = try RedisProcess()
        var server: DatagramReceiver? = try DatagramReceiver()
        let port = try #require(server?.port)
        let gateway = try TestGateway.quiet(redis) {
            $0.statsd.port = port
            $0.eventLoops = 1
            $0.handshakeTimeoutMs = 1000
        }.ready()
        var clients = [try gateway.connect("alpha")]
        #expect(try server?.datagram() == "ws_connected_client:1|c")
        server = nil
        for _ in 0..<2 {
            clients.append(try gateway.connect("alpha"))
            // When a connection that came later has had its second, the count has long been sent, to nobody.
            #expect(try TestSocket.connect(port: gateway.port).ending() == .finished)
        }
        server = try DatagramReceiver(port: port)
        clients.append(try gateway.connect("alpha"))
        #expect(try server?.datagram() == "ws_connected_client:1|c")
        #expect(!gateway.log.lines.contains { $0.hasPrefix("error") || $0.hasPrefix("warning") })
    }

    // A name that is too long for one, so that no name server has to be waited for.
    @Test("a StatsD host without an address is said once and is no error")
    func nameless() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.statsd.host = String(repeating: "x", count: 300) }.ready()
        #expect(try gateway.connect("alpha").barrier() == [])
        try eventually("it is in the log") { gateway.log.contains("warning statsd.host cannot be resolved") }
    }
}
