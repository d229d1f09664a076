import Testing

@testable import Metrics

@Suite("What StatsD is told every so often")
struct StatsDReportTests {
    private func lines(
        tags: [String] = [], _ body: (inout StatsDLines) -> Void
    ) -> [String] {
        var lines = StatsDLines(globalTags: tags)
        body(&lines)
        return lines.takeDatagrams().flatMap {
            String(decoding: $0, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    @Test("counters are told as what they have grown by, those that stand still not at all")
    func growth() {
        var report = StatsDReport()
        var counters = LoopCounters()
        counters.deliveries = 7
        counters.handshakesRefused.add("origin", 2)
        counters.handshakesRefused.add("starting", 0)
        counters.closedByClient = 3
        #expect(
            lines { report.addCounts(of: counters.snapshot(), to: &$0) } == [
                "deliveries:7|c", "handshakes_refused:2|c|#reason:origin", "connections_closed:3|c|#reason:client",
            ])
        #expect(lines { report.addCounts(of: counters.snapshot(), to: &$0) } == [])
        counters.deliveries = 10
        counters.handshakesRefused.add("starting", 1)
        #expect(
            lines(tags: ["env:x"]) { report.addCounts(of: counters.snapshot(), to: &$0) } == [
                "deliveries:3|c|#env:x", "handshakes_refused:1|c|#env:x,reason:starting",
            ])
    }

    @Test("levels are told each time, noughts too, and what the process has used as its growth")
    func levels() {
        var report = StatsDReport()
        var counters = LoopCounters()
        counters.serverSentEventsConnections = 4
        counters.streamLagMilliseconds = 12
        // Another's to tell.
        counters.deliveries = 5
        var snapshot = counters.snapshot()
        var process = ProcessFigures()
        process.cpuMilliseconds = 120
        process.residentBytes = 4096
        process.version = "1"
        snapshot.process = process
        let first = lines { report.addLevels(of: snapshot, to: &$0) }
        for line in [
            "connections:0|g|#transport:websocket", "connections:4|g|#transport:sse", "channels:0|g",
            "stream_lag_ms:12|g", "process_cpu_ms:120|c", "process_resident_memory_bytes:4096|g",
        ] {
            #expect(first.contains(line), "\(line)")
        }
        #expect(!first.contains { $0.hasPrefix("deliveries") || $0.hasPrefix("build") })
        snapshot.process?.cpuMilliseconds = 150
        let second = lines { report.addLevels(of: snapshot, to: &$0) }
        #expect(second.contains("process_cpu_ms:30|c"))
        #expect(second.count == first.count)
    }

    /// As DogStatsD and statsd_exporter read it: how many a line stands for.
    private func weight(_ line: String) throws -> Int {
        guard let rate = line.split(separator: "|").first(where: { $0.hasPrefix("@") }) else { return 1 }
        return Int(1 / (try #require(Double(rate.dropFirst()))))
    }

    @Test("latencies are a line for each bucket: its mean, and how many by the sample rate")
    func latencies() throws {
        var report = StatsDReport()
        var counters = LoopCounters()
        counters.deliveryLatency.record(microseconds: 300)
        counters.deliveryLatency.record(microseconds: 401)
        counters.deliveryLatency.record(microseconds: 7000, count: 49)
        counters.deliveryLatency.record(microseconds: 31_000_000)
        let told = lines(tags: ["t:1"]) { report.addCounts(of: counters.snapshot(), to: &$0) }
        #expect(
            told.map { String($0.prefix { $0 != "|" }) } == [
                "delivery_latency:0.35", "delivery_latency:7", "delivery_latency:31000",
            ])
        #expect(try told.map(weight) == [2, 49, 1])
        #expect(told.last == "delivery_latency:31000|ms|#t:1")
        #expect(told.first == "delivery_latency:0.35|ms|@0.499750124|#t:1")
        #expect(lines { report.addCounts(of: counters.snapshot(), to: &$0) } == [])
    }

    @Test("a sample rate stands for exactly so many, whoever rounds")
    func rates() throws {
        for weight in 2...StatsDReport.maxObservations {
            let rate = try #require(StatsDReport.rate(for: weight).flatMap { Double($0) })
            #expect(Int(1 / rate) == weight)
            #expect(1 / rate < Double(weight) + 0.01)
        }
        #expect(StatsDReport.rate(for: 1) == nil)
    }

    @Test("millions of deliveries are a sample in which no slow one is lost")
    func capped() throws {
        var report = StatsDReport()
        var counters = LoopCounters()
        counters.deliveryLatency.record(microseconds: 100, count: 3_000_000)
        counters.deliveryLatency.record(microseconds: 3000, count: 1_000_000)
        counters.deliveryLatency.record(microseconds: 20_000_000)
        let told = lines { report.addCounts(of: counters.snapshot(), to: &$0) }
        #expect(try told.map(weight) == [749, 249, 1])
    }

    @Test("every line that a figure can make fits beside the longest tags")
    func lengths() {
        let tag = String(repeating: "x", count: 1432 - 130 - 2)
        var counters = LoopCounters()
        for field in [\LoopCounters.deliveries, \.bytesSent, \.eventsReplayed, \.closedAsExpired] {
            counters[keyPath: field] = .max
        }
        counters.handshakesRefused.add(String(repeating: "r", count: 40), .max)
        counters.replaysFromChannelStream = .max
        counters.deliveryLatency.record(microseconds: 30_000_000_001, count: 997)
        counters.historyOldestAgeMilliseconds = .max
        counters.webSocketConnections = .max
        var snapshot = counters.snapshot()
        var process = ProcessFigures()
        process.residentBytes = .max
        process.historyCapacityBytes = .max
        snapshot.process = process
        var lines = StatsDLines(globalTags: [tag])
        #expect(lines.omittedTags.isEmpty)
        var report = StatsDReport()
        report.addCounts(of: snapshot, to: &lines)
        report.addLevels(of: snapshot, to: &lines)
        let datagrams = lines.takeDatagrams()
        #expect(datagrams.count >= 20)
        #expect(datagrams.allSatisfy { $0.count <= 1432 })
    }
}
