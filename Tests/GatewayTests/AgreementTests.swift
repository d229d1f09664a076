import Configuration
import Foundation
import Gateway
import Metrics
import TestSupport
import Testing

/// `/metrics`, StatsD and the clients' own counts are the same numbers, to the unit.
@Suite("Figures agree")
struct AgreementTests {
    /// StatsD's lines added up by name and tag, levels the last.
    private struct Told {
        var counts: [String: Int] = [:]
        var levels: [String: Int] = [:]
        var latencies = 0

        mutating func take(_ line: String) throws {
            let parts = line.split(separator: "|").map(String.init)
            let pair = parts[0].split(separator: ":").map(String.init)
            let tag = parts.last?.hasPrefix("#") == true ? String(parts.last?.dropFirst("#env:t".count) ?? "") : ""
            let name = pair[0] + tag
            switch parts[1] {
            case "c", "g":
                guard let value = Int(pair[1]) else { throw Failure("not a whole number: \(line)") }
                if parts[1] == "c" { counts[name, default: 0] += value } else { levels[name] = value }
            case "ms":
                let rate = parts.first { $0.hasPrefix("@") }.flatMap { Double($0.dropFirst()) }
                latencies += rate.map { Int(1 / $0) } ?? 1
            default: throw Failure("not a line of ours: \(line)")
            }
        }
    }

