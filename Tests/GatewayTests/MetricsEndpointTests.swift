import Configuration
import EventLoop
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// `GET /metrics`.
@Suite("The metrics endpoint")
struct MetricsEndpointTests {
    private static let text = "text/plain; version=0.0.4; charset=utf-8"
    private static let openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    private func ask(_ port: UInt16, _ request: RequestText) throws -> (HTTPAnswer, TestSocket) {
        let socket = try TestSocket.connect(port: port)
        try socket.send(request.text)
        return (try HTTPAnswer.read(from: socket, toHead: request.method == "HEAD"), socket)
    }

    @Test("gives the figures of all loops in a form that Prometheus reads, to GET and HEAD", arguments: [1, 3])
    func figures(loops: Int) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = loops }.open()
        let clients = try (0..<9).map { _ in try gateway.connect("alpha") }
        for format in [Scrape.Format.text, .openMetrics] {
            let scrape = try gateway.scrape(format)
            #expect(scrape.value("sluice_connections", ["transport": "websocket"]) == 9)
            #expect(scrape.value("sluice_event_loops") == Double(loops))
            #expect(scrape.value("sluice_redis_connected") == 1)
            #expect(scrape.value("sluice_build_info", ["version": Gateway.version]) == 1)
        }
        let (answer, socket) = try ask(
            gateway.port, RequestText("/metrics", method: "HEAD").adding("Connection: close"))
        #expect(answer.statusLine == "HTTP/1.1 200 OK")
        #expect(answer.field("Content-Type") == Self.text)
        #expect(answer.field("Cache-Control") == "no-store")
        #expect(Int(answer.field("Content-Length") ?? "") ?? 0 > 1000)
        #expect(try socket.ending() == .finished, "no body follows")
        withExtendedLifetime(clients) {}
    }

    @Test("what is said of the process is what the system says of it")
    func process() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = 1 << 20 }.ready()
        let before = Date().timeIntervalSince1970
        let scrape = try gateway.scrape()
        let start = try #require(scrape.value("process_start_time_seconds"))
        #expect(start < before && start > before - 86_400)
        #expect(try #require(scrape.value("process_cpu_seconds_total")) > 0)
        #expect(try #require(scrape.value("process_resident_memory_bytes")) > 1_000_000)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #expect(scrape.value("process_max_fds") == Double(limit.rlim_cur))
        if let open = scrape.value("process_open_fds") { #expect(open > 3) }
        #expect(scrape.value("sluice_history_capacity_bytes") == Double(1 << 20))
    }

    @Test("the log's figures: what it holds and how far back it reaches")
    func history() throws {
        let redis = try RedisProcess()
        try redis.add("async-events-full", "1700000000000-0", data: sampleEvent("alpha", "old"))
        let gateway = try TestGateway.quiet(redis).open()
        let first = try gateway.scrape()
        let held = try #require(first.value("sluice_history_bytes"))
        #expect(held > 100)
        let age = try #require(first.value("sluice_history_oldest_age_seconds"))
        #expect(abs(age - (Date().timeIntervalSince1970 - 1_700_000_000)) < 60)
        let client = try gateway.connect("alpha")
        try redis.publish("alpha", sampleEvent("alpha", "new"))
        _ = try client.event()
        #expect(try #require(gateway.scrape().value("sluice_history_bytes")) > held)
        let empty = try TestGateway.quiet(try RedisProcess()).open()
        #expect(try empty.scrape().value("sluice_history_oldest_age_seconds") == 0)
    }

    @Test(
        "OpenMetrics is for who names it and likes it as much as text",
        arguments: [
            (nil, text), ("*/*", text), ("text/plain", text), ("application/openmetrics-text", openMetrics),
            ("application/openmetrics-text; version=1.0.0", openMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", openMetrics),
            ("Application/OpenMetrics-Text;Version=1.0.0;Q=0.5, */*;q=0.1", openMetrics),
            ("application/openmetrics-text; version=0.0.1", text),
            ("application/openmetrics-text;q=0.3, text/plain;q=0.4", text),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.4", openMetrics),
            ("application/openmetrics-text;q=0, */*", text), ("application/*", text), ("nonsense", text),
            // Prometheus 3.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                openMetrics
            ),
        ] as [(String?, String)])
    func negotiation(accept: String?, type: String) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        var request = RequestText("/metrics?x=1")
        if let accept { request.fields.append("Accept: \(accept)") }
        let (answer, _) = try ask(gateway.port, request)
        #expect(answer.field("Content-Type") == type)
        #expect(answer.field("Vary") == "Accept")
        _ = try Scrape(answer.body, type == Self.text ? .text : .openMetrics)
    }

    @Test(
        "any other method is 405 with Allow, and nothing hangs on it", arguments: ["POST", "PUT", "DELETE", "OPTIONS"])
    func wrongMethod(method: String) throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).ready()
        let (answer, socket) = try ask(gateway.port, RequestText("/metrics", method: method))
        #expect(answer.status == 405)
        #expect(answer.field("Allow") == "GET, HEAD")
        try socket.send(RequestText("/health").text)
        #expect(try HTTPAnswer.read(from: socket).status == 200)
    }

    @Test("before Redis was reached the figures are there, and say so")
    func withoutRedis() throws {
        let redis = try RedisProcess()
        redis.kill()
        let gateway = try TestGateway.quiet(redis)
        #expect(try gateway.scrape().value("sluice_redis_connected") == 0)
    }

    @Test("with metricsPort they are there, with health and ready and nothing else; on the main port they are 404")
    func ownPort() throws {
        let redis = try RedisProcess()
        let port = try freePort()
        let gateway = try TestGateway.quiet(redis) {
            $0.metricsPort = port
            $0.eventLoops = 3
        }.ready()
        let client = try gateway.connect("alpha")
        #expect(try gateway.get("/metrics").status == 404)
        #expect(try gateway.get("/health").status == 200)
        #expect(try gateway.scrape(port: port).value("sluice_connections", ["transport": "websocket"]) == 1)
        #expect(try ask(port, RequestText("/health")).0.body == "OK")
        #expect(try ask(port, RequestText("/ready")).0.body == "ready\n")
        #expect(try ask(port, RequestText("/")).0.status == 404)
        #expect(try ask(port, RequestText(upgradeTo: "alpha")).0.status == 404)
        #expect(try ask(port, EventStreamClient.request(channel: "alpha")).0.status == 404)
        #expect(try ask(port, RequestText("/metrics", method: "POST")).0.status == 405)
        let figures = try gateway.figures().figures
        #expect(figures.webSocketConnections == 1)
        #expect(figures.handshakesRefused.counts.allSatisfy { $0.count == 0 })
        withExtendedLifetime(client) {}
    }

    @Test("a metricsPort that is taken is an error that names the key")
    func portTaken() throws {
        let redis = try RedisProcess()
        let first = try TestGateway.quiet(redis)
        do {
            let second = try TestGateway.quiet(redis) { $0.metricsPort = first.port }
            Issue.record("a gateway began on port \(second.port)")
        } catch let error as GatewayError {
            #expect(error.description.contains("taken") && error.description.contains("\"metricsPort\""))
            #expect(!error.isAboutPort)
        }
    }

    @Test("requests in one go are answered in their order, on one connection")
    func pipelined() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 3 }.ready()
        let socket = try TestSocket.connect(port: gateway.port)
        let metrics = RequestText("/metrics").text
        try socket.send(metrics + RequestText("/health").text + metrics + RequestText("/nothing").text + metrics)
        for status in [200, 200, 200, 404, 200] {
            #expect(try HTTPAnswer.read(from: socket).status == status)
        }
        // And a head that arrives byte by byte while the one before is being answered.
        try socket.send(metrics)
        try socket.dribble(RequestText("/ready").adding("Connection: close").text)
        #expect(try HTTPAnswer.read(from: socket).body.contains("sluice_deliveries_total"))
        #expect(try HTTPAnswer.read(from: socket).body == "ready\n")
        #expect(try socket.ending() == .finished)
    }

    @Test("many who ask at once are all answered, each with what was so when it asked")
    func concurrent() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 3 }.ready()
        var clients: [WebSocketClient] = []
        for count in 1...5 {
            clients.append(try gateway.connect("alpha"))
            let sockets = try (0..<20).map { _ in try TestSocket.connect(port: gateway.port) }
            for socket in sockets { try socket.send(RequestText("/metrics").text) }
            for socket in sockets {
                let scrape = try Scrape(try HTTPAnswer.read(from: socket).body, .text)
                #expect(scrape.value("sluice_connections", ["transport": "websocket"]) == Double(count))
            }
        }
    }

    @Test("who asks and does not read, or is gone, costs only itself")
    func slowScrapers() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 2
            // All four must have been flooded before the first is closed for not reading.
            $0.handshakeTimeoutMs = Sanitizer.isActive ? 20_000 : 3000
        }.open()
        let flood = Array(String(repeating: RequestText("/metrics").text, count: 20_000).utf8)
        let slow = try (0..<4).map { _ in try TestSocket.connect(port: gateway.port, receiveBuffer: 2048) }
        for socket in slow {
            _ = try socket.flood(flood, patience: 50)
        }
        try eventually("their answers wait") { try gateway.figures().figures.socketsBlocked == 4 }
        for _ in 0..<20 {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(RequestText("/metrics").text)
            socket.reset()
        }
        let client = try gateway.connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        #expect(eventID(try client.event()) == id)
        #expect(try gateway.scrape().value("sluice_deliveries_total") == 1)
        // Both listeners and the one client are left.
        try eventually("the others are closed", within: 60) { try ProcessFacts.sockets(onLocalPort: gateway.port) == 3 }
        #expect(try gateway.figures().figures.socketsBlocked == 0)
        withExtendedLifetime(slow) {}
    }

    @Test("a socket whose client does not read is counted as blocked until it does")
    func blocked() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 1 }.ready()
        let client = try WebSocketClient(port: gateway.port, channel: "alpha", receiveBuffer: 2048)
        let large = sampleEvent("alpha", String(repeating: "j", count: 900_000))
        for _ in 0..<12 { try redis.publish("alpha", large) }
        try eventually("it is blocked") { try gateway.scrape().value("sluice_sockets_blocked") == 1 }
        _ = try client.events(12, deadline: Deadline(seconds: 60))
        try eventually("it is not any more") { try gateway.scrape().value("sluice_sockets_blocked") == 0 }
        // One that ends while it is blocked is counted out as well.
        for _ in 0..<12 { try redis.publish("alpha", large) }
        try eventually("it is blocked again") { try gateway.scrape().value("sluice_sockets_blocked") == 1 }
        client.socket.reset()
        try eventually("it is gone") {
            try gateway.scrape().value("sluice_connections", ["transport": "websocket"]) == 0
        }
        #expect(try gateway.scrape().value("sluice_sockets_blocked") == 0)
    }

    @Test("while Redis is away, those who wait for it are counted")
    func replaysWaiting() throws {
        let redis = try RedisProcess(persistent: true)
        try redis.publish("alpha", sampleEvent("alpha", "job-1"))
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = 1024 }.ready()
        redis.kill()
        try eventually("it is noticed") { try gateway.figures().figures.redisConnected == 0 }
        let clients = try (0..<3).map { _ in try gateway.connect("alpha", lastID: "5-0") }
        try eventually("three wait") { try gateway.scrape().value("sluice_replays_waiting") == 3 }
        try redis.start()
        try eventually("nobody waits") { try gateway.scrape().value("sluice_replays_waiting") == 0 }
        withExtendedLifetime(clients) {}
    }
}