    @Test("events, deliveries, bytes, refusals, replays, gaps and ends, over both transports and three loops")
    func everything() throws {
        let redis = try RedisProcess()
        let server = try DatagramReceiver()
        // From before the log: ten of each, of one channel the first six are gone, ten seconds lying between any two.
        for number in 0..<10 {
            let time = 1_600_000_000_000 + number * 10_000
            try redis.addEvent(
                "gamma", sampleEvent("gamma", "old-\(number)"), channelID: "\(time)-0", globalID: "\(time + 1)-0")
        }
        try redis.command("XTRIM", "async-events-gamma", "MAXLEN", "=", "4")
        let old = try (0..<10).map { try redis.publish("alpha", sampleEvent("alpha", "old-\($0)")).global }
        for _ in 0..<100 { try redis.publish("filler", sampleEvent("filler", String(repeating: "f", count: 2000))) }
        let gateway = try TestGateway.quiet(redis) {
            $0.eventLoops = 3
            $0.historyBytes = 32 * 1024
            $0.statsd.port = server.port
            $0.statsd.globalTags = ["env:t"]
            $0.statsd.reportIntervalMs = 100
        }.open()
        var sockets: [TestSocket] = []
        let before = try gateway.figures().figures
        #expect(before.eventsRead == 0)

        // Refusals.
        func refuse(_ request: RequestText, _ status: Int) throws {
            let socket = try TestSocket.connect(port: gateway.port)
            try socket.send(request.text)
            #expect(try HTTPAnswer.read(from: socket).status == status)
            #expect(try socket.ending() == .finished)
            sockets.append(socket)
        }
        for _ in 0..<2 { try refuse(RequestText(upgradeTo: "alpha").without("Cookie"), 401) }
        for _ in 0..<3 { try refuse(RequestText(upgradeTo: "alpha", token: "garbage"), 401) }
        try refuse(RequestText(upgradeTo: "alpha").adding("Origin: https://evil.example"), 403)
        try refuse(
            RequestText("/events").adding("Accept: text/html", "Cookie: async-token=\(WebSocketClient.token("a"))"), 406
        )

        // Three sockets of two transports on one channel, one on another.
        let first = try gateway.connect("alpha")
        let second = try gateway.connect("alpha")
        let stream = try gateway.stream("alpha")
        let other = try gateway.connect("beta")
        sockets += [first.socket, second.socket, stream.socket, other.socket]
        var ids: [String] = []
        for number in 0..<20 {
            ids.append(try redis.publish("alpha", sampleEvent("alpha", "job-\(number)")).global)
            if number % 4 == 0 { try redis.publish("beta", sampleEvent("beta", "job-\(number)")) }
            if number % 5 == 0 { try redis.publish("nobody", sampleEvent("nobody", "job-\(number)")) }
        }
        try redis.add("async-events-full", data: "[1]")
        try redis.add("async-events-full", data: "not JSON")
        for client in [first, second] { _ = try client.events(20) }
        _ = try stream.events(20)
        _ = try other.events(5)

        // Replays: seven from memory, six and four from channels' streams, the four behind a gap.
        let fromMemory = try gateway.connect("alpha", lastID: ids[12])
        _ = try fromMemory.events(7)
        let fromStream = try gateway.connect("alpha", lastID: old[3])
        _ = try fromStream.events(6 + 20)
        let behindGap = try gateway.stream("gamma", lastEventID: "1600000010001-0")
        _ = try behindGap.events(4)
        for client in [fromMemory, fromStream] { #expect(try client.barrier() == []) }
        sockets += [fromMemory.socket, fromStream.socket, behindGap.socket]
        let replayed = 7 + 26 + 4

        // Ends: one says good-bye, one just goes, one breaks the protocol.
        try first.send(opcode: 8, [0x03, 0xE8])
        #expect(try first.frame().closeCode == 1000)
        #expect(try first.socket.ending() == .finished)
        stream.socket.shutdownWrite()
        #expect(try stream.remaining().isEmpty)
        try second.send(opcode: 3, [])
        #expect(try second.frame().closeCode == 1002)
        #expect(try second.socket.ending() == .finished)
        try eventually("all is counted") {
            let figures = try gateway.figures().figures
            return figures.webSocketConnections == 3 && figures.serverSentEventsConnections == 1
                && figures.eventsRead == 20 + 5 + 4 + 2
        }

        let last = try TestSocket.connect(port: gateway.port)
        try last.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        let scrape = try Scrape(try HTTPAnswer.read(from: last).body, .text)
        let live = 3 * 20 + 5
        func expect(_ name: String, _ labels: [String: String], _ value: Int) {
            #expect(scrape.value(name, labels) == Double(value), "\(name) \(labels)")
        }
        expect("sluice_events_read_total", [:], 31)
        expect("sluice_events_skipped_total", [:], 2)
        expect("sluice_deliveries_total", [:], live + replayed)
        expect("sluice_delivery_latency_seconds_count", [:], live)
        let received = sockets.reduce(0) { $0 + $1.receivedBytes }
        expect("sluice_bytes_sent_total", [:], before.bytesSent + received)
        let refusals = ["token_missing": 2, "token_malformed": 3, "origin": 1, "not_acceptable": 1]
        for tag in RefusalNames.all {
            expect("sluice_handshakes_refused_total", ["reason": tag], refusals[tag] ?? 0)
        }
        expect("sluice_replays_total", ["source": "memory"], 1)
        expect("sluice_replays_total", ["source": "channel_stream"], 2)
        expect("sluice_events_replayed_total", [:], replayed)
        expect("sluice_gaps_total", [:], 1)
        for (reason, count) in ["client": 2, "error": 1, "timeout": 0, "slow": 0, "drain": 0, "expired": 0] {
            expect("sluice_connections_closed_total", ["reason": reason], count)
        }
        expect("sluice_connections", ["transport": "websocket"], 3)
        expect("sluice_connections", ["transport": "sse"], 1)
        expect("sluice_stream_breaks_total", [:], 0)

        // StatsD: the levels while it runs, the counts once it has ended.
        var told = Told()
        try eventually("the levels are told") {
            for line in try server.waitingLines() { try told.take(line) }
            return told.levels["connections,transport:websocket"] == 3
                && told.levels["connections,transport:sse"] == 1 && told.levels["redis_connected"] == 1
                && told.levels["event_loops"] == 3
        }
        gateway.gateway.stop()
        gateway.gateway.wait()
        for line in try server.waitingLines() { try told.take(line) }
        var expected = [
            "ws_connected_client": 5, "sse_connected_client": 2, "events_read": 31, "events_skipped": 2,
            "deliveries": live + replayed, "replays,source:memory": 1, "replays,source:channel_stream": 2,
            "events_replayed": replayed, "gaps": 1, "connections_closed,reason:client": 2,
            "connections_closed,reason:error": 1,
            "bytes_sent": before.bytesSent + received + last.receivedBytes,
        ]
        for (tag, count) in refusals { expected["handshakes_refused,reason:\(tag)"] = count }
        #expect(told.counts.removeValue(forKey: "process_cpu_ms") != nil)
        #expect(told.counts == expected)
        #expect(told.latencies == live)
    }

    @Test("a replay that takes several rounds of reading is one replay, and its events are counted once")
    func rounds() throws {
        let redis = try RedisProcess()
        // Pages of a round are bounded in bytes.
        let text = String(repeating: "x", count: 400_000)
        let ids = try (0..<12).map { try redis.publish("alpha", sampleEvent("alpha", "\($0)-\(text)")).global }
        try redis.publish("filler", sampleEvent("filler", text))
        let gateway = try TestGateway.quiet(redis) { $0.historyBytes = 1024 }.open()
        let client = try gateway.connect("alpha", lastID: ids[0])
        _ = try client.events(11, deadline: Deadline(seconds: 60))
        #expect(try client.barrier().isEmpty)
        let figures = try gateway.figures().figures
        #expect(figures.replaysFromChannelStream == 1)
        #expect(figures.replaysFromMemory == 0)
        #expect(figures.eventsReplayed == 11)
        #expect(figures.deliveries == 11)
        #expect(figures.deliveryLatency.count == 0)
    }

    @Test("who comes with the newest ID, or with none, has missed nothing")
    func nothingMissed() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let first = try gateway.connect("alpha")
        let (_, id) = try redis.publish("alpha", sampleEvent("alpha", "job"))
        _ = try first.event()
        // Others' events are nothing that one could miss.
        try redis.publish("beta", sampleEvent("beta", "job"))
        try eventually("it was read") { try gateway.figures().figures.eventsRead == 2 }
        try gateway.settle()
        let second = try gateway.connect("alpha", lastID: id)
        #expect(try second.barrier().isEmpty)
        try redis.publish("alpha", sampleEvent("alpha", "job"))
        for client in [first, second] { _ = try client.event() }
        let figures = try gateway.figures().figures
        #expect(figures.eventsReplayed == 0)
        #expect(figures.replaysFromMemory + figures.replaysFromChannelStream == 0)
        #expect(figures.deliveryLatency.count == 3)
    }

    @Test("the latency of a live delivery is the age of its ID, and nought for an ID from the future")
    func latency() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis).open()
        let client = try gateway.connect("alpha")
        func add(_ milliseconds: Int) throws {
            try redis.add("async-events-full", "\(milliseconds)-0", data: sampleEvent("alpha", "job"))
            _ = try client.event()
        }
        let now = Int(try redis.milliseconds())
        try add(now - 3_600_000)
        var histogram = try gateway.figures().figures.deliveryLatency
        #expect(histogram.buckets.last?.count == 1)
        #expect(abs(histogram.sum - 3_600_000_000) < 120_000_000)
        try add(now + 3_600_000)
        histogram = try gateway.figures().figures.deliveryLatency
        #expect(histogram.buckets.first?.count == 1)
        #expect(histogram.count == 2)
    }

    @Test("a burst to many sockets is one entry in the histogram for each delivery")
    func burst() throws {
        let redis = try RedisProcess()
        let gateway = try TestGateway.quiet(redis) { $0.eventLoops = 2 }.open()
        // More of one channel than are written to between two readings of the clock.
        let clients = try (0..<150).map { try gateway.connect($0 < 140 ? "c0" : "c\($0 % 3)") }
        try redis.burst(90, channels: 3)
        for client in clients { _ = try client.events(30) }
        let figures = try gateway.figures().figures
        #expect(figures.deliveries == 150 * 30)
        #expect(figures.deliveryLatency.count == 150 * 30)
    }
}

/// The label's values as they are documented.
enum RefusalNames {
    static let all = [
        "bad_request", "bad_handshake", "timeout", "token_missing", "origin", "starting", "draining",
        "too_many_connections", "too_many_on_channel", "too_many_from_address", "not_acceptable", "plain_http", "tls",
        "tls_timeout", "proxy_header", "token_empty", "token_too_long",
        "token_malformed", "token_algorithm", "token_critical_extension", "token_key", "token_signature",
        "token_not_checkable",
        "token_date", "token_expired", "token_not_yet_valid", "token_channel",
    ]
}
